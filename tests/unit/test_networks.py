"""Networks on a core that makes no bridges: names, addresses, launch requests, files."""

from __future__ import annotations

import ipaddress
import os
import socket
import subprocess
import sys
import threading

import pytest
from engine_fake import FakeCore

from rocker.engine.engine import Engine
from rocker.engine.options import Attachment, RunOptions
from rocker.errors import (
    ConflictError,
    ContainerNotFoundError,
    DeniedError,
    InvalidArgumentError,
    NameInUseError,
    NetworkNotFoundError,
    NotRunningError,
    SystemCallError,
    UnsupportedError,
)
from rocker.network import store
from rocker.network.address import shown
from rocker.network.choose import chosen


@pytest.fixture
def core():
    return FakeCore()


@pytest.fixture
def engine(tmp_path, core):
    (tmp_path / "tree").mkdir()
    with Engine(tmp_path / "root", tmp_path / "run", core=core) as engine:
        engine.tree = str(tmp_path / "tree")
        yield engine


def start(engine, name=None, **options):
    return engine.run(rootfs=engine.tree, command=["sleep", "9"], detach=True, name=name, **options)


def addresses(engine, container) -> list[str]:
    found = store.endpoints_of(engine.catalog, container.id)
    return [shown(address) for endpoint in found for address in endpoint.addresses]


def leases(engine) -> int:
    return engine.catalog.query("SELECT count(*) FROM leases WHERE container_id IS NOT NULL")[0][0]


def plan(core) -> dict:
    return core.started[-1]["network"]


def write_files(engine, core, container) -> str:
    """What the shim does with the files of a request."""
    run = f"{engine.run_root}/containers/{container.id}"
    os.makedirs(run)
    for name, text in core.started[-1]["files"].items():
        with open(f"{run}/{name}", "w") as file:
            file.write(text)
    return run


# --- the builtin networks ---


def test_every_engine_has_three_networks_that_stay(engine):
    assert [(found.name, found.driver) for found in engine.networks.list()] == [
        ("bridge", "bridge"), ("host", "host"), ("none", "null"),
    ]  # fmt: skip
    for name in ("bridge", "host", "none"):
        with pytest.raises(DeniedError, match=f"{name} is a pre-defined network and cannot be removed"):
            engine.networks.get(name).remove()
    assert engine.networks.prune() == []
    assert len({found.id for found in engine.networks.list()}) == 3


def test_a_container_that_names_no_network_is_on_the_default_one(engine, core):
    container = start(engine)
    default = engine.networks.get("bridge")
    bridge = f"rk-{default.id[:12]}"
    assert addresses(engine, container) == ["172.17.0.2"]
    assert plan(core) == {
        "mode": "bridge",
        "table": "rocker-" + core.sha256(engine.run_root.encode())[:4].hex(),
        "endpoints": [
            {
                "network": default.id,
                "name": "bridge",
                "bridge": {
                    "name": bridge, "addresses": ["172.17.0.1/16"], "internal": False, "masquerade": True,
                    "icc": True, "mtu": 1500, "host_binding": "0.0.0.0",
                },
                "interface": "eth0",
                "mac": "02:42:ac:11:00:02",
                "addresses": ["172.17.0.2/16"],
                "gateways": ["172.17.0.1"],
                "names": [container.name, container.short_id],
                "resolver": False,
                "sysctls": {},
            }
        ],
        "ports": [],
        "dns": {"servers": [], "hosts": {}},
    }  # fmt: skip
    assert core.bridges[bridge]["addresses"] == ["172.17.0.1/16"]


def test_the_default_network_goes_round_what_the_host_has(engine, core):
    core.host = ["0.0.0.0/0", "172.17.0.0/16", "172.18.0.0/20"]
    assert addresses(engine, start(engine)) == ["172.18.16.2"]
    assert addresses(engine, start(engine)) == ["172.18.16.3"]


def test_a_bridge_that_cannot_be_made_leaves_nothing(engine, core):
    core.refuse_network = SystemCallError("no bridge")
    with pytest.raises(SystemCallError, match="no bridge"):
        start(engine)
    with pytest.raises(SystemCallError, match="no bridge"):
        engine.networks.create("mine")
    assert engine.containers.list(all=True) == []
    assert len(engine.networks.list()) == 3
    core.refuse_network = None
    assert addresses(engine, start(engine)) == ["172.17.0.2"]


def test_without_a_bridge_nothing_of_networks_or_named_devices_is_imported(tmp_path):
    code = """
import sys
from engine_fake import FakeCore
from rocker.cli.flags import FlagParser
from rocker.cli.options import to_run_options
from rocker.cli.run import COMMAND
from rocker.engine.engine import Engine
parser = FlagParser(COMMAND.flags, interspersed=False)
words = parser.parse(["--rm", "--network", "none", "--rootfs", sys.argv[1], "true"])
with Engine(sys.argv[1] + "/root", sys.argv[1] + "/run", core=FakeCore()) as engine:
    engine.create(to_run_options({**parser.values, "detach": False}, words), for_run=True).launch()
others = {"rocker.parse.port", "rocker.parse.link", "rocker.parse.gpus", "yaml"}
print(*(name for name in sys.modules if "network" in name or "rocker.cdi" in name or name in others))
"""
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.stdout.split() == ["rocker.cli.network_flags"]


# --- making and removing ---


def test_a_network_has_a_subnet_and_a_bridge_of_its_own(engine, core):
    one, other = (
        engine.networks.create("one"),
        engine.networks.create("other", internal=True, labels={"a": "b"}),
    )
    assert [item["Subnet"] for item in one.inspect()["IPAM"]["Config"]] == ["172.18.0.0/20"]
    assert other.inspect()["IPAM"]["Config"] == [{"Subnet": "172.18.16.0/20", "Gateway": "172.18.16.1"}]
    assert core.bridges[f"rk-{other.id[:12]}"]["internal"] is True
    assert other.labels == {"a": "b"}
    one.remove()
    assert core.bridges.keys() == {f"rk-{other.id[:12]}"}
    with pytest.raises(NetworkNotFoundError, match="network one not found"):
        engine.networks.get("one")
    with pytest.raises(NetworkNotFoundError):
        one.remove()


