"""Networks with real containers: names, addresses, ports, coming and going."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from helpers.processes import end, find, wait_ended
from helpers.until import until
from rocker.engine.options import RunOptions
from rocker.errors import ConflictError, RockerError
from rocker.network.address import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import rocker
    from rocker.engine.container import Container

# Seconds; for a loaded machine.
PATIENCE = 20.0
SERVE = "mkdir -p /www && cat /etc/hostname >/www/index.html && exec httpd -f -p 80 -h /www"


@pytest.fixture
def start(engine: rocker.Engine, busybox_rootfs: Path) -> Callable[..., Container]:
    """`start("name", "shell command", network=…)`: a container that runs until it is removed."""

    def start(name: str | None = None, command: str = "exec sleep 1000", **options: object) -> Container:
        return engine.run(
            rootfs=str(busybox_rootfs), command=["sh", "-c", command], name=name, detach=True, **options
        )

    return start


@pytest.fixture
def addresses(engine: rocker.Engine) -> Callable[[], list[str]]:
    """All addresses that containers hold."""
    return lambda: [
        shown(row[0])
        for row in engine.catalog.query("SELECT address FROM leases WHERE container_id IS NOT NULL")
    ]


def fetched(container: Container, url: str) -> str:
    """What a container gets from a web server that may still be about to start; `url` has an address."""
    loop = f"for i in $(seq 100); do timeout 5 wget -q -O - {url} && exit; usleep 50000; done"
    return container.exec(["sh", "-c", loop]).text.strip()


def found(container: Container, name: str) -> set[str]:
    """The addresses that a container's resolver gives for a name; busybox's own programs need no libnss for that."""
    text = container.exec(["nslookup", name]).text.partition("\n\n")[2]
    return set(re.findall(r"^Address: (\S+)$", text, re.MULTILINE))


def page(url: str) -> str:
    """What the host gets, as soon as somebody answers."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
                return answer.read().decode().strip()
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def ip_of(container: Container, network: str = "bridge") -> str:
    return container.inspect()["NetworkSettings"]["Networks"][network]["IPAddress"]


# --- addresses ---


def test_a_container_has_the_address_that_inspect_says(start, engine):
    container = start()
    settings = container.inspect()["NetworkSettings"]
    shows = container.exec(["ip", "-o", "-4", "addr", "show", "dev", "eth0"]).text
    assert f"inet {settings['IPAddress']}/{settings['IPPrefixLen']} " in shows
    assert settings["MacAddress"] in container.exec(["cat", "/sys/class/net/eth0/address"]).text
    assert f"default via {settings['Gateway']} dev eth0" in container.exec(["ip", "route"]).text


def test_the_hosts_file_names_the_container_itself(start):
    container = start(hostname="me", extra_hosts={"other": "10.1.2.3"})
    lines = container.exec(["cat", "/etc/hosts"]).lines
    assert lines[-2:] == ["10.1.2.3\tother", f"{ip_of(container)}\tme"]
    assert container.exec(["cat", "/etc/hostname"]).text == "me\n"


def test_containers_of_the_default_network_reach_each_other_by_address(start):
    web = start("web", SERVE, hostname="web")
    assert fetched(start(), f"http://{ip_of(web)}/") == "web"


def test_an_address_stays_over_a_restart(start):
    container = start()
    before = ip_of(container)
    container.restart(timeout=0)
    assert ip_of(container) == before
    assert before in container.exec(["ip", "-o", "-4", "addr"]).text


def test_a_fixed_address_is_the_containers(start, engine):
    engine.networks.create("mine", subnet="10.213.0.0/24", ip_range="10.213.0.128/25")
    container = start(network="mine", ip="10.213.0.7", mac_address="02:42:00:00:00:07")
    shows = container.exec(["ip", "addr", "show", "dev", "eth0"]).text
    assert "10.213.0.7/24" in shows
    assert "02:42:00:00:00:07" in shows
    with pytest.raises(ConflictError, match="Address already in use"):
        start(network="mine", ip="10.213.0.7")
    assert ip_of(start(network="mine"), "mine") == "10.213.0.129"


