"""Who reaches whom: neighbours of the host, containers of other networks, the host's own loopback."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest

from helpers.netns import Namespace, connect, namespace_of, run
from helpers.networks import ANY, TABLE, Net, elements, fetch, lookup, port
from helpers.until import until

if TYPE_CHECKING:
    from helpers.networks import Host


def other_machine() -> Namespace:
    """Another machine, which sends this one what is for its bridges and its loopback."""
    lan, here = Namespace(), namespace_of(os.getpid())
    connect(here, lan, "192.0.2.1/24", "192.0.2.2/24")
    here.close()
    with lan.entered():
        run("ip", "route", "add", "10.88.0.0/16", "via", "192.0.2.1")
        run("ip", "route", "add", "127.0.0.9/32", "via", "192.0.2.1")
        run("sysctl", "-qw", "net.ipv4.conf.wire.route_localnet=1")
    return lan


@pytest.mark.attack("T30")
def test_a_neighbour_reaches_what_is_published_and_nothing_else(host: Host) -> None:
    net = Net(1)
    lan = other_machine()
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


@pytest.mark.attack("T30")
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


@pytest.mark.attack("T30")
def test_without_icc_containers_of_a_network_do_not_meet(host: Host) -> None:
    net = Net(1, icc=False)
    host.serve(net, 2, "web")
    inside = host.start([net.endpoint(3)]).inside()
    assert fetch("10.88.1.2", 80, namespace=inside) is None
    assert fetch("10.88.1.2", 80) == "web"
    inside.close()


@pytest.mark.attack("T30")
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


@pytest.mark.attack("T30")
def test_no_question_leaves_an_internal_network(host: Host) -> None:
    closed = Net(3, "closed", internal=True)
    inside = host.start([closed.endpoint(2, "asker")]).inside()
    assert lookup(inside, "asker") == (0, ["10.88.3.2"])
    assert lookup(inside, "secret.example.org") == (2, [])
    inside.close()


@pytest.mark.attack("T30")
def test_a_router_in_a_container_is_nobodys_router(host: Host) -> None:
    container = host.start([Net(1).endpoint(2)])
    inside = container.inside()
    with inside.entered():
        assert run("sysctl", "-n", "net.ipv6.conf.eth0.accept_ra").strip() == "0"
    assert run("sysctl", "-n", "net.ipv6.conf.rk-test1.accept_ra").strip() == "0"
    inside.close()


def _advertisement() -> bytes:
    """A router's (RFC 4861, 4.2): default route for half an hour, with a prefix to make addresses of."""
    prefix = struct.pack(
        ">BBBBIII16s", 3, 4, 64, 0xC0, 1800, 1800, 0, socket.inet_pton(socket.AF_INET6, "2001:db8::")
    )
    return struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix


@pytest.mark.attack("T30")
def test_a_router_advertisement_of_a_container_changes_no_route(host: Host) -> None:
    """CVE-2020-10749, CVE-2020-13401."""
    net = Net(1)
    evil, neighbour = host.start([net.endpoint(2)]).inside(), host.start([net.endpoint(3)]).inside()
    here = namespace_of(os.getpid())

    def routes() -> list[str]:
        found = []
        for namespace in (here, neighbour):
            with namespace.entered():
                found += [
                    run("ip", "-6", "route"),
                    run("ip", "-6", "-o", "address", "show", "scope", "global"),
                ]
        return found

    before = routes()
    listeners = []
    for namespace, link in ((here, "rk-test1"), (neighbour, "eth0")):
        with namespace.entered():
            one = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
        one.settimeout(20)
        listeners.append(one)
    with evil.entered():
        sender = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        number = socket.if_nametoindex("eth0")
    sender.sendto(_advertisement(), ("ff02::1", 0, 0, number))
    for listener in listeners:
        while listener.recv(1000)[0] != 134:  # it has arrived, and the kernel has heard it before this
            pass
        listener.close()
    sender.close()
    assert routes() == before
    for namespace in (evil, neighbour, here):
        namespace.close()