def test_a_network_is_found_by_name_id_and_beginning(engine):
    made = engine.networks.create("one")
    for reference in ("one", made.id, made.id[:12], made.id[:5]):
        assert engine.networks.get(reference) == made
    with pytest.raises(NetworkNotFoundError):
        engine.networks.get("")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"name": "one"}, NameInUseError, "network with name one already exists"),
        ({"name": "bridge"}, InvalidArgumentError, "operation is not permitted on predefined bridge network"),
        (
            {"name": "default"},
            InvalidArgumentError,
            "operation is not permitted on predefined default network",
        ),
        ({"name": "a b"}, InvalidArgumentError, "invalid network name: 'a b'"),
        ({"name": ""}, InvalidArgumentError, "invalid network name"),
        ({"driver": "overlay"}, UnsupportedError, "network driver overlay is not offered yet"),
        ({"driver": "foo"}, InvalidArgumentError, 'plugin "foo" not found'),
        ({"driver": "host"}, InvalidArgumentError, 'only one instance of "host" network is allowed'),
        ({"subnet": "10.9"}, InvalidArgumentError, "Invalid subnet 10.9 : invalid CIDR address: 10.9"),
        ({"subnet": "10.9.0.0/31"}, InvalidArgumentError, "no room for a gateway and a container"),
        ({"subnet": "172.18.4.0/24"}, ConflictError, "Pool overlaps with other one on this address space"),
        (
            {"gateway": "10.1.0.1"},
            InvalidArgumentError,
            "every ip-range or gateway must have a corresponding",
        ),
        (
            {"subnet": "10.1.0.0/24", "ip_range": "10.2.0.0/25"},
            InvalidArgumentError,
            "no matching subnet for range 10.2.0.0/25",
        ),
        (
            {"subnet": "10.1.0.0/24", "gateway": "10.2.0.1"},
            InvalidArgumentError,
            "no matching subnet for gateway 10.2.0.1",
        ),
        (
            {"subnet": "10.1.0.0/24", "aux_addresses": {"a": "10.2.0.1"}},
            InvalidArgumentError,
            "no matching subnet for aux-address 10.2.0.1",
        ),
        (
            {"subnet": ["10.1.0.0/24", "10.1.0.0/25"]},
            InvalidArgumentError,
            "multiple overlapping subnet configuration is not supported",
        ),
        (
            {"subnet": ["10.1.0.0/24", "10.2.0.0/25"]},
            InvalidArgumentError,
            "bridge driver doesn't support multiple subnets",
        ),
        (
            {"subnet": "10.1.0.0/24", "gateway": "10.1.0.1", "aux_addresses": {"a": "10.1.0.1"}},
            ConflictError,
            "Address already in use",
        ),
        (
            {"options": {"com.docker.network.driver.mtu": "abc"}},
            InvalidArgumentError,
            "failed to parse com.docker.network.driver.mtu value: abc",
        ),
        (
            {"options": {"com.docker.network.bridge.enable_icc": "maybe"}},
            InvalidArgumentError,
            "failed to parse com.docker.network.bridge.enable_icc value: maybe",
        ),
        (
            {"options": {"com.docker.network.bridge.name": "a-name-that-is-too-long"}},
            InvalidArgumentError,
            "failed to parse com.docker.network.bridge.name value",
        ),
        (
            {"options": {"com.docker.network.bridge.name": "eth0"}},
            ConflictError,
            "a link eth0 exists already",
        ),
        (
            {"options": {"com.docker.network.bridge.gateway_mode_ipv4": "routed"}},
            UnsupportedError,
            "network option com.docker.network.bridge.gateway_mode_ipv4 is not offered",
        ),
    ],
)
def test_a_wrong_network_is_refused_and_nothing_is_made(engine, core, options, error, message):
    engine.networks.create("one")
    with pytest.raises(error) as caught:
        engine.networks.create(**{"name": "two", **options})
    assert message in str(caught.value)
    assert len(core.bridges) == 1
    assert len(engine.networks.list()) == 4


def test_options_reach_the_bridge(engine, core):
    engine.networks.create(
        "one",
        options={
            "com.docker.network.bridge.name": "br-mine",
            "com.docker.network.bridge.enable_icc": "false",
            "com.docker.network.bridge.enable_ip_masquerade": "0",
            "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
            "com.docker.network.driver.mtu": "1400",
            "com.docker.network.container_iface_prefix": "net",
            "mine": "kept",
        },
    )
    assert core.bridges["br-mine"] == {
        "name": "br-mine", "addresses": ["172.18.0.1/20"], "internal": False, "masquerade": False, "icc": False,
        "mtu": 1400, "host_binding": "127.0.0.1",
    }  # fmt: skip
    start(engine, network="one", ports=["8080:80"])
    assert plan(core)["endpoints"][0]["interface"] == "net0"
    assert plan(core)["ports"][0]["host_ip"] == "127.0.0.1"


def test_ipv6_without_a_subnet_is_a_unique_local_one(engine, core):
    one, other = engine.networks.create("one", ipv6=True), engine.networks.create("other", ipv6=True)
    prefix = engine.networks.get("bridge").id[:10]
    six = [ipaddress.ip_network(network.inspect()["IPAM"]["Config"][1]["Subnet"]) for network in (one, other)]
    assert all(found.is_private and found.prefixlen == 64 for found in six)
    assert six[0] != six[1]
    assert six[0].network_address.packed[:6] == b"\xfd" + bytes.fromhex(prefix)
    container = start(engine, network="one", ports=["8080:80"])
    first = plan(core)["endpoints"][0]
    assert first["addresses"] == ["172.18.0.2/20", f"{six[0][2]}/64"]
    assert first["gateways"] == ["172.18.0.1", str(six[0][1])]
    assert [port["host_ip"] for port in plan(core)["ports"]] == ["0.0.0.0", "::"]
    assert f"{six[0][2]}\t{container.short_id}\n" in core.started[-1]["files"]["hosts"]


# --- addresses ---