def test_ipv6_reaches_the_neighbour(start, engine):
    engine.networks.create("six", ipv6=True)
    web = start("web", SERVE, hostname="web", network="six")
    address = web.inspect()["NetworkSettings"]["Networks"]["six"]["GlobalIPv6Address"]
    assert address.startswith("fd")
    assert fetched(start(network="six"), f"http://[{address}]/") == "web"


def test_a_thousand_leases_are_a_thousand_addresses(engine, busybox_rootfs, addresses):
    engine.networks.create("big", subnet="10.214.0.0/20")
    options = RunOptions(rootfs=str(busybox_rootfs), command=("true",), network="big")
    for _ in range(1000):
        engine.create(options)
    assert len(set(addresses())) == 1000
    with engine.catalog.write():
        for container in engine.containers.list(all=True):
            container.remove()
    assert addresses() == []


# --- names ---


def test_containers_of_an_own_network_find_each_other(start, engine):
    """By name, alias, short id and host name."""
    engine.networks.create("mine")
    web = start("web", SERVE, hostname="webhost", network="mine", network_aliases=["site"])
    other = start(network="mine")
    for name in ("web", "site", web.short_id, "webhost", "WEB"):
        assert found(other, name) == {ip_of(web, "mine")}, name
    assert fetched(other, f"http://{ip_of(web, 'mine')}/") == "webhost"
    assert "nameserver 127.0.0.11\n" in other.exec(["cat", "/etc/resolv.conf"]).text


def test_names_are_unknown_on_other_networks(start, engine):
    engine.networks.create("one")
    engine.networks.create("two")
    start("web", network="one")
    assert found(start(network="two"), "web") == set()


def test_a_link_gives_a_name_on_both_kinds_of_network(start, engine):
    web = start("web", SERVE, hostname="web", expose=["80"])
    linked = start(links=["web:site"])
    assert f"{ip_of(web)}\tsite {web.short_id} web" in linked.exec(["cat", "/etc/hosts"]).lines
    assert fetched(linked, f"http://{ip_of(web)}/") == "web"
    assert linked.exec(["sh", "-c", "echo $SITE_PORT_80_TCP_ADDR"]).text.strip() == ip_of(web)
    engine.networks.create("mine")
    other = start("web2", network="mine")
    assert found(start(network="mine", links=["web2:site"]), "site") == {ip_of(other, "mine")}
    assert found(other, "site") == set()


def test_a_container_that_ended_is_no_longer_found(start, engine):
    engine.networks.create("mine")
    web = start("web", network="mine")
    other = start(network="mine")
    assert found(other, "web") == {ip_of(web, "mine")}
    web.remove(force=True)
    assert found(other, "web") == set()


def test_another_name_is_found_at_once(start, engine):
    engine.networks.create("mine")
    web = start("web", network="mine")
    other = start(network="mine")
    web.rename("site")
    assert found(other, "site") == {ip_of(web, "mine")}
    assert found(other, "web") == set()


# --- ports ---


def test_a_published_port_answers_on_the_host(start, run_cli):
    container = start("web", SERVE, hostname="web", ports={"80/tcp": None})
    [binding] = container.ports["80/tcp"] or []
    port = binding["HostPort"]
    assert page(f"http://127.0.0.1:{port}/") == "web"
    assert run_cli("port", "web", check=True).stdout == f"80/tcp -> 0.0.0.0:{port}\n"
    assert run_cli("port", "web", "80", check=True).stdout == f"0.0.0.0:{port}\n"
    row = run_cli("ps", "--format", "{{.Ports}}", "--filter", f"publish={port}", check=True).stdout
    assert row == f"0.0.0.0:{port}->80/tcp\n"