@pytest.mark.attack("T30")
def test_a_container_draws_no_frames_by_the_hardware_address_of_another(host: Host) -> None:
    """A bridge learns where an address is from whoever uses it last; what is said at the start stays."""
    net = Net(1)
    server = host.serve(net, 2, "web")
    evil = host.start([net.endpoint(3)])
    link = server.state()["network"]["endpoints"][0]["link"]
    inside = evil.inside()
    assert fetch("10.88.1.2", 80) == "web"
    with inside.entered():
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        raw.bind(("eth0", 0))
    mine = bytes.fromhex("02420a580102")
    for _ in range(100):
        raw.send(b"\xff" * 6 + mine + b"\x88\xb5" + bytes(50))
    raw.close()
    shown = run("bridge", "fdb", "show", "br", "rk-test1")
    assert [line.split()[2] for line in shown.splitlines() if line.startswith("02:42:0a:58:01:02 ")] == [link]
    assert fetch("10.88.1.2", 80) == "web"
    other = host.start([net.endpoint(4)]).inside()
    assert fetch("10.88.1.2", 80, namespace=other) == "web"
    inside.close()
    other.close()


@pytest.mark.attack("T30")
def test_a_published_port_takes_nothing_that_is_for_another_host(host: Host) -> None:
    """CVE-2025-67499; CVE-2021-20199: and a peer is seen as who it is."""
    lan, here = Namespace(), namespace_of(os.getpid())
    connect(here, lan, "192.0.2.1/24", "192.0.2.2/24")
    with lan.entered():
        run("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.1")
    container = host.start([Net(1).endpoint(2)], ports=[port("tcp", ANY, 8080, 80)])
    inside = container.inside()
    with inside.socket() as server, lan.socket() as elsewhere:
        server.bind(("10.88.1.2", 80))
        server.listen()
        assert fetch("198.51.100.9", 8080, namespace=lan) is None, "passing through"
        elsewhere.bind(("192.0.2.2", 8080))
        elsewhere.listen()
        with inside.socket() as one:
            one.connect(("192.0.2.2", 8080))
            elsewhere.accept()[0].close()
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()
        server.settimeout(20)
        with lan.socket() as one:
            one.connect(("192.0.2.1", 8080))
            accepted, peer = server.accept()
            accepted.close()
            assert peer[0] == "192.0.2.2"
    for namespace in (inside, lan, here):
        namespace.close()


@pytest.mark.attack("T30")
def test_isolation_comes_back_when_the_rule_set_is_loaded_anew(host: Host) -> None:
    """CVE-2025-54388, CVE-2025-54410: a reload of the firewall took it away for good."""
    one, two, closed = Net(1), Net(2, "second"), Net(3, "closed", internal=True)
    host.serve(one, 2, "web", ports=[port("tcp", "127.0.0.9", 8081, 80)])
    hidden = host.serve(closed, 2, "hidden")
    across = host.start([two.endpoint(2)]).inside()
    lan = other_machine()

    def table() -> list[list[str]]:
        return [sorted(map(str, elements(name))) for name in ("bridges", "internal", "together", "ports4")]

    before = table()
    assert all(before)
    subprocess.run(
        ["nft", "-f", "-"], input=b"flush ruleset\nadd table inet somebody", check=True, timeout=60
    )
    until(lambda: table() == before, "the shims repair the table")
    assert TABLE in run("nft", "list", "tables")
    assert fetch("127.0.0.9", 8081) == "web"
    assert fetch("10.88.1.2", 80, namespace=across) is None
    assert fetch("10.88.3.2", 80, namespace=across) is None
    assert fetch("10.88.1.2", 80, namespace=lan) is None
    assert fetch("127.0.0.9", 8081, namespace=lan, source="192.0.2.2") is None
    hidden.exec("ip", "route", "add", "default", "via", "10.88.3.1")
    inside = hidden.inside()
    assert fetch("10.88.1.2", 80, namespace=inside) is None
    run("nft", "delete", "table", "inet", "somebody")
    for namespace in (across, inside, lan):
        namespace.close()