def test_a_range_with_reserved_addresses(engine):
    network = engine.networks.create(
        "one", subnet="10.10.0.0/24", ip_range="10.10.0.128/25", aux_addresses={"a": "10.10.0.130"}
    )
    assert network.inspect()["IPAM"]["Config"] == [
        {
            "Subnet": "10.10.0.0/24",
            "IPRange": "10.10.0.128/25",
            "Gateway": "10.10.0.128",
            "AuxiliaryAddresses": {"a": "10.10.0.130"},
        }
    ]
    given = [addresses(engine, start(engine, network="one"))[0] for _ in range(3)]
    assert given == ["10.10.0.129", "10.10.0.131", "10.10.0.132"]
    assert addresses(engine, start(engine, network="one", ip="10.10.0.7")) == ["10.10.0.7"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"network": "mine", "ip": "10.10.0.0"}, ConflictError, "Address already in use"),
        ({"network": "mine", "ip": "10.10.0.255"}, ConflictError, "Address already in use"),
        ({"network": "mine", "ip": "10.10.0.1"}, ConflictError, "Address already in use"),
        (
            {"network": "mine", "ip": "10.11.0.1"},
            InvalidArgumentError,
            "Invalid address 10.11.0.1: It does not belong to any of this network's subnets",
        ),
        (
            {"network": "mine", "ip6": "fd00::1"},
            InvalidArgumentError,
            "networks with user configured subnets",
        ),
        ({"network": "auto", "ip": "1.2.3.4"}, InvalidArgumentError, "networks with user configured subnets"),
        ({"ip": "1.2.3.4"}, InvalidArgumentError, "supported on user defined networks only"),
        (
            {"network": "none", "ip": "1.2.3.4"},
            InvalidArgumentError,
            "supported on user defined networks only",
        ),
        ({"network": "mine", "ip": "1.2.3.400"}, InvalidArgumentError, "invalid IPv4 address: 1.2.3.400"),
        ({"network": "mine", "ip6": "1.2.3.4"}, InvalidArgumentError, "invalid IPv6 address: 1.2.3.4"),
        ({"network": "mine", "mac_address": "foo"}, InvalidArgumentError, "foo is not a valid mac address"),
        (
            {"network": "mine", "mac_address": "01:00:00:00:00:00"},
            InvalidArgumentError,
            "not a valid mac address",
        ),
        ({"network": ["mine", "mine"]}, InvalidArgumentError, 'network "mine" is specified multiple times'),
        (
            {"network": ["mine", "bridge"]},
            InvalidArgumentError,
            "cannot attach both user-defined and non-user-defined network-modes",
        ),
        ({"network": ["none", "host"]}, InvalidArgumentError, "connected to network endpoints: none, host"),
        ({"network_aliases": ["a"]}, InvalidArgumentError, "only supported for user-defined networks"),
        (
            {"network": "host", "links": ["a"]},
            InvalidArgumentError,
            "host type networking can't be used with links",
        ),
        (
            {"network": "host", "mac_address": "02:00:00:00:00:01"},
            InvalidArgumentError,
            "mac-address and the network",
        ),
        ({"links": ["nobody"]}, ContainerNotFoundError, "could not get container for nobody"),
    ],
)
def test_what_does_not_fit_is_refused_in_dockers_words_and_nothing_is_left(engine, options, error, message):
    engine.networks.create("mine", subnet="10.10.0.0/24")
    engine.networks.create("auto")
    with pytest.raises(error) as caught:
        start(engine, **options)
    assert message in str(caught.value)
    assert engine.containers.list(all=True) == []
    assert leases(engine) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ports": ["80:80"]}, "port publishing and the container type network mode"),
        ({"publish_all": True}, "port publishing and the container type network mode"),
        ({"expose": ["80"]}, "port exposing and the container type network mode"),
        ({"dns": ["1.1.1.1"]}, "dns and the network mode"),
        ({"extra_hosts": {"a": "1.1.1.1"}}, "custom host-to-IP mapping and the network mode"),
        ({"links": ["a"]}, "container type networking can't be used with links"),
    ],
)
def test_a_joined_namespace_takes_no_networks_of_its_own(engine, options, message):
    with pytest.raises(InvalidArgumentError, match="conflicting options") as caught:
        start(engine, network="container:other", **options)
    assert message in str(caught.value)


def test_an_address_is_held_until_its_container_goes(engine):
    engine.networks.create("one", subnet="10.0.0.0/29")
    held = [start(engine, network="one") for _ in range(5)]
    with pytest.raises(
        ConflictError, match="no available IPv4 addresses on this network's address pools: one"
    ):
        start(engine, network="one")
    with pytest.raises(ConflictError, match="Address already in use") as caught:
        start(engine, network="one", ip="10.0.0.4")
    assert held[2].name in (caught.value.hint or "")
    held[2].remove(force=True)
    assert addresses(engine, start(engine, network="one")) == ["10.0.0.4"]
    assert leases(engine) == 5


def test_the_lowest_free_address_is_given(engine):
    held = [start(engine) for _ in range(5)]
    for number in (3, 1):
        held[number].remove(force=True)
    given = [addresses(engine, start(engine))[0] for _ in range(3)]
    assert given == ["172.17.0.3", "172.17.0.5", "172.17.0.7"]


def test_a_finished_run_holds_no_address(engine, core):
    core.program = lambda _process: (0, b"", b"")
    for _ in range(3):
        engine.run(rootfs=engine.tree, command=["true"])
    assert leases(engine) == 0


def test_a_start_that_fails_holds_no_address(engine, core):
    core.refuse = SystemCallError("refused")
    with pytest.raises(SystemCallError):
        engine.run(rootfs=engine.tree, command=["true"])
    assert leases(engine) == 0