def test_other_containers_reach_a_published_port_by_the_hosts_address(start):
    web = start("web", SERVE, hostname="web", ports={"80/tcp": None})
    port = (web.ports["80/tcp"] or [])[0]["HostPort"]
    gateway = web.inspect()["NetworkSettings"]["Gateway"]
    assert fetched(start(), f"http://{gateway}:{port}/") == "web"


def test_the_first_free_port_of_a_range_is_taken(start):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        first = taken.getsockname()[1]
        last = min(first + 50, 65535)
        container = start(ports=[f"{first}-{last}:80"])
        port = int((container.ports["80/tcp"] or [])[0]["HostPort"])
    assert first < port <= last


def test_a_port_in_use_names_who_has_it(start, run_cli, busybox_rootfs):
    first = start("first", ports={"80/tcp": None})
    port = (first.ports["80/tcp"] or [])[0]["HostPort"]
    done = run_cli("run", "--name", "second", "-p", f"{port}:80", "--rootfs", busybox_rootfs, "true")
    assert done.returncode == 125
    assert f"Bind for 0.0.0.0:{port} failed: port is already allocated" in done.stderr
    assert first.short_id in done.stderr
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run_cli("run", "--rm", "-p", f"{port}:80", "--rootfs", busybox_rootfs, "true")
    assert done.returncode == 125
    assert "address already in use" in done.stderr
    assert str(os.getpid()) in done.stderr


def test_a_failed_bind_leaves_a_created_container_and_an_auto_removed_one_nothing(start, engine, addresses):
    first = start("first", ports={"80/tcp": None})
    port = int((first.ports["80/tcp"] or [])[0]["HostPort"])
    with pytest.raises(RockerError):
        start("second", ports={"80/tcp": port})
    assert engine.containers.get("second").status == "created"
    with pytest.raises(RockerError):
        start("third", ports={"80/tcp": port}, auto_remove=True)
    assert sorted(found.name for found in engine.containers.list(all=True)) == ["first", "second"]
    assert len(addresses()) == 2


def test_what_went_over_the_network_is_counted(start, run_cli, box):
    web = start("web", SERVE)
    client = start("client")
    fetched(client, f"http://{ip_of(web)}/")
    link = client.stats()["networks"]["eth0"]
    assert link["rx_bytes"] > 0 < link["tx_packets"]
    box("create", "--name", "never", "--network", "none", "busybox", "true", check=True)
    host = start("host", network="host")
    wanted = ("web", "client", "never", "host")
    done = run_cli("stats", "--no-stream", "--format", "json", *wanted, host.short_id, check=True).stdout
    rows = {row["Container"]: row for row in map(json.loads, done.splitlines())}
    assert rows.keys() == {*wanted, host.short_id}
    assert "0B" not in rows["client"]["NetIO"].split(" / ")
    assert rows["host"]["NetIO"] == "0B / 0B"
    assert (rows["never"]["MemUsage"], rows["never"]["MemPerc"], rows["never"]["PIDs"]) == (
        "0B / 0B",
        "0.00%",
        "0",
    )


