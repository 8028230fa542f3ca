"""Hundreds of containers on one bridge, and the first that it has no room for."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.netns import run
from helpers.networks import Net
from helpers.until import until
from rocker import _core
from rocker.errors import NoSpaceError

if TYPE_CHECKING:
    import rocker
    from helpers.engine import EngineRoots
    from helpers.networks import Host

PORTS = 1023


@pytest.mark.timeout(600)
def test_a_thousand_containers_are_on_one_bridge_found_by_name_and_gone(
    engine: rocker.Engine, engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    count = 1000
    network = engine.networks.create("many", subnet="10.216.0.0/20")
    bridge = f"rk-{network.id[:12]}"

    def ports() -> list[str]:
        return [entry.name for entry in Path(f"/sys/class/net/{bridge}/brif").iterdir()]

    def start(number: int) -> rocker.Container:
        return engine.run(
            rootfs=str(busybox_rootfs),
            command=["sleep", "1000"],
            name=f"many{number}",
            network="many",
            stop_signal="KILL",
            detach=True,
        )

    with ThreadPoolExecutor(4) as pool:
        containers = list(pool.map(start, range(count)))
        assert len(ports()) == count
        script = f"for n in $(seq 0 {count - 1}); do nslookup -type=a many$n | sed -n 's/^Address: //p'; done"
        found = containers[0].exec(["sh", "-c", script]).lines
        addresses = [
            endpoint["IPv4Address"].partition("/")[0] for endpoint in network.inspect()["Containers"].values()
        ]
        assert len(set(found)) == count
        assert set(found) == set(addresses)
        list(pool.map(lambda one: one.stop(timeout=60), containers))
        assert network.inspect()["Containers"] == {}
        list(pool.map(lambda one: one.remove(), containers))
    assert engine.containers.list(all=True) == []
    assert engine.catalog.query("SELECT 1 FROM leases WHERE container_id IS NOT NULL") == []
    assert list((engine_roots.run / "networks" / network.id).iterdir()) == []
    until(lambda: ports() == [], "every link goes")
    network.remove()
    assert bridge not in _core.links()
    assert engine_roots.table() not in run("nft", "list", "tables")


def test_a_bridge_without_room_says_so_and_has_room_again(host: Host) -> None:
    """1,023 ports: `BR_MAX_PORTS` of the kernel is one more than it gives out."""
    net = Net(1)
    first = host.start([net.endpoint(2, "first")])
    last, pairs = first.state()["network"]["endpoints"][0]["link"], (PORTS - 1) // 2
    lines = []
    for number in range(pairs):
        lines.append(f"link add a{number} master rk-test1 type veth peer name b{number}")
        lines.append(f"link set b{number} master rk-test1")
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines).encode(), check=True, timeout=60)
    assert len([one for one in _core.links() if one[0] in "ab"]) == PORTS - 1
    before = set(_core.links())
    with pytest.raises(
        NoSpaceError, match="the network mynet is full: its bridge rk-test1 has 1,023 ports"
    ) as full:
        host.start([net.endpoint(3, "too many")])
    assert full.value.hint == "make another network, or remove containers of this one"
    assert set(_core.links()) == before
    assert [path.name for path in (host.roots.run / "networks" / net.id).iterdir()] == [first.id]
    # Another network has room, and so has this one when a container has gone.
    other = Net(2, "other")
    host.start([other.endpoint(2, "elsewhere")])
    first.end()
    until(lambda: last not in _core.links(), "the link goes")
    host.start([net.endpoint(4, "again")])
    for name in [name for name in _core.links() if name.startswith("a") and name[1:].isdigit()]:
        run("ip", "link", "delete", name)