def test_threads_and_processes_never_share_an_address(engine, tmp_path):
    engine.networks.create("one", subnet="10.0.0.0/24")
    code = """
import sys
from engine_fake import FakeCore
from rocker.engine.engine import Engine
from rocker.engine.options import RunOptions
with Engine(sys.argv[1] + "/root", sys.argv[1] + "/run", core=FakeCore()) as engine:
    for _ in range(20):
        engine.create(RunOptions(rootfs=sys.argv[1] + "/tree", command=("true",), network="one"))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    others = [subprocess.Popen([sys.executable, "-c", code, tmp_path], env=environment) for _ in range(3)]

    def create() -> None:
        for _ in range(20):
            engine.create(RunOptions(rootfs=engine.tree, command=("true",), network="one"))

    threads = [threading.Thread(target=create) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in others] == [0, 0, 0]
    given = [
        address for container in engine.containers.list(all=True) for address in addresses(engine, container)
    ]
    assert len(given) == len(set(given)) == 120


def test_engines_on_other_roots_choose_other_subnets(tmp_path):
    """Each asks the host, under one lock; here the host is a list that both write to."""
    host: list[str] = []

    class Sharing(FakeCore):
        def network_create(self, plan):
            super().network_create(plan)
            host.extend(str(ipaddress.ip_interface(text).network) for text in plan["bridge"]["addresses"])

        def host_networks(self):
            return host

    def use(name: str) -> None:
        with Engine(tmp_path / name / "root", tmp_path / name / "run", core=Sharing()) as engine:
            for number in range(10):
                engine.networks.create(f"n{number}")

    threads = [threading.Thread(target=use, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    networks = [ipaddress.ip_network(text) for text in host]
    assert len(networks) == 30
    assert not any(one.overlaps(other) for one in networks for other in networks if one is not other)


# --- several networks ---


def test_a_container_on_several_networks_has_an_interface_on_each(engine, core):
    for name in ("b", "a", "c"):
        engine.networks.create(name, internal=name == "a")
    start(engine, "web", network=["b", Attachment("a", ("x",)), "c"], network_aliases=["w"], hostname="h")
    endpoints = plan(core)["endpoints"]
    assert [(found["name"], found["interface"]) for found in endpoints] == [
        ("b", "eth0"),
        ("a", "eth1"),
        ("c", "eth2"),
    ]
    assert [bool(found["gateways"]) for found in endpoints] == [True, False, False]
    short = core.started[-1]["id"][:12]
    assert [found["names"] for found in endpoints] == [
        ["web", "w", short, "h"], ["web", "x", short, "h"], ["web", short, "h"],
    ]  # fmt: skip
    assert all(found["resolver"] for found in endpoints)


def test_the_highest_priority_has_the_default_route(engine, core):
    for name in ("a", "b"):
        engine.networks.create(name)
    start(engine, network=["a", Attachment("b", gw_priority=1, mac_address="02:42:00:00:00:0A")])
    assert [bool(found["gateways"]) for found in plan(core)["endpoints"]] == [False, True]
    assert plan(core)["endpoints"][1]["mac"] == "02:42:00:00:00:0a"


def test_sysctls_of_an_endpoint_name_its_interface(engine, core):
    engine.networks.create("a")
    options = {"com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.log_martians=1"}
    start(engine, network=Attachment("a", driver_opts=options))
    assert plan(core)["endpoints"][0]["sysctls"] == {"net.ipv4.conf.eth0.log_martians": "1"}


def test_a_running_container_is_connected_and_disconnected(engine, core):
    engine.networks.create("one")
    two = engine.networks.create("aaa", subnet="10.0.0.0/24")
    container = start(engine, "web", network="one")
    run = write_files(engine, core, container)
    two.connect(container, ip="10.0.0.9", aliases=["x"])
    asked = core.requests[-1]
    assert asked["op"] == "connect"
    assert asked["endpoint"]["interface"] == "eth1"
    assert asked["endpoint"]["addresses"] == ["10.0.0.9/24"]
    assert asked["endpoint"]["gateways"] == ["10.0.0.1"]  # `aaa` comes before `one`
    with open(f"{run}/hosts") as file:
        assert file.read().endswith(f"172.18.0.2\t{container.short_id}\n10.0.0.9\t{container.short_id}\n")
    with pytest.raises(ConflictError, match="endpoint with name web already exists in network aaa"):
        two.connect("web")
    assert sorted(container.inspect()["NetworkSettings"]["Networks"]) == ["aaa", "one"]
    assert two.inspect()["Containers"][container.id]["IPv4Address"] == "10.0.0.9/24"
    two.disconnect("web")
    assert core.requests[-1] == {"op": "disconnect", "network": two.id}
    with open(f"{run}/hosts") as file:
        assert "10.0.0.9" not in file.read()
    assert addresses(engine, container) == ["172.18.0.2"]
    with pytest.raises(ConflictError, match=f"container {container.id} is not connected to network aaa"):
        two.disconnect(container)


def test_a_connection_that_fails_holds_no_address(engine, core):
    one = engine.networks.create("one")
    container = start(engine)
    core.refuse_call = SystemCallError("refused")
    with pytest.raises(SystemCallError):
        one.connect(container)
    assert addresses(engine, container) == ["172.17.0.2"]
    with pytest.raises(SystemCallError):
        engine.networks.get("bridge").disconnect(container)
    assert addresses(engine, container) == ["172.17.0.2"]
    engine.networks.get("bridge").disconnect(container, force=True)
    assert addresses(engine, container) == []


def test_a_container_of_the_default_network_gets_a_resolver_with_its_first_own_network(engine, core):
    one = engine.networks.create("one")
    container = start(engine)
    run = write_files(engine, core, container)
    inode = os.stat(f"{run}/resolv.conf").st_ino
    one.connect(container)
    with open(f"{run}/resolv.conf") as file:
        assert "nameserver 127.0.0.11\n" in file.read()
    assert os.stat(f"{run}/resolv.conf").st_ino == inode


@pytest.mark.parametrize(
    ("mode", "network", "message"),
    [
        ("host", "one", "container sharing network namespace with another container or host"),
        ("none", "one", "with one of the networks in private (none) mode"),
        ("bridge", "none", "with one of the networks in private (none) mode"),
        ("bridge", "host", "cannot be disconnected from host network or connected to host network"),
    ],
)
def test_what_has_no_interfaces_is_not_connected(engine, mode, network, message):
    engine.networks.create("one")
    container = start(engine, network=mode)
    with pytest.raises(ConflictError) as caught:
        engine.networks.get(network).connect(container)
    assert message in str(caught.value)


def test_a_stopped_container_is_connected_for_its_next_start(engine, core):
    one = engine.networks.create("one")
    container = engine.create(RunOptions(rootfs=engine.tree, command=("sleep",), name="web"))
    one.connect("web")
    assert core.requests == []
    container.start()
    assert [found["name"] for found in plan(core)["endpoints"]] == ["bridge", "one"]


# --- networks in use ---


def test_a_network_with_running_containers_stays(engine, core):
    one = engine.networks.create("one")
    container = start(engine, "web", network="one")
    with pytest.raises(ConflictError) as caught:
        one.remove()
    assert str(caught.value) == f"error while removing network: network one id {one.id} has active endpoints"
    assert "web" in (caught.value.hint or "")
    assert engine.networks.prune() == []
    core.end(container.id, 0)
    assert engine.networks.prune() == ["one"]


def test_a_stopped_container_finds_the_network_that_has_the_name_now(engine, core):
    engine.networks.create("one", subnet="10.0.0.0/24").remove()
    engine.networks.create("one", subnet="10.0.0.0/24")
    container = engine.create(
        RunOptions(
            rootfs=engine.tree,
            command=("sleep",),
            network="one",
            networks=(Attachment("one", ("x",), "10.0.0.7"),),
        )
    )
    engine.networks.get("one").remove()
    with pytest.raises(NetworkNotFoundError, match="network one not found"):
        container.start()
    made = engine.networks.create("one", subnet="10.0.0.0/24")
    container.start()
    assert plan(core)["endpoints"][0]["network"] == made.id
    assert plan(core)["endpoints"][0]["addresses"] == ["10.0.0.7/24"]
    assert "x" in plan(core)["endpoints"][0]["names"]


def test_a_network_that_goes_before_the_start_is_missed(engine, core):
    one = engine.networks.create("one")
    container = engine.create(RunOptions(rootfs=engine.tree, command=("sleep",), network="one"), for_run=True)
    one.remove()
    with pytest.raises(NetworkNotFoundError, match="not found"):
        container.start()
    assert core.started == []


def test_removal_waits_for_starts(engine, core):
    one = engine.networks.create("one")
    order: list[str] = []
    begun, go_on = threading.Event(), threading.Event()
    plain = core.start

    def slow(*arguments, **options):
        begun.set()
        assert go_on.wait(20)
        order.append("started")
        return plain(*arguments, **options)

    def remove() -> None:
        try:
            one.remove()
        except ConflictError:
            order.append("refused")

    core.start = slow
    starting = threading.Thread(target=lambda: start(engine, network="one"))
    starting.start()
    assert begun.wait(20)
    removing = threading.Thread(target=remove)
    removing.start()
    go_on.set()
    starting.join()
    removing.join()
    assert order == ["started", "refused"]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"driver": "null"}, ["none"]),
        ({"type": "custom"}, ["one", "two"]),
        ({"type": "builtin"}, ["bridge", "host", "none"]),
        ({"name": "on"}, ["none", "one"]),
        ({"label": "a"}, ["two"]),
        ({"label": "a=b"}, ["two"]),
        ({"label": "a=c"}, []),
        ({"scope": "swarm"}, []),
        ({"dangling": "true"}, ["two"]),
        ({"dangling": "false"}, ["bridge", "host", "none", "one"]),
        ({"name": ["one", "two"], "driver": "bridge"}, ["one", "two"]),
    ],
)
def test_networks_are_filtered(engine, filters, names):
    engine.networks.create("one")
    engine.networks.create("two", labels={"a": "b"})
    start(engine, network="one")
    assert [found.name for found in engine.networks.list(filters=filters)] == names


@pytest.mark.parametrize(
    ("filters", "message"),
    [({"foo": "1"}, "invalid filter 'foo'"), ({"type": "foo"}, "invalid filter: 'type'='foo'")],
)
def test_a_wrong_filter_of_networks_is_refused(engine, filters, message):
    with pytest.raises(InvalidArgumentError, match=message):
        engine.networks.list(filters=filters)


def test_prune_takes_filters(engine):
    engine.networks.create("one", labels={"keep": ""})
    engine.networks.create("two")
    assert engine.networks.prune(filters={"until": "1h"}) == []
    assert engine.networks.prune(filters={"label!": "keep"}) == ["two"]
    assert engine.networks.prune(filters={"label": "keep"}) == ["one"]
    with pytest.raises(InvalidArgumentError, match="invalid filter 'foo'"):
        engine.networks.prune(filters={"foo": "1"})


# --- ports ---


def test_ports_are_published_where_the_shim_says(engine, core):
    container = start(
        engine,
        "web",
        ports={"80/tcp": 8080, "53/udp": ("127.0.0.1", 53), "90": None},
        expose=[77],
        publish_all=False,
    )
    assert plan(core)["ports"] == [
        {"protocol": "tcp", "host_ip": "0.0.0.0", "host_port": 8080, "container_port": 80},
        {"protocol": "udp", "host_ip": "127.0.0.1", "host_port": 53, "container_port": 53},
        {"protocol": "tcp", "host_ip": "0.0.0.0", "host_port": 0, "container_port": 90},
    ]
    assert container.ports == {
        "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}],
        "77/tcp": None,
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}],
        "90/tcp": [{"HostIp": "0.0.0.0", "HostPort": "32770"}],
    }
    document = container.inspect()
    assert document["NetworkSettings"]["Ports"] == container.ports
    assert document["HostConfig"]["PortBindings"]["90/tcp"] == [{"HostIp": "", "HostPort": ""}]
    assert document["Config"]["ExposedPorts"].keys() == {"53/udp", "77/tcp", "80/tcp", "90/tcp"}
    [row] = engine.containers.rows()
    assert {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"} in row["Ports"]
    assert {"PrivatePort": 77, "Type": "tcp"} in row["Ports"]
    core.end(container.id, 0)
    assert container.ports == {}


def test_all_exposed_ports_are_published(engine, core):
    start(engine, expose=["80", "53/udp"], ports=["8080:80"], publish_all=True)
    assert [(port["container_port"], port["host_port"]) for port in plan(core)["ports"]] == [
        (80, 8080),
        (53, 0),
    ]


def test_the_first_free_port_of_a_range_is_published(engine, core):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        first = taken.getsockname()[1]
        start(engine, ports=[f"{first}-{first + 40}:80"])
        [port] = plan(core)["ports"]
        assert first < port["host_port"] <= first + 40
        assert "host_port_end" not in port
        port = {"protocol": "tcp", "host_ip": "127.0.0.1", "host_port": first, "host_port_end": first}
        message = f"Bind for 127.0.0.1:{first}-{first} failed: all ports are allocated"
        with pytest.raises(ConflictError, match=message), chosen([port]):
            pass


def test_two_ranges_of_one_container_share_no_port(engine, core):
    with socket.socket() as free:
        free.bind(("0.0.0.0", 0))
        first = free.getsockname()[1]
    start(engine, ports=[f"{first}-{first + 40}:80", f"{first}-{first + 40}:81"])
    one, other = (port["host_port"] for port in plan(core)["ports"])
    assert one != other


def test_a_free_port_has_one_number_for_both_families(engine, core):
    engine.networks.create("six", ipv6=True)
    start(engine, network="six", ports=["80"])
    four, six = plan(core)["ports"]
    assert (four["host_ip"], six["host_ip"]) == ("0.0.0.0", "::")
    assert four["host_port"] == six["host_port"] > 0


def test_a_range_of_host_ports_is_shown_as_it_was_said(engine, core):
    container = start(engine, ports=["48000-48010:80"])
    bindings = container.inspect()["HostConfig"]["PortBindings"]
    assert bindings == {"80/tcp": [{"HostIp": "", "HostPort": "48000-48010"}]}


def test_without_a_way_out_nothing_is_published(engine, core):
    engine.networks.create("inner", internal=True)
    start(engine, network="inner", ports=["8080:80"])
    assert plan(core)["ports"] == []


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"publish": "8080"}, ["web"]),
        ({"publish": "80"}, []),
        ({"publish": "8000-9000/tcp"}, ["web"]),
        ({"expose": "80"}, ["web"]),
        ({"expose": "70-80/tcp"}, ["plain", "web"]),
        ({"expose": "80/udp"}, []),
        ({"network": "one"}, ["web"]),
        ({"network": "bridge"}, ["plain"]),
        ({"network": "none"}, ["alone"]),
        ({"publish": "1", "expose": "77"}, ["plain"]),
    ],
)
def test_containers_are_filtered_by_ports_and_networks(engine, filters, names):
    engine.networks.create("one")
    start(engine, "web", network="one", ports=["8080:80"])
    start(engine, "plain", expose=["77"])
    start(engine, "alone", network="none")
    assert sorted(found.name for found in engine.containers.list(filters=filters)) == names
    short = engine.networks.get("one").short_id
    assert [found.name for found in engine.containers.list(filters={"network": short})] == ["web"]


def test_a_wrong_port_filter_is_refused_in_dockers_words(engine):
    with pytest.raises(InvalidArgumentError) as caught:
        engine.containers.list(filters={"publish": "x"})
    assert str(caught.value) == (
        'error while looking up for publish x: strconv.ParseUint: parsing "x": invalid syntax'
    )
    with pytest.raises(InvalidArgumentError, match="filter for 'expose' should not contain ':': 1:2"):
        engine.containers.list(filters={"expose": "1:2"})


# --- files ---


def test_the_hosts_file_names_extra_hosts_and_the_container(engine, core):
    container = start(
        engine, hostname="myhost", domainname="dom.org",
        extra_hosts={"gate": "host-gateway", "six": "::1", "four": "1.2.3.4"},
    )  # fmt: skip
    lines = core.started[-1]["files"]["hosts"].splitlines()
    assert lines[0] == "127.0.0.1\tlocalhost"
    assert lines[-4:] == [
        "172.17.0.1\tgate",
        "::1\tsix",
        "1.2.3.4\tfour",
        "172.17.0.2\tmyhost.dom.org myhost",
    ]
    assert core.started[-1]["files"]["hostname"] == "myhost\n"
    assert container.inspect()["HostConfig"]["ExtraHosts"] == ["gate:host-gateway", "six:::1", "four:1.2.3.4"]


def test_a_host_name_with_dots_has_a_short_form(engine, core):
    start(engine, hostname="my.host.x")
    assert core.started[-1]["files"]["hosts"].splitlines()[-1] == "172.17.0.2\tmy.host.x my"


@pytest.fixture
def host_resolver(monkeypatch):
    """What the host's resolv.conf says."""
    text = {"/etc/resolv.conf": ""}
    monkeypatch.setattr("rocker.network.files.read", lambda path: text[path])
    return text


