"""Limits, counters, freezing and killing through cgroups: the same claims on v1 and on v2."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from rocker.errors import TimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import rocker

V2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")


@pytest.fixture
def run(engine: rocker.Engine, busybox_rootfs: Path) -> Callable[..., Any]:
    def call(script: str, **keywords: Any) -> Any:
        return engine.run(rootfs=str(busybox_rootfs), command=["sh", "-c", script], **keywords)

    return call


@pytest.fixture
def sleeper(run: Callable[..., Any]) -> Iterator[Callable[..., rocker.Container]]:
    """Start a container that reads lines and answers each with `did LINE` until its input ends."""
    started = []

    def call(script: str = "while read line; do echo did $line; done", **keywords: Any) -> rocker.Container:
        started.append(run(script, detach=True, stdin_open=True, **keywords))
        return started[-1]

    yield call
    for container in started:
        container.remove(force=True)


def limit(v1: str, v2: str) -> str:
    """The file of a limit in a container, whose own cgroup is the root of what it sees."""
    return f"/sys/fs/cgroup/{v2}" if V2 else f"/sys/fs/cgroup/{v1}"


# Keywords; file on v1 and on v2; content on v1 and on v2.
LIMITS = [
    ({"memory": "32m"}, ("memory/memory.limit_in_bytes", "memory.max"), ("33554432", "33554432")),
    (
        {"memory_reservation": "16m"},
        ("memory/memory.soft_limit_in_bytes", "memory.low"),
        ("16777216", "16777216"),
    ),
    ({"cpus": 0.5}, ("cpu/cpu.cfs_quota_us", "cpu.max"), ("50000", "50000 100000")),
    ({"cpu_shares": 512}, ("cpu/cpu.shares", "cpu.weight"), ("512", "20")),
    ({"cpuset_cpus": "0"}, ("cpuset/cpuset.cpus", "cpuset.cpus"), ("0", "0")),
    ({"pids": 20}, ("pids/pids.max", "pids.max"), ("20", "20")),
]


@pytest.mark.parametrize(("keywords", "files", "values"), LIMITS, ids=[next(iter(row[0])) for row in LIMITS])
def test_a_limit_is_what_the_container_sees(
    run: Callable[..., Any], keywords: dict[str, Any], files: tuple[str, str], values: tuple[str, str]
) -> None:
    result = run(f"cat {limit(*files)}", **keywords)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.decode().strip() == values[V2]


def test_a_container_that_wants_more_memory_than_it_may_is_killed_and_says_so(
    run: Callable[..., Any],
) -> None:
    result = run("exec tail -c 200m /dev/zero", memory="24m", memory_swap="24m")
    assert (result.exit_code, result.oom_killed) == (137, True)
    assert not run("true", memory="24m").oom_killed


def test_a_fork_bomb_stops_at_the_limit_and_dies_with_its_container(
    sleeper: Callable[..., rocker.Container],
) -> None:
    container = sleeper("bomb() { bomb | bomb & }; bomb; read line", pids=60)
    assert container.stats()["pids"]["current"] <= 60
    container.kill()
    assert container.wait(timeout=30) == 137


def test_a_frozen_container_answers_once_it_is_thawed(sleeper: Callable[..., rocker.Container]) -> None:
    container = sleeper()
    with container.attach(stdin=True) as session:
        container.pause()
        assert container.status == "paused"
        os.write(session.stdin, b"it\n")
        with pytest.raises(TimeoutError):
            container.wait(timeout=0.2)
        assert b"".join(container.logs()) == b""
        container.unpause()
        assert os.read(session.stdout, 100) == b"did it\n"
    assert container.status == "running"


def test_what_exec_runs_is_in_the_cgroup_of_the_container(sleeper: Callable[..., rocker.Container]) -> None:
    container = sleeper()
    seen = container.exec(["cat", "/proc/self/cgroup"]).stdout.decode().splitlines()
    assert seen
    assert [line for line in seen if not line.endswith(":/")] == []


def test_the_counters_count(sleeper: Callable[..., rocker.Container]) -> None:
    container = sleeper()
    container.exec(["sh", "-c", "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done"])
    stats = container.stats()
    assert stats["cpu"]["usage_ns"] > 0
    assert stats["memory"]["usage"] > 0
    assert stats["pids"]["current"] == 1


def test_a_device_is_refused_until_it_is_asked_for(run: Callable[..., Any]) -> None:
    # kmsg by another name: only the device cgroup (v1) or its program (v2) decides.
    script = "mknod /tmp/kmsg c 1 11 && head -c 0 </tmp/kmsg"
    refused = run(script, cap_add=["MKNOD", "SYSLOG"])
    assert refused.exit_code != 0
    assert b"Operation not permitted" in refused.stderr
    allowed = run("head -c 0 </dev/kmsg && head -c 0 </dev/full", devices=["/dev/kmsg"], cap_add=["SYSLOG"])
    assert allowed.exit_code == 0, allowed.stderr


def test_whatever_a_removed_container_left_running_goes_with_it(
    run: Callable[..., Any], engine: rocker.Engine
) -> None:
    # That nothing of processes and cgroups stays is what `engine_roots` looks at in every test.
    run("sleep 600 & setsid sleep 600 & exec sleep 600", detach=True).remove(force=True)
    assert engine.containers.list(all=True) == []
