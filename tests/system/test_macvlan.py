"""Networks of macvlan: containers beside the host on its own network. All of it in namespaces of the test's own."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.netns import Namespace, connect, namespace_of, run
from helpers.networks import PATIENCE, Server, fetch, lookup
from helpers.processes import find, wait_ended
from helpers.until import until
from rocker.errors import ConflictError, InvalidArgumentError, NotFoundError, RockerError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import rocker
    from rocker.engine.container import Container

SUBNET, ROUTER = "10.77.0.0/24", "10.77.0.1"


def offers(kind: str) -> bool:
    """Whether the kernel makes links of this kind."""
    namespace = Namespace()
    try:
        with namespace.entered():
            run("ip", "link", "add", "wire", "type", "veth", "peer", "name", "end")
            own = [] if kind == "dummy" else ["link", "wire"]
            more = ["id", "5"] if kind == "vlan" else []
            run("ip", "link", "add", *own, "name", "it", "type", kind, *more)
    except Exception:
        return False
    finally:
        namespace.close()
    return True


def _strange() -> set[str]:
    links = {link["ifname"] for link in json.loads(run("ip", "-j", "link"))}
    return {name for name in links - {"lo", "wire", "docker0", "rocker0"} if not name.startswith("rk-")}


@pytest.fixture
def router(engine: rocker.Engine) -> Iterator[Namespace]:
    """This thread is a host whose only wire leads to a router, in which a test may look."""
    if not offers("macvlan"):
        pytest.skip("the kernel has no macvlan")
    host, router = Namespace(), Namespace()
    connect(host, router, "10.77.0.250/24", f"{ROUTER}/24")
    try:
        with host.entered():
            yield router
            for container in engine.containers.list(all=True):
                container.remove(force=True)
            for network in engine.networks.list(filters={"type": "custom"}):
                network.remove()
            # The end of a pair goes with the container's namespace, after its last process.
            until(lambda: not _strange(), "links go with their containers and networks")
    finally:
        host.close()
        router.close()


@pytest.fixture
def start(engine: rocker.Engine, busybox_rootfs: Path) -> Callable[..., Container]:
    def start(name: str, **options: object) -> Container:
        return engine.run(
            rootfs=str(busybox_rootfs), command=["sleep", "1000"], name=name, detach=True, **options
        )

    return start


def links(container: Container) -> dict[str, dict[str, object]]:
    """The links of a container but loopback, by name, with their addresses."""
    namespace = of(container)
    with namespace.entered():
        found = json.loads(run("ip", "-j", "-d", "address"))
        routes = json.loads(run("ip", "-j", "route", "show", "default"))
    namespace.close()
    return {
        link["ifname"]: {
            "kind": link["linkinfo"]["info_kind"],
            "mode": link["linkinfo"].get("info_data", {}).get("mode"),
            "mac": link["address"],
            "up": "UP" in link["flags"],
            "addresses": [one["local"] for one in link["addr_info"] if one["scope"] == "global"],
            "gateways": [route["gateway"] for route in routes if route["dev"] == link["ifname"]],
        }
        for link in found
        if link["ifname"] not in {"lo", "tunl0", "sit0", "ip6tnl0", "gre0", "gretap0", "erspan0"}
    }


def of(container: Container) -> Namespace:
    return namespace_of(container.inspect()["State"]["Pid"])


def reaches(
    source: Namespace | Container, target: Namespace | Container, ip: str, *, at_once: bool = False
) -> bool:
    """Whether one gets what the other serves."""
    namespaces = [one if isinstance(one, Namespace) else of(one) for one in (source, target)]
    server = Server(namespaces[1], "there", socket.SOCK_DGRAM)

    def look() -> bool:
        return fetch(ip, 53, namespace=namespaces[0], udp=True) == "there"

    try:
        return look() if at_once else until(look, f"{ip} does not answer")
    finally:
        server.close()
        for namespace, given in zip(namespaces, (source, target), strict=True):
            if namespace is not given:
                namespace.close()


def test_containers_are_neighbours_of_the_hosts_own(
    engine: rocker.Engine, router: Namespace, start: Callable[..., Container]
) -> None:
    network = engine.networks.create(
        "lan", driver="macvlan", subnet=SUBNET, gateway=ROUTER, options={"parent": "wire"}
    )
    web = start("web", network="lan", network_aliases=["site"], ports={"80/tcp": 8080})
    other = start("other", network="lan", ip="10.77.0.77", mac_address="02:42:aa:bb:cc:dd")
    assert links(web) == {
        "eth0": {
            "kind": "macvlan", "mode": "bridge", "mac": "02:42:0a:4d:00:02", "up": True,
            "addresses": ["10.77.0.2"], "gateways": [ROUTER],
        }
    }  # fmt: skip
    assert links(other)["eth0"]["mac"] == "02:42:aa:bb:cc:dd"
    # To the router, from it, and to each other, by name.
    assert reaches(web, router, ROUTER)
    assert reaches(router, other, "10.77.0.77")
    assert reaches(web, other, "10.77.0.77")
    inside = of(other)
    assert lookup(inside, "site") == (0, ["10.77.0.2"])
    inside.close()
    # Nothing of the host leads to its ports, and nothing of it is on the host.
    assert web.inspect()["NetworkSettings"]["Ports"] == {"80/tcp": None}
    assert {
        link["ifname"] for link in json.loads(run("ip", "-j", "link", "show", "type", "macvlan"))
    } == set()
    shown = network.inspect()
    assert (shown["Driver"], shown["Options"], shown["Internal"]) == ("macvlan", {"parent": "wire"}, False)
    assert shown["IPAM"]["Config"] == [{"Subnet": SUBNET, "Gateway": ROUTER}]
    assert shown["Containers"][web.id]["IPv4Address"] == "10.77.0.2/24"

    def types() -> list[str]:
        filters = {"type": "network", "network": "lan"}
        return [
            event["Actor"]["Attributes"]["type"]
            for event in engine.events(since=0, until=time.time(), filters=filters)
        ]

    assert until(lambda: len(types()) == 3 and types()) == ["macvlan"] * 3


def test_a_running_container_joins_and_leaves(
    engine: rocker.Engine, router: Namespace, start: Callable[..., Container]
) -> None:
    engine.networks.create("own", driver="bridge", subnet="10.78.0.0/24", internal=True)
    lan = engine.networks.create(
        "lan", driver="macvlan", subnet=SUBNET, gateway=ROUTER, options={"parent": "wire"}
    )
    web = start("web", network="own")
    assert list(links(web)) == ["eth0"]
    lan.connect(web)
    found = links(web)
    assert (found["eth1"]["kind"], found["eth1"]["gateways"]) == ("macvlan", [ROUTER])
    assert reaches(web, router, ROUTER)
    lan.disconnect(web)
    assert list(links(web)) == ["eth0"]
    lan.connect(web)
    for _ in range(3):  # at once, while the kernel still has the link of the last run
        web.restart(timeout=0)
        assert links(web)["eth1"]["addresses"] == ["10.77.0.2"]
    with pytest.raises(ConflictError, match="already exists"):
        lan.connect(web)


def test_the_end_of_a_shim_takes_the_link_along(
    engine: rocker.Engine, router: Namespace, start: Callable[..., Container]
) -> None:
    engine.networks.create("lan", driver="macvlan", subnet=SUBNET, gateway=ROUTER, options={"parent": "wire"})
    web = start("web", network="lan", ip="10.77.0.9")
    state = json.loads(Path(engine.run_root, "containers", web.id, "state.json").read_text())
    shim, init = find(state["shim_pid"]), find(state["pid"])
    os.kill(state["shim_pid"], signal.SIGKILL)
    assert wait_ended([process for process in (shim, init) if process], PATIENCE)
    assert web.inspect()["State"]["ExitCode"] == 137
    again = start("again", network="lan")
    web.start()
    assert links(web)["eth0"]["addresses"] == ["10.77.0.9"]
    assert reaches(again, web, "10.77.0.9")


def test_modes_keep_containers_apart(
    engine: rocker.Engine, router: Namespace, start: Callable[..., Container]
) -> None:
    options = {"parent": "wire", "macvlan_mode": "private"}
    engine.networks.create("lan", driver="macvlan", subnet=SUBNET, gateway=ROUTER, options=options)
    one, other = start("one", network="lan"), start("other", network="lan")
    assert links(one)["eth0"]["mode"] == "private"
    assert reaches(other, router, ROUTER)
    assert not reaches(one, other, "10.77.0.3", at_once=True)
    with pytest.raises(ConflictError, match="cannot use mode passthru, macvlan network"):
        engine.networks.create(
            "alone", driver="macvlan", subnet="10.79.0.0/24",
            options={"parent": "wire", "macvlan_mode": "passthru"},
        )  # fmt: skip


def test_an_internal_one_has_no_way_out(
    engine: rocker.Engine, router: Namespace, start: Callable[..., Container]
) -> None:
    options = {"parent": "wire"}
    engine.networks.create("lan", driver="macvlan", subnet=SUBNET, internal=True, options=options)
    assert links(start("web", network="lan"))["eth0"]["gateways"] == []


@pytest.mark.parametrize("kind", ["dummy", "vlan"])
def test_a_parent_of_the_networks_own_comes_and_goes_with_it(
    engine: rocker.Engine, router: Namespace, start: Callable[..., Container], kind: str
) -> None:
    options = {"parent": "wire.10"} if kind == "vlan" else {}

    def create() -> rocker.Network:
        return engine.networks.create("lan", driver="macvlan", subnet=SUBNET, gateway=ROUTER, options=options)

    if not offers(kind):
        with pytest.raises(UnsupportedError) as caught:
            create()
        word = "CONFIG_DUMMY" if kind == "dummy" else "CONFIG_VLAN_8021Q"
        assert word in (caught.value.hint or "")
        assert engine.networks.list(filters={"name": "lan"}) == []
        return
    lan = create()
    parent = "wire.10" if kind == "vlan" else f"dm-{lan.id[:12]}"
    run("ip", "link", "delete", parent)  # as a reboot does
    one, other = start("one", network="lan"), start("other", network="lan")
    assert reaches(one, other, "10.77.0.3")
    assert links(one)["eth0"]["gateways"] == ([ROUTER] if kind == "vlan" else [])
    assert parent in {link["ifname"] for link in json.loads(run("ip", "-j", "link"))}
    for container in (one, other):
        container.remove(force=True)
    lan.remove()
    assert parent not in {link["ifname"] for link in json.loads(run("ip", "-j", "link"))}


def test_ipvlan_has_its_parents_hardware_address(
    engine: rocker.Engine, router: Namespace, start: Callable[..., Container]
) -> None:
    engine.networks.create("lan", driver="ipvlan", subnet=SUBNET, gateway=ROUTER, options={"parent": "wire"})
    if not offers("ipvlan"):
        with pytest.raises(UnsupportedError) as caught:
            start("web", network="lan")
        assert "CONFIG_IPVLAN" in (caught.value.hint or "")
        return
    web = start("web", network="lan")
    own = json.loads(run("ip", "-j", "link", "show", "wire"))[0]["address"]
    assert (links(web)["eth0"]["kind"], links(web)["eth0"]["mac"]) == ("ipvlan", own)
    assert reaches(web, router, ROUTER)


def test_a_parent_that_has_gone_is_said(
    engine: rocker.Engine, router: Namespace, start: Callable[..., Container]
) -> None:
    run("ip", "link", "add", "gone", "type", "veth", "peer", "name", "end")
    engine.networks.create("lan", driver="macvlan", subnet=SUBNET, options={"parent": "gone"})
    run("ip", "link", "delete", "gone")
    with pytest.raises(NotFoundError, match="the requested parent interface gone was not found on the host"):
        start("web", network="lan")
    bad: list[tuple[str, type[RockerError], str]] = [
        ("nosuch", InvalidArgumentError, "invalid subinterface vlan name nosuch"),
        ("nosuch.7", InvalidArgumentError, "-o parent interface was not found on the host: nosuch"),
        ("wire.9999", InvalidArgumentError, "vlan id must be between 1-4094, received: 9999"),
        ("lo", InvalidArgumentError, "loopback interface is not a valid macvlan parent link"),
    ]
    for parent, error, message in bad:
        with pytest.raises(error, match=message):
            engine.networks.create("bad", driver="macvlan", subnet="10.79.0.0/24", options={"parent": parent})