@pytest.mark.parametrize(
    ("host", "network", "options", "expected"),
    [
        ("nameserver 10.0.0.53\nsearch a b\noptions x\n", None, {}, "search a b\nnameserver 10.0.0.53\noptions x\n"),
        ("nameserver 127.0.0.1\nnameserver 10.0.0.53\n", None, {}, "nameserver 10.0.0.53\n"),
        ("nameserver 127.0.0.1\nnameserver ::1\n", None, {}, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"),
        ("nameserver fe80::1%eth0\nnameserver 10.0.0.53\n", None, {}, "nameserver 10.0.0.53\n"),
        ("", None, {"dns": ["10.0.0.1"], "dns_search": ["x.org"], "dns_options": ["ndots:3"]},
         "search x.org\nnameserver 10.0.0.1\noptions ndots:3\n"),
        ("nameserver 10.0.0.53\nsearch a\n", "one", {}, "search a\nnameserver 127.0.0.11\noptions ndots:0\n"),
        ("search a\n", "one", {"dns_search": ["."]}, "nameserver 127.0.0.11\noptions ndots:0\n"),
        ("", "one", {"dns_options": ["ndots:2", "edns0"]}, "nameserver 127.0.0.11\noptions ndots:2 edns0\n"),
        ("", "one", {"dns_options": ["edns0"]}, "nameserver 127.0.0.11\noptions edns0 ndots:0\n"),
    ],
)  # fmt: skip
def test_resolv_conf_is_as_docker_writes_it(engine, core, host_resolver, host, network, options, expected):
    engine.networks.create("one")
    host_resolver["/etc/resolv.conf"] = host
    start(engine, network=network, **options)
    assert core.started[-1]["files"]["resolv.conf"] == expected


def test_upstream_servers_are_the_shims_to_ask(engine, core):
    engine.networks.create("one")
    start(engine, network="one", dns=["10.0.0.1", "10.0.0.2"])
    assert plan(core)["dns"]["servers"] == ["10.0.0.1", "10.0.0.2"]


def test_files_without_a_network_take_what_is_said(engine, core):
    start(engine, network="none", dns=["1.1.1.1"], extra_hosts=["a:host-gateway"])
    assert core.started[-1]["files"]["hosts"].endswith("172.17.0.1\ta\n")
    assert "nameserver 1.1.1.1\n" in core.started[-1]["files"]["resolv.conf"]


# --- links ---


def test_a_link_on_the_default_network_gives_names_and_variables(engine, core):
    database = start(engine, "db", env={"FOO": "bar", "PATH": "/x"}, expose=["5432", "53/udp"])
    start(engine, "web", links=["db:data-base"], env={"DATA_BASE_NAME": "own"})
    assert f"172.17.0.2\tdata-base {database.short_id} db\n" in core.started[-1]["files"]["hosts"]
    environment = dict(entry.split("=", 1) for entry in core.started[-1]["spec"]["process"]["env"])
    assert {name: value for name, value in environment.items() if name.startswith("DATA_BASE")} == {
        "DATA_BASE_PORT": "udp://172.17.0.2:53",
        "DATA_BASE_PORT_53_UDP": "udp://172.17.0.2:53",
        "DATA_BASE_PORT_53_UDP_ADDR": "172.17.0.2",
        "DATA_BASE_PORT_53_UDP_PORT": "53",
        "DATA_BASE_PORT_53_UDP_PROTO": "udp",
        "DATA_BASE_PORT_5432_TCP": "tcp://172.17.0.2:5432",
        "DATA_BASE_PORT_5432_TCP_ADDR": "172.17.0.2",
        "DATA_BASE_PORT_5432_TCP_PORT": "5432",
        "DATA_BASE_PORT_5432_TCP_PROTO": "tcp",
        "DATA_BASE_NAME": "own",
        "DATA_BASE_ENV_FOO": "bar",
    }
    assert engine.containers.get("web").inspect()["HostConfig"]["Links"] == ["/db:/web/data-base"]


def test_a_command_in_a_linked_container_has_its_variables(engine, core):
    database = start(engine, "db", env={"FOO": "bar"})
    web = start(engine, "web", links=["db"])

    def variables() -> set[str]:
        web.exec(["env"])
        return {entry for entry in core.requests[-1]["process"]["env"] if entry.startswith("DB")}

    core.program = lambda _process: (0, b"", b"")
    assert variables() == {"DB_NAME=/web/db", "DB_ENV_FOO=bar"}
    database.remove(force=True)
    assert variables() == set()


def test_a_link_needs_a_running_container_of_the_default_network(engine):
    engine.networks.create("one")
    engine.create(RunOptions(rootfs=engine.tree, command=("x",), name="still"))
    start(engine, "far", network="one")
    with pytest.raises(NotRunningError, match="Cannot link to a non running container: /still AS /web/s"):
        start(engine, "web", links=["still:s"])
    with pytest.raises(
        ConflictError, match="Cannot link to /far, as it does not belong to the default network"
    ):
        start(engine, "web", links=["far:s"])
    assert sorted(found.name for found in engine.containers.list(all=True)) == ["far", "still"]


def test_a_link_on_an_own_network_is_a_name_for_the_resolver(engine, core):
    engine.networks.create("one")
    start(engine, "db", network="one")
    start(engine, "web", network="one", links=["db:data", "later:x"])
    assert plan(core)["dns"]["hosts"] == {"data": ["172.18.0.2"]}
    assert not any(entry.startswith("DATA") for entry in core.started[-1]["spec"]["process"]["env"])


def test_another_name_reaches_the_records(engine, core):
    one = engine.networks.create("one")
    container = start(engine, "web", network="one", network_aliases=["w"])
    container.rename("site")
    assert core.requests[-1] == {"op": "names", "network": one.id, "names": ["site", "w", container.short_id]}


# --- inspect ---


def test_inspect_of_a_container_has_dockers_shape(engine, core):
    one = engine.networks.create("one", subnet="10.0.0.0/24")
    container = start(engine, "web", network="one", ip="10.0.0.5", network_aliases=["w"])
    settings = container.inspect()["NetworkSettings"]
    assert settings["SandboxKey"] == f"/proc/{os.getpid()}/ns/net"
    assert settings["IPAddress"] == ""
    entry = settings["Networks"]["one"]
    assert entry.pop("EndpointID")
    assert entry == {
        "IPAMConfig": {"IPv4Address": "10.0.0.5"}, "Links": None, "Aliases": ["w"], "MacAddress": "02:42:0a:00:00:05",
        "DriverOpts": None, "GwPriority": 0, "NetworkID": one.id, "Gateway": "10.0.0.1", "IPAddress": "10.0.0.5",
        "IPPrefixLen": 24, "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0,
        "DNSNames": ["web", "w", container.short_id],
    }  # fmt: skip
    core.end(container.id, 0)
    assert container.inspect()["NetworkSettings"]["Networks"]["one"]["IPAddress"] == ""


def test_inspect_of_the_default_network_fills_the_old_fields(engine):
    settings = start(engine).inspect()["NetworkSettings"]
    assert (settings["IPAddress"], settings["Gateway"], settings["IPPrefixLen"]) == (
        "172.17.0.2",
        "172.17.0.1",
        16,
    )
    assert settings["MacAddress"] == "02:42:ac:11:00:02"
    assert start(engine, network="none").inspect()["NetworkSettings"]["Networks"].keys() == {"none"}
    assert start(engine, network="host").inspect()["NetworkSettings"]["Networks"].keys() == {"host"}


def test_inspect_of_a_network_has_dockers_shape(engine):
    made = engine.networks.create("one", attachable=True, options={"a": "b"}, labels={"c": "d"})
    container = start(engine, "web", network="one")
    document = made.inspect()
    assert document["Created"].endswith("Z")
    endpoint = document["Containers"][container.id]
    assert endpoint["EndpointID"]
    assert document == {
        "Name": "one", "Id": made.id, "Created": document["Created"], "Scope": "local", "Driver": "bridge",
        "EnableIPv4": True, "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": {}, "Config": [{"Subnet": "172.18.0.0/20", "Gateway": "172.18.0.1"}]},
        "Internal": False, "Attachable": True, "Ingress": False, "ConfigFrom": {"Network": ""}, "ConfigOnly": False,
        "Containers": {
            container.id: {
                "Name": "web", "EndpointID": endpoint["EndpointID"], "MacAddress": "02:42:ac:12:00:02",
                "IPv4Address": "172.18.0.2/20", "IPv6Address": "",
            }
        },
        "Options": {"a": "b"}, "Labels": {"c": "d"},
    }  # fmt: skip
    assert made.containers == [container]


