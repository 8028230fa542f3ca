"""Networks as the native core makes them: launch requests with the mode `bridge`, in a namespace of the test's own."""

from __future__ import annotations

import json
import os
import signal
import socket
import time

import pytest

from helpers.netns import Namespace, connect, namespace_of, run
from helpers.networks import ANY, PATIENCE, TABLE, Host, Net, elements, fetch, lookup, port, until
from helpers.processes import find, wait_ended
from rocker import _core
from rocker.errors import ConflictError, InvalidArgumentError, NotFoundError, UnsupportedError


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


def test_a_restart_by_policy_keeps_links_names_and_ports(host: Host) -> None:
    net, two = Net(1), Net(2, "second")
    container = host.start([net.endpoint(2, "web")], restart="always", ports=[port("tcp", ANY, 8080, 80)])
    container.call(op="connect", endpoint=two.endpoint(2, "web", interface="eth1"), table=TABLE)
    before = container.state()
    inside = container.inside()
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: (now := container.state())["restart_count"] == 1 and now["status"] == "running")
    after = container.state()
    assert after["network"] == before["network"]
    assert after["pid"] != before["pid"]
    assert os.stat(f"/proc/{after['pid']}/ns/net").st_ino == os.fstat(inside.fd).st_ino
    assert lookup(inside, "web") == (0, ["10.88.1.2"])
    assert len(elements("anywhere4")) == 1
    inside.close()
    container.call(op="remove", value=True)


def test_a_table_that_was_removed_is_not_made_again_by_who_left(host: Host) -> None:
    net = Net(1)
    container = host.start([net.endpoint(2, "web")])
    container.call(op="disconnect", network=net.id)
    _core.network_remove("rk-test1", TABLE)
    # Its shim hears of the table's end, and looks within 0.105 seconds.
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        assert TABLE not in run("nft", "list", "tables")


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


def test_who_goes_on_sending_by_udp_reaches_whoever_has_the_port_now(host: Host) -> None:
    net = Net(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.1)

        def heard() -> bytes | None:
            client.sendto(b"x", ("10.88.1.1", 5353))
            try:
                return client.recv(100)
            except OSError:
                return None

        host.start([net.endpoint(9)])  # makes the bridge
        assert heard() is None
        for number, name in ((2, "first"), (3, "second")):
            server = host.serve(net, number, name, ports=[port("udp", ANY, 5353, 53)])
            until(lambda name=name: heard() == name.encode())  # type: ignore[misc]
            server.end()


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
