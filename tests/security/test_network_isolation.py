"""Who reaches whom: neighbours of the host, containers of other networks, the host's own loopback."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from helpers.netns import Namespace, connect, namespace_of, run
from helpers.networks import ANY, Net, fetch, lookup, port

if TYPE_CHECKING:
    from helpers.networks import Host


@pytest.mark.attack("T30")
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