# --- macvlan, ipvlan ---


def test_a_parent_takes_the_place_of_a_bridge(engine, core):
    core.link_names = ["eth0"]
    for number, (driver, options) in enumerate(
        [
            ("macvlan", {"parent": "eth0"}),
            ("macvlan", {"parent": "eth0.10", "macvlan_mode": "vepa"}),
            ("macvlan", {}),
        ]
    ):
        engine.networks.create(
            f"n{number}",
            driver=driver,
            subnet=f"10.{number}.0.0/24",
            gateway=f"10.{number}.0.254",
            options=options,
        )
    start(engine, "web", network=["n0", "n1", "n2"], ports=["80:80"])
    found = {endpoint["name"]: endpoint for endpoint in plan(core)["endpoints"]}
    assert found["n0"]["bridge"] == {
        "name": "eth0", "addresses": ["10.0.0.254/24"], "internal": False, "mtu": 0,
        "parent": {"kind": "macvlan", "mode": "bridge"},
    }  # fmt: skip
    vlan = {"vlan": {"link": "eth0", "id": 10}}
    assert found["n1"]["bridge"]["parent"] == {"kind": "macvlan", "mode": "vepa", "own": vlan}
    assert found["n2"]["bridge"]["name"].startswith("dm-")
    assert (found["n2"]["bridge"]["parent"]["own"], found["n2"]["bridge"]["internal"]) == ("dummy", True)
    assert (found["n0"]["gateways"], found["n2"]["gateways"]) == (["10.0.0.254"], [])
    assert plan(core)["ports"] == []


