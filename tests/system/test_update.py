"""`update`: limits and restart policy of a container, at once and for its next start."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from helpers.until import until
from rocker.errors import ConflictError, InvalidArgumentError, RockerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    import rocker

    Start = Callable[..., rocker.Container]

V2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
CRASHES = "while ! test -e /go; do sleep 0.01; done; rm /go; cat /s/f; exit 1"


@pytest.fixture
def start(engine: rocker.Engine, busybox_rootfs: Path) -> Start:
    def call(script: str = "exec sleep 600", **keywords: Any) -> rocker.Container:
        return engine.run(rootfs=str(busybox_rootfs), command=["sh", "-c", script], detach=True, **keywords)

    return call


def seen(container: rocker.Container, v1: str, v2: str) -> str:
    """A limit as the container sees it."""
    return container.exec(["cat", f"/sys/fs/cgroup/{v2 if V2 else v1}"]).stdout.decode().strip()


LIMITS = [
    (
        {"memory": "48m"},
        ("memory/memory.limit_in_bytes", "memory.max"),
        ("50331648",) * 2,
        "Memory",
        48 << 20,
    ),
    (
        {"memory_reservation": "16m"},
        ("memory/memory.soft_limit_in_bytes", "memory.low"),
        ("16777216",) * 2,
        "MemoryReservation",
        16 << 20,
    ),
    ({"cpus": 0.5}, ("cpu/cpu.cfs_quota_us", "cpu.max"), ("50000", "50000 100000"), "NanoCpus", 5 * 10**8),
    ({"cpu_shares": 512}, ("cpu/cpu.shares", "cpu.weight"), ("512", "20"), "CpuShares", 512),
    ({"cpuset_cpus": "0"}, ("cpuset/cpuset.cpus", "cpuset.cpus"), ("0", "0"), "CpusetCpus", "0"),
    ({"cpuset_mems": "0"}, ("cpuset/cpuset.mems", "cpuset.mems"), ("0", "0"), "CpusetMems", "0"),
    ({"pids_limit": 33}, ("pids/pids.max", "pids.max"), ("33", "33"), "PidsLimit", 33),
]


@pytest.mark.parametrize(
    ("change", "files", "values", "member", "shown"), LIMITS, ids=[next(iter(row[0])) for row in LIMITS]
)
def test_a_limit_changes_at_once_and_stays(
    start: Start,
    change: dict[str, Any],
    files: tuple[str, str],
    values: tuple[str, str],
    member: str,
    shown: object,
) -> None:
    # A hierarchy that the container was not in is one that it cannot see before its next start.
    given = {"cpuset_cpus": "0-1"} if "cpuset" in next(iter(change)) else {}
    container = start(**given)
    container.update(**change)
    assert seen(container, *files) == values[V2]
    container.restart(0)
    assert seen(container, *files) == values[V2]
    assert container.inspect()["HostConfig"][member] == shown


def test_a_container_that_does_not_run_is_changed_for_its_next_start(start: Start) -> None:
    container = start()
    container.stop(0)
    container.update(pids_limit=44)
    container.start()
    assert seen(container, "pids/pids.max", "pids.max") == "44"


def test_a_policy_given_later_starts_it_again_with_all_that_it_had(
    start: Start, engine: rocker.Engine, tmp_path: Path
) -> None:
    (tmp_path / "f").write_text("bound\n")
    container = start(CRASHES, mounts=[f"{tmp_path}:/s"])
    container.update(restart_policy="on-failure:1", memory="48m")
    container.exec(["touch", "/go"])
    until(lambda: container.inspect()["RestartCount"] == 1 and container.status == "running", "a restart")
    assert seen(container, "memory/memory.limit_in_bytes", "memory.max") == "50331648"
    container.exec(["touch", "/go"])
    until(lambda: container.status == "exited", "the end")
    assert container.logs() == b"bound\nbound\n"
    again = engine.containers.get(container.id).inspect()["HostConfig"]["RestartPolicy"]
    assert again == {"Name": "on-failure", "MaximumRetryCount": 1}


def test_a_policy_taken_away_lets_it_end(start: Start) -> None:
    container = start("while ! test -e /go; do sleep 0.01; done; exit 1", restart_policy="always")
    container.update(restart_policy="no")
    container.exec(["touch", "/go"])
    assert container.wait(20) == 1
    assert (container.status, container.inspect()["RestartCount"]) == ("exited", 0)


def test_a_policy_taken_away_in_back_off_ends_it(start: Start) -> None:
    container = start("exit 3", restart_policy="always")
    until(lambda: container.inspect()["RestartCount"] >= 4 and container.status == "restarting", "back-off")
    container.update(restart_policy="no")
    until(lambda: container.status == "exited", "the end")
    assert container.exit_code == 3


def test_limits_changed_in_back_off_hold_after_it(start: Start) -> None:
    container = start(
        "test -e /2 && exec sleep 600; test -e /1 && touch /2; touch /1; exit 3", restart_policy="always"
    )
    until(lambda: container.status == "restarting", "back-off")
    container.update(pids_limit=55)
    until(lambda: container.status == "running" and container.inspect()["RestartCount"] >= 2, "the third run")
    assert seen(container, "pids/pids.max", "pids.max") == "55"


def test_what_the_kernel_refuses_changes_nothing(start: Start) -> None:
    container = start(
        "head -c 30000000 /dev/zero | tail -c 30000000 >/dev/null & exec sleep 600", memory="64m"
    )
    fill = ["sh", "-c", "head -c 20000000 /dev/zero > /dev/shm/x"]
    assert container.exec(fill).exit_code == 0
    with pytest.raises(RockerError, match=f"Cannot update container {container.id}: "):
        container.update(memory="6m", memory_swap=6 << 20)
    assert container.inspect()["HostConfig"]["Memory"] == 64 << 20
    assert container.status == "running"


def test_what_contradicts_itself_is_refused_in_dockers_words(start: Start) -> None:
    container = start(cpus=0.5, memory="32m", memory_swap=40 << 20)
    with pytest.raises(ConflictError, match="CPU Quota cannot be updated as NanoCPUs has already been set"):
        container.update(cpu_quota=20000)
    with pytest.raises(InvalidArgumentError, match="should be smaller than already set memoryswap limit"):
        container.update(memory="64m")
    with pytest.raises(InvalidArgumentError, match="Minimum memory limit allowed is 6MB"):
        container.update(memory=1)
    temporary = start(auto_remove=True)
    with pytest.raises(ConflictError, match="Restart policy cannot be updated because AutoRemove is enabled"):
        temporary.update(restart_policy="always")


def test_the_command_prints_names_and_wants_a_flag(
    start: Start, run_cli: Callable[..., CompletedProcess[str]]
) -> None:
    start(name="a")
    start(name="b")
    done = run_cli("update", "--restart", "unless-stopped", "-m", "32m", "--cpus", "0.25", "a", "b")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a\nb\n", "")
    form = "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}"
    assert run_cli("inspect", "-f", form, "b", check=True).stdout == "unless-stopped 33554432 250000000\n"
    done = run_cli("update", "a")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        "you must provide one or more flags when using this command",
    )
    done = run_cli("update", "--pids-limit", "9", "nobody", "a")
    assert (done.returncode, done.stdout) == (1, "a\n")
    assert "No such container: nobody" in done.stderr
