"""Networks as the native core makes them: launch requests with the mode `bridge`, in a namespace of the test's own."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from helpers.netns import Namespace, connect, namespace_of, run
from helpers.processes import find, wait_ended
from rocker import _core
from rocker.engine import roots
from rocker.engine.start import RUNTIME
from rocker.errors import (
    ConflictError,
    GoneError,
    InvalidArgumentError,
    NotFoundError,
    NotRunningError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from helpers.engine import EngineRoots

TABLE = "rocker-0badcafe"
SYSCTLS = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
PATIENCE = 20.0
ANY = "0.0.0.0"


class Net:
    """A network of the test: its bridge, and endpoints in it."""

    def __init__(self, number: int, name: str = "mynet", **bridge: Any) -> None:
        self.number = number
        self.name = name
        self.id = f"{number:02x}" * 32
        self.bridge = {
            "name": f"rk-test{number}",
            "addresses": [f"10.88.{number}.1/24", f"fd88:{number}::1/64"],
            **bridge,
        }

    def endpoint(self, host: int, *names: str, interface: str = "eth0", **members: Any) -> dict[str, Any]:
        internal = self.bridge.get("internal", False)
        return {
            "network": self.id,
            "name": self.name,
            "bridge": self.bridge,
            "interface": interface,
            "mac": f"02:42:0a:58:{self.number:02x}:{host:02x}",
            "addresses": [f"{self.ip(host)}/24", f"{self.ip6(host)}/64"],
            "gateways": [] if internal else [self.ip(1), self.ip6(1)],
            "names": list(names),
            "resolver": True,
            **members,
        }

    def ip(self, host: int) -> str:
        return f"10.88.{self.number}.{host}"

    def ip6(self, host: int) -> str:
        return f"fd88:{self.number}::{host:x}"


class Running:
    """A started container."""

    def __init__(self, host: Host, id: str, session: _core.Session) -> None:
        self.host = host
        self.id = id
        self.session = session
        self.servers: list[Server] = []

    def state(self) -> dict[str, Any]:
        return json.loads((self.host.roots.run / "containers" / self.id / "state.json").read_text())

    def call(self, **body: Any) -> Any:
        return _core.call(str(self.host.roots.run), self.id, json.dumps(body).encode())

    def inside(self) -> Namespace:
        return namespace_of(self.state()["pid"])

    def exec(self, *command: str) -> str:
        """Run a program of the machine in the container's network namespace."""
        namespace = self.inside()
        with namespace.entered():
            output = run(*command)
        namespace.close()
        return output

    def end(self) -> None:
        for server in self.servers:
            server.close()
        with suppress(GoneError, NotFoundError, NotRunningError):
            self.call(op="kill")
        self.session.communicate(None)