def test_ports_are_published_by_a_bridge_alone(engine, core):
    core.link_names = ["eth0"]
    engine.networks.create("a", driver="macvlan", options={"parent": "eth0"})
    engine.networks.create("b")
    start(engine, "web", network=["a", "b"], ports=["80:80"])
    assert [port["host_port"] for port in plan(core)["ports"]] == [80]


def test_a_parent_is_shared_and_goes_with_its_last_network(engine, core):
    core.link_names = ["eth0"]
    first = engine.networks.create("a", driver="macvlan", options={"parent": "eth0.5"})
    second = engine.networks.create("b", driver="macvlan", options={"parent": "eth0.5"})
    first.remove()
    assert "eth0.5" in core.bridges
    second.remove()
    assert "eth0.5" not in core.bridges
    engine.networks.create("c", driver="macvlan", options={"parent": "eth0"}).remove()
    assert core.link_names == ["eth0"]


def test_ipvlan_has_no_hardware_address_of_its_own(engine, core):
    core.link_names = ["eth0"]
    engine.networks.create("a", driver="ipvlan", options={"parent": "eth0", "ipvlan_flag": "private"})
    start(engine, "web", network="a")
    (endpoint,) = plan(core)["endpoints"]
    assert endpoint["mac"] is None
    assert endpoint["bridge"]["parent"] == {"kind": "ipvlan", "mode": "private"}


