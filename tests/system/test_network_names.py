"""Names for containers: the resolver at 127.0.0.11, from records and from servers elsewhere."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from helpers.networks import AAAA, ANY, PTR, Host, Net, lookup, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.netns import Namespace


def test_names_are_answered(host: Host) -> None:
    net = Net(1)
    host.start([net.endpoint(2, "web", "www", "0123456789ab")])
    asker = host.start(
        [net.endpoint(3, "asker")], dns={"hosts": {"Fixed": ["192.0.2.7"]}, "servers": ["127.0.0.2"]}
    )
    inside = asker.inside()
    for tcp in (False, True):
        for name in ("web", "WWW", "0123456789ab", "web.mynet"):
            assert lookup(inside, name, tcp=tcp) == (0, ["10.88.1.2"]), name
        assert lookup(inside, "web", AAAA, tcp=tcp) == (0, ["fd88:1::2"])
        assert lookup(inside, "web", 15, tcp=tcp) == (0, [])
        assert lookup(inside, "2.1.88.10.in-addr.arpa", PTR, tcp=tcp) == (0, ["web.mynet"])
        assert lookup(inside, "fixed", tcp=tcp) == (0, ["192.0.2.7"])
    with inside.socket(kind=socket.SOCK_DGRAM) as one:
        one.bind((ANY, 53))  # a name server of its own has its port
    late = host.start([net.endpoint(4, "late")])
    assert lookup(inside, "late") == (0, ["10.88.1.4"])
    late.end()
    until(lambda: lookup(inside, "late") != (0, ["10.88.1.4"]))
    inside.close()


class Upstream:
    """A name server at 53 of an address: `example.org` is 192.0.2.53, all else is not there. Counts its questions."""

    def __init__(self, ip: str, namespace: Namespace | None = None) -> None:
        make = namespace.socket if namespace else socket.socket
        self.udp, self.tcp = make(socket.AF_INET, socket.SOCK_DGRAM), make(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.asked: list[bytes] = []
        for one in (self.udp, self.tcp):
            one.settimeout(None)
            one.bind((ip, 53))
        self.tcp.listen()
        self._threads = [threading.Thread(target=serve, daemon=True) for serve in (self._udp, self._tcp)]
        for thread in self._threads:
            thread.start()

    def _answer(self, message: bytes) -> bytes:
        self.asked.append(message)
        known = b"\7example\3org\0" in message
        head = message[:2] + bytes([0x81, 0x80 if known else 0x83]) + struct.pack(">4H", 1, known, 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 53])
        return head + message[12:] + (record if known else b"")

    def _udp(self) -> None:
        with suppress(OSError):
            while True:
                message, peer = self.udp.recvfrom(4096)
                if not message:
                    return
                self.udp.sendto(self._answer(message), peer)

    def _tcp(self) -> None:
        with suppress(OSError):
            while True:
                one, _ = self.tcp.accept()
                with one, one.makefile("rb") as file:
                    answer = self._answer(file.read(struct.unpack(">H", file.read(2))[0]))
                    one.sendall(struct.pack(">H", len(answer)) + answer)

    def close(self) -> None:
        for one in (self.udp, self.tcp):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def upstreams(*places: tuple[str, Namespace | None]) -> Iterator[list[Upstream]]:
    servers = [Upstream(ip, namespace) for ip, namespace in places]
    try:
        yield servers
    finally:
        for server in servers:
            server.close()


def test_other_names_are_asked_of_the_named_servers_from_within(host: Host) -> None:
    net = Net(1)
    provider = host.start([net.endpoint(9, "provider")])
    at = provider.inside()
    asker = host.start([net.endpoint(2, "asker")], dns={"servers": ["10.88.1.8", "10.88.1.9"]})
    inside = asker.inside()
    with upstreams(("10.88.1.9", at)) as (server,):
        for tcp in (False, True):
            # The first is not there: the second is asked.
            assert lookup(inside, "example.org", tcp=tcp) == (0, ["192.0.2.53"])
            assert lookup(inside, "nowhere.example", tcp=tcp) == (3, [])
        assert lookup(inside, "asker") == (0, ["10.88.1.2"])
        assert len(server.asked) == 4
    at.close()
    inside.close()


def test_where_nobody_can_be_asked_an_unknown_name_is_none(host: Host) -> None:
    closed = Net(3, "closed", internal=True)
    asker = host.start([closed.endpoint(2, "asker")])
    inside = asker.inside()
    for tcp in (False, True):
        assert lookup(inside, "asker", tcp=tcp) == (0, ["10.88.3.2"])
        assert lookup(inside, "nobody", tcp=tcp) == (3, [])
        assert lookup(inside, "example.org", tcp=tcp) == (2, []), "no question leaves an internal network"
    inside.close()