class Host:
    """A host of the test's own: roots, and a network namespace in which this thread is."""

    def __init__(self, roots_: EngineRoots, rootfs: Path) -> None:
        self.roots = roots_
        self.rootfs = rootfs
        self.running: list[Running] = []
        roots.prepare(str(roots_.root), str(roots_.run))

    def request(self, endpoints: list[dict[str, Any]], command: list[str], **network: Any) -> dict[str, Any]:
        kinds = ("mount", "pid", "ipc", "uts", "network")
        return {
            "op": "start",
            "spec": {
                "ociVersion": "1.2.0",
                "process": {
                    "args": command,
                    "cwd": "/",
                    "env": ["PATH=/bin:/usr/bin"],
                    "user": {"uid": 0, "gid": 0},
                },
                "linux": {"sysctl": SYSCTLS, "namespaces": [{"type": kind} for kind in kinds]},
                "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            },
            "rootfs": {"directory": str(self.rootfs), "upper": True, "volatile": True},
            "remove": True,
            "log": {"driver": "none"},
            "network": {"mode": "bridge", "table": TABLE, "endpoints": endpoints, **network},
            "files": {"resolv.conf": "nameserver 127.0.0.11\noptions ndots:0\n"},
        }

    def start(
        self, endpoints: list[dict[str, Any]], command: list[str] | None = None, **network: Any
    ) -> Running:
        identity = os.urandom(32).hex()
        os.makedirs(self.roots.root / "containers" / identity)
        request = {**self.request(endpoints, command or ["sleep", "600"], **network), "id": identity}
        session = _core.start(
            RUNTIME,
            str(self.roots.root),
            str(self.roots.run),
            json.dumps(request).encode(),
            attach=(False, True, True),
        )
        self.running.append(Running(self, identity, session))
        return self.running[-1]

    def serve(self, net: Net, host: int, name: str, **network: Any) -> Running:
        """A container that serves its name on TCP port 80 and UDP port 53 of all its addresses."""
        container = self.start([net.endpoint(host, name)], **network)
        inside = container.inside()
        container.servers = [Server(inside, name, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
        inside.close()
        return container


class Server:
    """A thread of the test that answers everybody with a name, by a socket of a container's namespace."""

    def __init__(self, namespace: Namespace, name: str, kind: socket.SocketKind) -> None:
        self.name = name.encode()
        self.socket = namespace.socket(socket.AF_INET6, kind)
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(("::", 80 if kind == socket.SOCK_STREAM else 53))
        if kind == socket.SOCK_STREAM:
            self.socket.listen()
        serve = self._stream if kind == socket.SOCK_STREAM else self._datagram
        self.thread = threading.Thread(target=serve)
        self.thread.start()

    def _stream(self) -> None:
        with suppress(OSError):
            while True:
                with self.socket.accept()[0] as one:
                    one.sendall(self.name)

    def _datagram(self) -> None:
        with suppress(OSError):
            while True:
                message, peer = self.socket.recvfrom(100)
                if not message:
                    return
                self.socket.sendto(self.name, peer)

    def close(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(PATIENCE)
        self.socket.close()


@pytest.fixture
def host(engine_roots: EngineRoots, busybox_rootfs: Path) -> Iterator[Host]:
    """See Host; afterwards nothing of the containers is left in its namespace."""
    namespace = Namespace()
    with namespace.entered():
        made = Host(engine_roots, busybox_rootfs)
        yield made
        for container in made.running:
            container.end()
        for container in made.running:
            _core.settle(str(engine_roots.run), str(engine_roots.root), container.id)
        until(lambda: not [name for name in _core.links() if name.startswith("rkv")])
        for name in [name for name in _core.links() if name.startswith("rk-")]:
            assert elements("ports4") == elements("anywhere4") == elements("itself4") == []
            _core.network_remove(name, TABLE)
        assert TABLE not in run("nft", "list", "ruleset")
        assert list((engine_roots.run / "networks").glob("*/*")) == []
        assert not engine_roots.stop_launcher()
    namespace.close()


def until(condition: Callable[[], object]) -> None:
    """Poll until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not become so"
        time.sleep(0.01)


def elements(name: str) -> list[Any]:
    """The elements of a set or map of the table."""
    done = subprocess.run(
        ["nft", "-j", "list", "table", "inet", TABLE], capture_output=True, check=False, timeout=60
    )
    parts = json.loads(done.stdout)["nftables"] if done.returncode == 0 else []
    for part in parts:
        for kind in ("set", "map"):
            if part.get(kind, {}).get("name") == name:
                return part[kind].get("elem", [])
    return []


def fetch(
    ip: str, port: int, *, namespace: Namespace | None = None, udp: bool = False, source: str = ""
) -> str | None:
    """What a container serves there, or None."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    one = namespace.socket(family, kind) if namespace else socket.socket(family, kind)
    with one:
        one.settimeout(1)
        try:
            if source:
                one.bind((source, 0))
            one.connect((ip, port))
            if udp:
                one.send(b"x")
            return one.recv(100).decode().strip() or None
        except OSError:
            return None


def port(protocol: str, host_ip: str, host_port: int, container_port: int) -> dict[str, Any]:
    return {
        "protocol": protocol,
        "host_ip": host_ip,
        "host_port": host_port,
        "container_port": container_port,
    }


def question(name: str, kind: int = 1, number: int = 0x1234) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label)
    return struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)


def lookup(namespace: Namespace, name: str, kind: int = 1, *, tcp: bool = False) -> tuple[int, list[str]]:
    """The code and the answers of the resolver at 127.0.0.11: addresses, or names as text."""
    message = question(name, kind)
    with namespace.socket(kind=socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as one:
        one.connect(("127.0.0.11", 53))
        if tcp:
            one.sendall(struct.pack(">H", len(message)) + message)
            file = one.makefile("rb")
            answer = file.read(struct.unpack(">H", file.read(2))[0])
        else:
            one.send(message)
            answer = one.recv(4096)
    assert answer[:2] == message[:2]
    assert answer[12 : len(message)] == message[12:]
    found, at = [], len(message)
    for _ in range(struct.unpack(">H", answer[6:8])[0]):
        (record,) = struct.unpack(">H", answer[at + 2 : at + 4])
        (length,) = struct.unpack(">H", answer[at + 10 : at + 12])
        data = answer[at + 12 : at + 12 + length]
        found.append(_text(record, data))
        at += 12 + length
    return answer[3] & 15, found


def _text(record: int, data: bytes) -> str:
    if record == 12:
        labels = []
        while data[0]:
            labels.append(data[1 : 1 + data[0]].decode())
            data = data[1 + data[0] :]
        return ".".join(labels)
    return socket.inet_ntop(socket.AF_INET if record == 1 else socket.AF_INET6, data)


A, PTR, AAAA = 1, 12, 28


def test_a_container_has_the_planned_links_addresses_and_routes(host: Host) -> None:
    net = Net(1, mtu=1400)
    container = host.start([net.endpoint(2, "web")])
    link = json.loads(container.exec("ip", "-j", "address", "show", "dev", "eth0"))[0]
    assert (link["address"], link["mtu"], "UP" in link["flags"]) == ("02:42:0a:58:01:02", 1400, True)
    addresses = {(one["local"], one["prefixlen"]) for one in link["addr_info"] if one["scope"] == "global"}
    assert addresses == {("10.88.1.2", 24), ("fd88:1::2", 64)}
    for family, gateway in (("-4", "10.88.1.1"), ("-6", "fd88:1::1")):
        (route,) = json.loads(container.exec("ip", "-j", family, "route", "show", "default"))
        assert (route["gateway"], route["dev"]) == (gateway, "eth0")
    told = container.state()["network"]
    assert told["endpoints"][0] | {"link": ""} == {
        "network": net.id,
        "interface": "eth0",
        "link": "",
        "addresses": ["10.88.1.2/24", "fd88:1::2/64"],
        "mac": "02:42:0a:58:01:02",
    }
    assert told["endpoints"][0]["link"] in _core.links()
    record = json.loads((host.roots.run / "networks" / net.id / container.id).read_text())
    assert record == {
        "container": container.id,
        "names": ["web"],
        "addresses": ["10.88.1.2", "fd88:1::2"],
        "shim_pid": container.state()["shim_pid"],
    }


def test_a_network_without_ipv6_has_none(host: Host) -> None:
    net = Net(1, addresses=["10.88.1.1/24"])
    four = net.endpoint(2, "web", addresses=["10.88.1.2/24"], gateways=["10.88.1.1"])
    container = host.start([four], ports=[port("tcp", "::", 0, 80)])
    assert container.exec("ip", "-6", "address", "show", "dev", "eth0") == ""
    assert run("ip", "-6", "address", "show", "dev", "rk-test1") == ""
    assert elements("anywhere6") == []


def test_two_containers_talk_by_address_and_name(host: Host) -> None:
    net = Net(1)
    host.serve(net, 2, "web")
    other = host.start([net.endpoint(3, "other")])
    inside = other.inside()
    assert fetch("10.88.1.2", 80, namespace=inside) == "web"
    assert fetch("fd88:1::2", 80, namespace=inside) == "web"
    assert lookup(inside, "web") == (0, ["10.88.1.2"])
    inside.close()


def test_a_published_port_is_reached_by_loopback_and_address(host: Host) -> None:
    net = Net(1)
    wanted = [
        port("tcp", ANY, 8080, 80),
        port("tcp", "::", 8080, 80),
        port("udp", ANY, 5353, 53),
        port("tcp", "127.0.0.1", 0, 80),
    ]
    server = host.serve(net, 2, "web", ports=wanted)
    real = server.state()["network"]["ports"]
    assert real[:3] == wanted[:3]
    assert real[3]["host_port"] > 1023
    for ip in ("127.0.0.1", "127.0.0.5", "10.88.1.1", "fd88:1::1"):
        assert fetch(ip, 8080) == "web", ip
    assert fetch("127.0.0.1", real[3]["host_port"]) == "web"
    assert fetch("10.88.1.1", real[3]["host_port"]) is None
    for ip in ("127.0.0.1", "10.88.1.1"):
        until(lambda ip=ip: fetch(ip, 5353, udp=True) == "web")
    # IPv6 cannot be led away from loopback: refused at once, so that `localhost` goes on to 127.0.0.1.
    with socket.socket(socket.AF_INET6) as one, pytest.raises(ConnectionRefusedError):
        one.connect(("::1", 8080))


def test_a_neighbour_reaches_what_is_published_and_nothing_else(host: Host) -> None:
    net = Net(1)
    lan, here = Namespace(), namespace_of(os.getpid())
    connect(here, lan, "192.0.2.1/24", "192.0.2.2/24")
    with lan.entered():
        run("ip", "route", "add", "10.88.0.0/16", "via", "192.0.2.1")
        run("ip", "route", "add", "127.0.0.9/32", "via", "192.0.2.1")
        run("sysctl", "-qw", "net.ipv4.conf.wire.route_localnet=1")
    server = host.serve(net, 2, "web", ports=[port("tcp", ANY, 8080, 80), port("tcp", "127.0.0.9", 8081, 80)])
    assert fetch("192.0.2.1", 8080, namespace=lan) == "web"
    assert fetch("10.88.1.2", 80, namespace=lan) is None, "a port that is not published"
    assert fetch("127.0.0.9", 8081, namespace=lan, source="192.0.2.2") is None, "one of loopback alone"
    assert fetch("127.0.0.9", 8081) == "web"
    # The other way: what goes out has the host's address.
    with lan.socket() as listener:
        listener.bind(("192.0.2.2", 9000))
        listener.listen()
        inside = server.inside()
        with inside.socket() as one:
            one.connect(("192.0.2.2", 9000))
            accepted, peer = listener.accept()
            accepted.close()
            assert peer[0] == "192.0.2.1"
        inside.close()
    lan.close()
    here.close()


def test_containers_meet_by_the_hosts_ports_themselves_included(host: Host) -> None:
    one, two = Net(1), Net(2, "second")
    server = host.serve(one, 2, "web", ports=[port("tcp", ANY, 8080, 80)])
    same, other = host.start([one.endpoint(3)]), host.start([two.endpoint(2)])
    for container, gateway in (
        (server, "10.88.1.1"),
        (same, "10.88.1.1"),
        (other, "10.88.2.1"),
        (other, "10.88.1.1"),
    ):
        inside = container.inside()
        assert fetch(gateway, 8080, namespace=inside) == "web"
        inside.close()


def test_bridges_are_apart_and_an_internal_one_has_no_way_out(host: Host) -> None:
    one, two, closed = Net(1), Net(2, "second"), Net(3, "closed", internal=True)
    lan, here = Namespace(), namespace_of(os.getpid())
    connect(here, lan, "192.0.2.1/24", "192.0.2.2/24")
    with lan.socket() as listener:
        listener.bind(("192.0.2.2", 9000))
        listener.listen()
        host.serve(one, 2, "web", ports=[port("tcp", ANY, 8080, 80)])
        within = host.serve(closed, 2, "hidden")
        across = host.start([two.endpoint(2)]).inside()
        assert fetch("10.88.1.2", 80, namespace=across) is None
        assert fetch("fd88:1::2", 80, namespace=across) is None
        assert fetch("10.88.3.2", 80, namespace=across) is None
        assert fetch("10.88.3.2", 80) == "hidden", "the host itself"
        neighbour = host.start([closed.endpoint(3)]).inside()
        assert fetch("10.88.3.2", 80, namespace=neighbour) == "hidden"
        # Whatever routes it makes itself.
        within.exec("ip", "route", "add", "default", "via", "10.88.3.1")
        inside = within.inside()
        for ip, number in (("10.88.1.2", 80), ("192.0.2.2", 9000), ("10.88.3.1", 8080)):
            assert fetch(ip, number, namespace=inside) is None, ip
        for namespace in (across, neighbour, inside, lan, here):
            namespace.close()


def test_without_icc_containers_of_a_network_do_not_meet(host: Host) -> None:
    net = Net(1, icc=False)
    host.serve(net, 2, "web")
    inside = host.start([net.endpoint(3)]).inside()
    assert fetch("10.88.1.2", 80, namespace=inside) is None
    assert fetch("10.88.1.2", 80) == "web"
    inside.close()


def test_no_container_reaches_the_hosts_loopback(host: Host) -> None:
    container = host.start([Net(1).endpoint(2)])
    with socket.create_server(("127.0.0.1", 9000)) as listener:
        listener.settimeout(1)
        container.exec("ip", "route", "add", "127.0.0.1/32", "via", "10.88.1.1", "table", "100")
        container.exec("ip", "rule", "add", "to", "127.0.0.1", "table", "100", "pref", "0")
        container.exec("ip", "rule", "add", "pref", "10", "lookup", "local")
        container.exec("ip", "rule", "del", "pref", "0", "lookup", "local")
        container.exec("sysctl", "-qw", "net.ipv4.conf.eth0.route_localnet=1")
        inside = container.inside()
        assert fetch("127.0.0.1", 9000, namespace=inside, source="10.88.1.2") is None
        with pytest.raises(TimeoutError):
            listener.accept()
        inside.close()


def test_a_port_in_use_names_its_holder(host: Host) -> None:
    net = Net(1)
    first = host.start([net.endpoint(2)], ports=[port("tcp", ANY, 8080, 80)])
    with pytest.raises(
        ConflictError, match=r"^Bind for 127\.0\.0\.1:8080 failed: port is already allocated"
    ) as caught:
        host.start([net.endpoint(3)], ports=[port("tcp", "127.0.0.1", 8080, 80)])
    assert caught.value.hint == f"container {first.id[:12]} publishes it"
    with pytest.raises(ConflictError, match=r"^Bind for 0\.0\.0\.0:1 failed") as caught:
        host.start([net.endpoint(3)], ports=[port("udp", ANY, 1, 1), port("udp", ANY, 1, 2)])
    assert caught.value.hint == "the same port is published twice"
    with socket.create_server(("127.0.0.1", 9000)):
        with pytest.raises(
            ConflictError, match=r"^listen tcp4 0\.0\.0\.0:9000: bind: address already in use"
        ) as caught:
            host.start([net.endpoint(3)], ports=[port("tcp", ANY, 9000, 80)])
        assert f"pid {os.getpid()}, has it" in str(caught.value.hint)
    wrong = r"^listen tcp4 192\.0\.2\.77:9000: bind: cannot assign requested address"
    with pytest.raises(InvalidArgumentError, match=wrong) as caught:
        host.start([net.endpoint(3)], ports=[port("tcp", "192.0.2.77", 9000, 80)])
    assert caught.value.hint == "192.0.2.77 is no address of this host"


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


def test_a_flushed_rule_set_is_made_good(host: Host) -> None:
    net, two = Net(1), Net(2, "second")
    host.serve(net, 2, "web", ports=[port("tcp", ANY, 8080, 80)])
    host.start([two.endpoint(2)], ports=[port("tcp", ANY, 8081, 80)])
    before = sorted(map(str, elements("anywhere4")))
    rules = run("nft", "list", "table", "inet", TABLE).count("\n")
    for damage in (
        ["flush", "ruleset"],
        ["flush", "table", "inet", TABLE],
        ["delete", "table", "inet", TABLE],
    ):
        run("nft", *damage)
        until(lambda: sorted(map(str, elements("anywhere4"))) == before)
        until(lambda: run("nft", "list", "table", "inet", TABLE).count("\n") == rules)
        assert fetch("127.0.0.1", 8080) == "web"


def test_networks_are_joined_and_left_while_it_runs(host: Host) -> None:
    one, two = Net(1), Net(2, "second")
    web = host.serve(one, 2, "web", ports=[port("tcp", ANY, 8080, 80)])
    other = host.start([two.endpoint(3, "other")]).inside()
    joined = two.endpoint(2, "web", "alias", interface="eth1")
    web.call(op="connect", endpoint=joined, table=TABLE, files={"hosts": "10.88.2.2 web\n"})
    assert [endpoint["network"] for endpoint in web.state()["network"]["endpoints"]] == [one.id, two.id]
    assert lookup(other, "alias") == (0, ["10.88.2.2"])
    assert fetch("10.88.2.2", 80, namespace=other) == "web"
    inside = web.inside()
    assert lookup(inside, "other.second") == (0, ["10.88.2.3"])
    with pytest.raises(ConflictError, match="already attached to network second"):
        web.call(op="connect", endpoint={**joined, "interface": "eth2"}, table=TABLE)
    with pytest.raises(ConflictError, match="has a link eth1 already"):
        web.call(op="connect", endpoint=Net(4, "fourth").endpoint(2, interface="eth1"), table=TABLE)

    # The way out and the published ports go on by the other network.
    web.call(op="disconnect", network=one.id)
    assert [endpoint["network"] for endpoint in web.state()["network"]["endpoints"]] == [two.id]
    assert fetch("127.0.0.1", 8080) == "web"
    (route,) = json.loads(web.exec("ip", "-j", "route", "show", "default"))
    assert (route["gateway"], route["dev"]) == ("10.88.2.1", "eth1")
    with pytest.raises(NotFoundError, match="not connected to network"):
        web.call(op="disconnect", network=one.id)
    web.call(op="disconnect", network=two.id)
    assert json.loads(web.exec("ip", "-j", "link"))[-1]["ifname"] == "lo"
    assert lookup(other, "alias")[1] == []
    assert elements("anywhere4") == []
    web.call(op="connect", endpoint=one.endpoint(2, "web"), table=TABLE)
    assert fetch("127.0.0.1", 8080) == "web"
    assert lookup(inside, "web") == (0, ["10.88.1.2"])
    inside.close()
    other.close()


def test_a_container_without_endpoints_joins_no_network(host: Host) -> None:
    container = host.start([], mode="none")
    with pytest.raises(UnsupportedError, match="has no network of its own"):
        container.call(op="connect", endpoint=Net(1).endpoint(2), table=TABLE)


def test_a_connection_that_fails_leaves_nothing(host: Host) -> None:
    net, two = Net(1), Net(2, "second")
    container = host.start([net.endpoint(2, "web")])
    before = (set(_core.links()), container.state()["network"])
    for wrong in (
        two.endpoint(2, interface="eth1", sysctls={"net.ipv4.ip_forward": "1"}),
        two.endpoint(2, interface="eth1", sysctls={"net.ipv4.conf.IFNAME.nosuch": "1"}),
    ):
        with pytest.raises((InvalidArgumentError, NotFoundError)):
            container.call(op="connect", endpoint=wrong, table=TABLE)
        assert (set(_core.links()) - {"rk-test2"}, container.state()["network"]) == before
    assert not list((host.roots.run / "networks" / two.id).glob("*"))


def test_a_killed_shim_leaves_nothing_once_it_is_settled(host: Host) -> None:
    net = Net(1)
    container = host.start([net.endpoint(2, "web")], ports=[port("tcp", ANY, 8080, 80)])
    state = container.state()
    shim, init = find(state["shim_pid"]), find(state["pid"])
    assert shim is not None
    assert init is not None
    os.kill(shim.pid, signal.SIGKILL)
    assert wait_ended([shim, init], PATIENCE)
    # What was its has become another's, who keeps it.
    second = host.start([net.endpoint(3, "next")], ports=[port("tcp", ANY, 8080, 80)])
    _core.settle(str(host.roots.run), str(host.roots.root), container.id)
    assert [one[1]["concat"][0] for one in elements("anywhere4")] == ["10.88.1.3"]
    assert elements("itself4") == [{"concat": ["10.88.1.3", "10.88.1.3"]}]
    assert [path.name for path in (host.roots.run / "networks" / net.id).iterdir()] == [second.id]
    host.running.remove(container)


def test_a_start_that_fails_leaves_nothing(host: Host) -> None:
    net = Net(1)
    with pytest.raises(Exception, match="nosuch"):
        host.start([net.endpoint(2, "web")], ["nosuch"], ports=[port("tcp", ANY, 8080, 80)])
    wrong = net.endpoint(2, "web", gateways=["fd99::1"], addresses=["10.88.1.2/24"])
    with pytest.raises(Exception, match="addresses and routes"):
        host.start([wrong], ports=[port("tcp", ANY, 8080, 80)])
    until(lambda: not [name for name in _core.links() if name.startswith("rkv")])
    assert elements("anywhere4") == []


def test_a_network_is_made_and_removed_again_and_again(host: Host) -> None:
    plan = {"bridge": Net(1).bridge, "table": TABLE}
    for _ in range(2):
        _core.network_create(plan)
        _core.network_create(plan)
        assert "rk-test1" in _core.links()
        assert {"10.88.1.0/24", "fd88:1::/64"} <= set(_core.host_networks())
        _core.network_remove("rk-test1", TABLE)
        _core.network_remove("rk-test1", TABLE)
        assert TABLE not in run("nft", "list", "tables")
    assert host.running == []


@pytest.mark.parametrize("order", ["first", "later"])
def test_docker_on_the_same_host_lets_it_through(host: Host, order: str) -> None:
    def docker() -> None:
        for rule in (
            "-N DOCKER-USER",
            "-A FORWARD -j DOCKER-USER",
            "-A DOCKER-USER -j RETURN",
            "-P FORWARD DROP",
        ):
            run("iptables-nft", *rule.split())

    if order == "first":
        docker()
    lan, here = Namespace(), namespace_of(os.getpid())
    connect(here, lan, "192.0.2.1/24", "192.0.2.2/24")
    host.serve(Net(1), 2, "web", ports=[port("tcp", ANY, 8080, 80)])
    if order == "later":
        docker()
        until(lambda: "rk-test1" in run("iptables-nft", "-S", "DOCKER-USER"))
    assert run("iptables-nft", "-S", "DOCKER-USER").splitlines() == [
        "-N DOCKER-USER",
        '-A DOCKER-USER -o rk-test1 -m comment --comment "rocker rk-test1" -j ACCEPT',
        '-A DOCKER-USER -i rk-test1 -m comment --comment "rocker rk-test1" -j ACCEPT',
        "-A DOCKER-USER -j RETURN",
    ]
    assert fetch("192.0.2.1", 8080, namespace=lan) == "web"
    host.running[0].end()
    _core.network_remove("rk-test1", TABLE)
    assert "rk-test1" not in run("iptables-nft", "-S", "DOCKER-USER")
    lan.close()
    here.close()


def test_a_network_that_is_wrong_is_refused_whole(host: Host) -> None:
    bridge = Net(1).bridge
    for wrong, text in (
        ({"bridge": {**bridge, "name": "../x"}, "table": TABLE}, "is no name of a link"),
        ({"bridge": {**bridge, "addresses": ["10.88.1.1"]}, "table": TABLE}, "is no address with a prefix"),
        ({"bridge": {**bridge, "mtu": 10}, "table": TABLE}, "make the bridge `rk-test1`: Invalid argument"),
        ({"bridge": bridge, "table": "filter"}, "is no table of rocker's"),
        ({"bridge": {**bridge, "colour": 1}, "table": TABLE}, "unknown field `colour`"),
    ):
        with pytest.raises(InvalidArgumentError, match=text):
            _core.network_create(wrong)
    assert "rk-test1" not in _core.links()
    assert run("nft", "list", "tables") == ""
    assert host.running == []


def test_sixty_start_side_by_side(host: Host) -> None:
    from concurrent.futures import ThreadPoolExecutor

    net = Net(1)
    # Threads of their own are in the namespace of the thread that made them.
    with ThreadPoolExecutor(8) as pool:
        started = list(
            pool.map(
                lambda number: host.start(
                    [net.endpoint(number, f"c{number}")], ports=[port("tcp", ANY, 0, 80)]
                ),
                range(10, 70),
            )
        )
    assert len({one.state()["network"]["ports"][0]["host_port"] for one in started}) == 60
    assert len(elements("anywhere4")) == 60
    inside = started[0].inside()
    for number in range(10, 70):
        assert lookup(inside, f"c{number}") == (0, [net.ip(number)])
    inside.close()