@pytest.mark.parametrize(
    ("driver", "options", "error", "message"),
    [
        ("macvlan", {"macvlan_mode": "x"}, InvalidArgumentError, "requested macvlan mode 'x' is not valid"),
        ("macvlan", {"parent": "lo"}, InvalidArgumentError, "loopback interface is not a valid macvlan parent"),
        ("macvlan", {"parent": "nosuch"}, InvalidArgumentError, "invalid subinterface vlan name nosuch"),
        ("macvlan", {"parent": "eth0.1.2"}, InvalidArgumentError, "required interface name format is"),
        ("macvlan", {"parent": "eth0.x"}, InvalidArgumentError, "unable to parse a valid vlan id from: x"),
        ("macvlan", {"parent": "eth9.1"}, InvalidArgumentError, "was not found on the host: eth9"),
        ("macvlan", {"parent": "eth0.0"}, InvalidArgumentError, "must be between 1-4094, received: 0"),
        ("macvlan", {"parent": "eth0", "macvlan_mode": "passthru"}, ConflictError, "cannot use mode passthru"),
        ("ipvlan", {"parent": "eth0"}, ConflictError, "already using parent interface eth0"),
        ("ipvlan", {"ipvlan_mode": "l3"}, UnsupportedError, "the ipvlan mode l3 is not offered"),
        ("ipvlan", {"ipvlan_mode": "l4"}, InvalidArgumentError, "requested ipvlan mode 'l4' is not valid"),
        ("ipvlan", {"ipvlan_flag": "passthru"}, InvalidArgumentError, "requested ipvlan flag 'passthru'"),
    ],
)  # fmt: skip
def test_a_wrong_parent_is_refused_in_dockers_words(engine, core, driver, options, error, message):
    core.link_names = ["eth0"]
    engine.networks.create("a", driver="macvlan", options={"parent": "eth0"})
    with pytest.raises(error, match=message):
        engine.networks.create("b", driver=driver, options=options)
    assert [network.name for network in engine.networks.list(filters={"type": "custom"})] == ["a"]