def test_a_live_table_goes_on_over_containers_that_come_and_go(start, engine_roots):
    container = start("one")
    command = engine_roots.command("stats", "--format", "{{.Name}} {{.PIDs}}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as live:
        assert live.stdout
        screens = iter(live.stdout.readline, "")
        assert next(screens) == "\033[Hone 1 \033[K\n"
        start("two")
        assert next(line for line in screens if "two" in line)
        container.remove(force=True)
        assert any("\033[Htwo" in line and next(screens) == "\033[J\n" for line in screens)
        live.terminate()


# --- coming and going ---


def test_a_running_container_joins_and_leaves_networks(start, engine):
    mine = engine.networks.create("mine")
    web = start("web", SERVE, hostname="web", network="mine")
    other = start("other")
    mine.connect(other, aliases=["o"])
    assert found(other, "web") == {ip_of(web, "mine")}
    assert fetched(other, f"http://{ip_of(web, 'mine')}/") == "web"
    assert other.exec(["ls", "/sys/class/net"]).lines == ["eth0", "eth1", "lo"]
    address = ip_of(other, "mine")
    assert f"{address}\t{other.short_id}" in other.exec(["cat", "/etc/hosts"]).text
    assert found(web, "o") == {address}
    assert mine.inspect()["Containers"].keys() == {web.id, other.id}
    mine.disconnect("other")
    assert other.exec(["ls", "/sys/class/net"]).lines == ["eth0", "lo"]
    assert address not in other.exec(["cat", "/etc/hosts"]).text
    assert found(web, "other") == set()
    with pytest.raises(ConflictError, match="is not connected to network mine"):
        mine.disconnect("other")
    mine.connect(other)
    assert found(other, "web") == {ip_of(web, "mine")}


def test_a_container_between_two_starts_joins_and_leaves_networks(start, engine, tmp_path):
    one, two = engine.networks.create("one"), engine.networks.create("two")
    web = start("web", network="two")
    script = "test -e /b/go && exec sleep 1000; exit 5"
    other = start("other", script, network="one", restart_policy="always", mounts=[f"{tmp_path}:/b"])
    # By then the pause before the next start is 800 ms and more.
    until(lambda: other.inspect()["RestartCount"] >= 4 and other.status == "restarting", "a pause")
    two.connect(other, aliases=["o"])
    address = ip_of(other, "two")
    assert found(web, "o") == {address}
    other.rename("another")
    assert found(web, "another") == {address}
    one.disconnect(other)
    one.remove()
    with pytest.raises(ConflictError, match="has active endpoints"):
        two.remove()
    (tmp_path / "go").touch()
    until(lambda: other.status == "running" and other.inspect()["State"]["Pid"], "the next start")
    assert other.exec(["ls", "/sys/class/net"]).lines == ["eth1", "lo"]
    assert f"inet {address}/" in other.exec(["ip", "-o", "-4", "addr", "show", "dev", "eth1"]).text
    assert f"{address}\t{other.short_id}" in other.exec(["cat", "/etc/hosts"]).text
    assert found(other, "web") == {ip_of(web, "two")}


def test_the_default_route_goes_with_its_network(start, engine):
    one, two = engine.networks.create("aaa"), engine.networks.create("bbb")
    container = start(network=["aaa", "bbb"])
    gateway = [network.inspect()["IPAM"]["Config"][0]["Gateway"] for network in (one, two)]
    assert f"default via {gateway[0]} " in container.exec(["ip", "route"]).text
    one.disconnect(container)
    assert f"default via {gateway[1]} " in container.exec(["ip", "route"]).text


def test_a_removed_network_takes_its_bridge_along(start, engine):
    mine = engine.networks.create("mine")
    bridge = f"rk-{mine.id[:12]}"
    assert os.path.exists(f"/sys/class/net/{bridge}")
    container = start("web", network="mine")
    with pytest.raises(ConflictError, match="has active endpoints"):
        mine.remove()
    assert engine.networks.prune() == []
    container.remove(force=True)
    assert engine.networks.prune() == ["mine"]
    assert not os.path.exists(f"/sys/class/net/{bridge}")


def test_a_bridge_that_went_with_a_reboot_is_made_again(start, engine):
    from rocker import _core
    from rocker.network.plan import table_of

    mine = engine.networks.create("mine")
    _core.network_remove(f"rk-{mine.id[:12]}", table_of(engine))
    web = start("web", SERVE, hostname="web", network="mine")
    assert fetched(start(network="mine"), f"http://{ip_of(web, 'mine')}/") == "web"


def test_an_internal_network_has_no_way_out(start, engine):
    engine.networks.create("inner", internal=True)
    container = start(network="inner")
    assert "default" not in container.exec(["ip", "route"]).text


# --- crashes ---

MAKE = """
import sys, rocker
with rocker.Engine(sys.argv[1], sys.argv[2]) as engine:
    print("ready", flush=True)
    while True:
        engine.run(rootfs=sys.argv[3], command=["true"], name=None)
"""


def test_a_killed_maker_leaves_no_address(engine, engine_roots, busybox_rootfs, addresses):
    """SIGKILL wherever it is: between the row, the lease and the start, or while the container runs."""
    for delay in range(8):
        maker = subprocess.Popen(
            [sys.executable, "-c", MAKE, engine_roots.root, engine_roots.run, busybox_rootfs],
            stdout=subprocess.PIPE,
        )
        with maker:
            assert maker.stdout is not None
            assert maker.stdout.readline() == b"ready\n"
            time.sleep(0.02 + 0.011 * delay)  # not a condition: any moment will do
            maker.kill()
        deadline = time.monotonic() + PATIENCE
        while engine.containers.list(all=True) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert engine.containers.list(all=True) == []
        assert addresses() == []


def test_a_killed_shim_leaves_neither_address_nor_name_nor_port(start, engine, addresses):
    mine = engine.networks.create("mine")
    other = start("other", network="mine")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    web = start("web", network="mine", ports={"80/tcp": port}, auto_remove=True)
    state = engine.state(web.id)
    assert state is not None
    shim = find(state["shim_pid"])
    assert shim is not None
    end([shim], signal.SIGKILL)
    assert wait_ended([shim], PATIENCE)
    assert [found.name for found in engine.containers.list(all=True)] == ["other"]
    assert len(addresses()) == 1
    assert found(other, "web") == set()
    again = start("web", network="mine", ports={"80/tcp": port})
    assert again.status == "running"
    assert mine.inspect()["Containers"].keys() == {other.id, again.id}


# --- the command ---


def test_the_command_from_creation_to_removal(box):
    network = box(
        "network", "create", "--subnet", "10.215.0.0/24", "--label", "a=b", "mine", check=True
    ).stdout.strip()
    assert re.fullmatch("[0-9a-f]{64}", network)
    rows = box("network", "ls", check=True).stdout.splitlines()
    assert [line.split()[1:] for line in rows[1:]] == [
        ["bridge", "bridge", "local"],
        ["host", "host", "local"],
        ["mine", "bridge", "local"],
        ["none", "null", "local"],
    ]
    container = box(
        "run", "-d", "--name", "web", "--network", "mine", "busybox", "sleep", "1000", check=True
    ).stdout.strip()
    [document] = json.loads(box("network", "inspect", "mine", check=True).stdout)
    assert document["Containers"][container]["IPv4Address"] == "10.215.0.2/24"
    form = '{{(index .NetworkSettings.Networks "mine").IPAddress}}'
    assert box("inspect", "-f", form, "web", check=True).stdout == "10.215.0.2\n"
    assert box("ps", "-q", "--no-trunc", "--filter", "network=mine", check=True).stdout.strip() == container
    done = box("network", "rm", "mine")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"network mine id {network} has active endpoints" in done.stderr
    box("network", "disconnect", "mine", "web", check=True)
    assert box("network", "rm", "mine", check=True).stdout == "mine\n"
    done = box("run", "--rm", "--network", "mine", "busybox", "true")
    assert (done.returncode, done.stderr.splitlines()[0]) == (125, "rocker: network mine not found")


def test_a_run_is_on_the_default_network_and_none_has_none(box):
    assert box("run", "--rm", "busybox", "ls", "/sys/class/net", check=True).stdout == "eth0\nlo\n"
    assert (
        box("run", "--rm", "--network", "none", "busybox", "ls", "/sys/class/net", check=True).stdout
        == "lo\n"
    )


def test_published_ports_with_the_hosts_network_are_warned_of(box):
    done = box("run", "--rm", "--network", "host", "-p", "80:80", "busybox", "true", check=True)
    assert done.stderr == "WARNING: Published ports are discarded when using host network mode\n"
