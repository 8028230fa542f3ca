"""Health checks: probes run by the shim, what they say, and where it is shown."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import rocker
from helpers.processes import end, find, wait_ended
from helpers.until import until
from rocker import HealthCheck
from rocker.engine.times import parse_rfc3339_ns
from rocker.errors import ConflictError, InvalidArgumentError, NotRunningError, TimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    Start = Callable[..., rocker.Container]


@pytest.fixture
def start(engine: rocker.Engine, busybox_rootfs: Path) -> Start:
    """Start a container with a health check that is a shell command."""

    def call(probe: str, program: str = "exec sleep 600", **keywords: Any) -> rocker.Container:
        own = {name: keywords.pop(name) for name in HealthCheck._defaults if name in keywords}
        return engine.run(
            rootfs=str(busybox_rootfs),
            command=["sh", "-c", program],
            detach=True,
            healthcheck=HealthCheck(("CMD-SHELL", probe), **{"interval": 0.05, "retries": 2, **own}),
            **keywords,
        )

    return call


def health(container: rocker.Container) -> dict[str, Any]:
    found = container.inspect()["State"]["Health"]
    assert found is not None
    return found


def wait_for_health(container: rocker.Container, status: str) -> None:
    until(lambda: container.health == status, f"{status}: {health(container)}")


def wait_for_results(container: rocker.Container, count: int) -> list[dict[str, Any]]:
    return until(lambda: log if len(log := health(container)["Log"]) >= count else None, f"{count} results")


def test_the_first_probe_runs_at_once(start: Start) -> None:
    container = start("echo fine", interval=600)
    assert container.wait(20, condition="healthy") == 0
    begun = parse_rfc3339_ns(container.inspect()["State"]["StartedAt"])
    [result] = health(container)["Log"]
    assert parse_rfc3339_ns(result["Start"]) - begun < 5e9
    assert (result["ExitCode"], result["Output"]) == (0, "fine\n")
    assert health(container)["FailingStreak"] == 0


def test_it_takes_so_many_failures_to_be_unhealthy_and_one_success_to_be_healthy(start: Start) -> None:
    container = start("test ! -e /bad", retries=3)
    wait_for_health(container, "healthy")
    container.exec(["touch", "/bad"])
    wait_for_health(container, "unhealthy")
    log = health(container)["Log"]
    assert [result["ExitCode"] for result in log[-3:]] == [1, 1, 1]
    assert health(container)["FailingStreak"] >= 3
    container.exec(["rm", "/bad"])
    wait_for_health(container, "healthy")
    assert health(container)["FailingStreak"] == 0


def test_failures_in_the_start_period_do_not_count_and_the_start_interval_rules_there(start: Start) -> None:
    container = start("exit 1", retries=1, start_period=1.0, start_interval=0.05, interval=600)
    assert len(wait_for_results(container, 5)) == 5
    found = health(container)
    assert (found["Status"], found["FailingStreak"]) == ("starting", 0)
    begun = parse_rfc3339_ns(container.inspect()["State"]["StartedAt"])
    gaps = [parse_rfc3339_ns(result["Start"]) - begun for result in found["Log"]]
    assert gaps == sorted(gaps)
    assert gaps[-1] < 1.2e9


def test_failures_count_from_the_end_of_the_start_period_on(start: Start) -> None:
    container = start("exit 1", retries=1, start_period=0.3, start_interval=0.05)
    wait_for_health(container, "unhealthy")
    begun = parse_rfc3339_ns(container.inspect()["State"]["StartedAt"])
    assert parse_rfc3339_ns(health(container)["Log"][-1]["Start"]) - begun >= 0.3e9


def test_a_success_ends_the_start_period(start: Start) -> None:
    container = start("test ! -e /bad", retries=1, start_period=600, start_interval=0.05)
    wait_for_health(container, "healthy")
    container.exec(["touch", "/bad"])
    wait_for_health(container, "unhealthy")


def test_a_probe_that_takes_too_long_is_killed_with_all_its_children(start: Start) -> None:
    script = "echo begun; setsid sleep 1001 & (sleep 1002 &) ; sleep 1003"
    container = start(script, timeout=0.3, interval=600)
    [result] = wait_for_results(container, 1)
    assert (result["ExitCode"], result["Output"]) == (-1, "Health check exceeded timeout (300ms): begun\n")
    # SIGKILL has been sent to all; the last of them may still be on its way out.
    until(
        lambda: [row[-1] for row in container.top("-eo pid,args")["Processes"]] == ["sleep 600"], "their end"
    )


def test_only_five_results_are_kept_and_long_output_is_cut(start: Start) -> None:
    container = start("head -c 5000 /dev/zero | tr '\\0' x; head -c 9000000 /dev/zero", interval=0.01)
    wait_for_results(container, 5)
    first = health(container)["Log"][0]["Start"]
    until(lambda: health(container)["Log"][0]["Start"] > first, "more results")
    log = health(container)["Log"]
    assert len(log) == 5
    assert all(result["Output"] == "x" * 4096 + "..." for result in log)


def test_output_need_not_be_text(start: Start) -> None:
    container = start(r"printf 'a\377\303b'; printf 'err' >&2", interval=600)
    [result] = wait_for_results(container, 1)
    assert result["Output"].replace("err", "") == "a\ufffd\ufffdb"


def test_a_probe_is_a_process_of_the_container(start: Start) -> None:
    script = "cat /proc/self/cgroup; id -u; pwd; echo $X; hostname; cat /proc/1/comm"
    container = start(script, user="guest", workdir="/tmp", env={"X": "y"}, interval=600)
    [result] = wait_for_results(container, 1)
    *cgroups, user, directory, variable, hostname, comm = result["Output"].splitlines()
    assert all(line.endswith((":/", ":/health.1")) for line in cgroups)
    assert any(line.startswith("0::/health.") for line in cgroups)
    assert (user, directory, variable, hostname, comm) == ("405", "/tmp", "y", container.short_id, "sleep")


def test_a_probe_counts_as_the_containers_memory(start: Start) -> None:
    """A greedy probe ends at the container's limit, not at the host's."""
    container = start("tail /dev/zero", memory="16m", memory_swap=16 << 20, interval=600, timeout=20)
    [result] = wait_for_results(container, 1)
    assert result["ExitCode"] == 137


def test_a_probe_writes_to_no_log(start: Start) -> None:
    container = start("echo probe", "echo program; exec sleep 600")
    wait_for_results(container, 3)
    assert container.logs() == b"program\n"


def test_a_probe_that_cannot_be_run_has_failed_and_says_why(
    engine: rocker.Engine, busybox_rootfs: Path
) -> None:
    container = engine.run(
        rootfs=str(busybox_rootfs),
        command=["sleep", "600"],
        detach=True,
        healthcheck=HealthCheck(("CMD", "nothing"), interval=0.05, retries=2),
    )
    wait_for_health(container, "unhealthy")
    result = health(container)["Log"][-1]
    assert result["ExitCode"] == -1
    assert 'exec: "nothing": executable file not found in $PATH' in result["Output"]


def test_a_paused_container_is_not_looked_at(start: Start) -> None:
    container = start("echo x; sleep 0.2", timeout=0.8)
    wait_for_health(container, "healthy")
    container.pause()
    before = health(container)
    time.sleep(1.2)  # longer than the timeout: nothing may happen in this time
    assert health(container) == before
    container.unpause()
    until(lambda: health(container)["Log"][-1]["Start"] > before["Log"][-1]["Start"], "another probe")
    assert {result["ExitCode"] for result in health(container)["Log"]} == {0}


def test_hundreds_of_probes_leave_nothing(start: Start) -> None:
    container = start("test ! -e /hold || exec sleep 600", interval=0.001)
    wait_for_results(container, 5)
    state = container.engine.state(container.id)
    assert state
    shim = state["shim_pid"]
    homes = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
    own = next(home for home in homes if os.path.exists(f"{home}/cgroup.controllers")) + state["cgroup"]
    between = until(lambda: _between_probes(shim, own), "a moment between two probes")
    until(lambda: max(_numbers(own), default=0) > 200, "200 probes", seconds=60)
    until(lambda: _between_probes(shim, own) == between, f"what is open is no more what it was: {between}")
    container.exec(["touch", "/hold"])
    # The process, its output, its cgroup and the one that this is in; the socket of its report goes with its execve.
    held = Counter(pidfd=1, pipe=2, directory=2)
    with suppress(AssertionError):
        until(lambda: _descriptors(shim) == between + held)
    assert _descriptors(shim) == between + held
    assert len(_numbers(own)) == 1


def _numbers(own: str) -> list[int]:
    """The numbers of the probes that have a cgroup."""
    name = "health."
    return [int(entry.name[len(name) :]) for entry in os.scandir(own) if entry.name.startswith(name)]


def _between_probes(shim: int, own: str) -> Counter[str] | None:
    """What the shim has open while it stands still, unless that is amid a probe."""
    os.kill(shim, signal.SIGSTOP)
    try:
        until(lambda: Path(f"/proc/{shim}/stat").read_text().rpartition(") ")[2][0] == "T", "it stands still")
        return None if _numbers(own) else _descriptors(shim)
    finally:
        os.kill(shim, signal.SIGCONT)


def _descriptors(pid: int) -> Counter[str]:
    """How many descriptors of each sort a process has: `pipe`, `socket`, `pidfd`, `directory`, …"""
    found: Counter[str] = Counter()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            target = os.readlink(link)
            sort = re.match(r"anon_inode:\[?(\w+)|(pipe|socket):", target)
            kind = next(filter(None, sort.groups())) if sort else "directory" if link.is_dir() else target
            found[kind] += 1
    return found


def test_the_end_of_the_container_ends_its_probe(start: Start) -> None:
    container = start("sleep 600", "sleep 0.3; exit 3", interval=600)
    assert container.wait(20) == 3
    found = container.inspect()["State"]
    assert found["Health"]["Status"] == "unhealthy"  # as Docker says of one that is not looked at
    assert found["Status"] == "exited"


def test_a_restart_begins_with_a_new_health(start: Start) -> None:
    container = start("test -e /ok", "test -e /2 && touch /ok && exec sleep 600; touch /2; sleep 0.3; exit 1",
                      retries=1, restart_policy="always")  # fmt: skip
    wait_for_health(container, "healthy")
    assert container.inspect()["RestartCount"] == 1


def test_a_shim_killed_amid_a_probe_takes_it_along(start: Start) -> None:
    container = start("sleep 600", interval=600)
    until(lambda: len(container.top()["Processes"]) == 2, "the probe")
    state = container.engine.state(container.id)
    assert state
    shim = find(state["shim_pid"])
    assert shim
    end([shim], signal.SIGKILL)
    assert wait_ended([shim], 20)
    assert container.status == "exited"


def test_ps_shows_and_finds_it(start: Start, run_cli: Callable[..., CompletedProcess[str]]) -> None:
    start("exit 0", name="good", interval=600)
    start("exit 1", name="bad", interval=0.05)
    start("sleep 600", name="new", interval=600)
    for name, status in (("good", "healthy"), ("bad", "unhealthy"), ("new", "health: starting")):
        look = ("ps", "-f", f"health={status.removeprefix('health: ')}", "--format", "{{.Names}} {{.Status}}")
        line = until(lambda look=look: run_cli(*look, check=True).stdout, status)
        assert line.startswith(f"{name} Up ")
        assert line.endswith(f" ({status})\n")
    done = run_cli("ps", "-f", "health=well")
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "rocker: invalid filter 'health=well'")


def test_waiting_for_health_ends_with_what_happens(
    start: Start, engine: rocker.Engine, busybox_rootfs: Path
) -> None:
    with pytest.raises(ConflictError, match="is unhealthy") as caught:
        start("echo why; exit 1").wait(20, condition="healthy")
    assert caught.value.hint == "the last probe gave 1: why"
    with pytest.raises(NotRunningError, match=r"exited \(4\)"):
        start("sleep 600", "sleep 0.3; exit 4").wait(20, condition="healthy")
    with pytest.raises(TimeoutError, match=r"is not healthy after 0\.2 s"):
        start("sleep 600").wait(0.2, condition="healthy")
    plain = engine.run(rootfs=str(busybox_rootfs), command=["sleep", "600"], detach=True)
    with pytest.raises(ConflictError, match="has no health check"):
        plain.wait(20, condition="healthy")
    assert plain.health == "none"


def test_run_waits_for_health_when_asked(
    run_cli: Callable[..., CompletedProcess[str]], busybox_rootfs: Path, engine: rocker.Engine
) -> None:
    def run(name: str, probe: str, *flags: str) -> CompletedProcess[str]:
        return run_cli(
            "run", "-d", "--name", name, "--wait", *flags, "--health-cmd", probe, "--health-interval", "50ms",
            "--health-retries", "2", "--rootfs", busybox_rootfs, "sh", "-c", "sleep 0.2; touch /up; exec sleep 600",
        )  # fmt: skip

    done = run("good", "test -e /up", "--health-start-period", "20s", "--health-start-interval", "50ms")
    assert (done.returncode, done.stderr) == (0, "")
    assert engine.containers.get("good").health == "healthy"
    done = run("bad", "echo no; exit 1")
    assert done.returncode == 125
    assert done.stderr == "rocker: container bad is unhealthy\nhint: the last probe gave 1: no\n"
    done = run("slow", "sleep 600", "--wait-timeout", "300ms")
    assert (done.returncode, done.stderr) == (125, "rocker: container slow is not healthy after 0.3 s\n")
    done = run_cli("run", "--wait", "--rootfs", busybox_rootfs, "true")
    assert (done.returncode, done.stderr.splitlines()[0]) == (125, "rocker: --wait needs --detach")


def test_the_images_health_check_is_used_completed_and_switched_off(
    run_cli: Callable[..., CompletedProcess[str]], busybox_tar: Path, engine: rocker.Engine
) -> None:
    change = "HEALTHCHECK --interval=50ms --retries=2 CMD echo from the image"
    run_cli("import", "--change", change, busybox_tar, "probed", check=True)
    flags = {"image": (), "own": ("--health-retries", "7"), "none": ("--no-healthcheck",)}
    for name, given in flags.items():
        run_cli("run", "-d", "--name", name, *given, "probed", "sleep", "600", check=True)
    image = engine.containers.get("image")
    assert image.wait(20, condition="healthy") == 0
    assert health(image)["Log"][0]["Output"] == "from the image\n"
    own = engine.containers.get("own").inspect()["Config"]["Healthcheck"]
    assert own == {"Test": ["CMD-SHELL", "echo from the image"], "Interval": 50_000_000, "Retries": 7}
    none = engine.containers.get("none").inspect()
    assert none["Config"]["Healthcheck"]["Test"] == ["NONE"]
    assert "Health" not in none["State"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--no-healthcheck", "--health-cmd", "x"), "--no-healthcheck conflicts with --health-* options"),
        (("--health-cmd", "x", "--health-interval", "-1s"), "--health-interval cannot be negative"),
        (("--health-cmd", "x", "--health-retries", "-1"), "--health-retries cannot be negative"),
        (("--health-cmd", "x", "--health-timeout", "10us"), "Timeout in Healthcheck cannot be less than 1ms"),
    ],
)
def test_a_wrong_health_check_is_refused_as_by_docker(
    run_cli: Callable[..., CompletedProcess[str]], busybox_rootfs: Path, flags: tuple[str, ...], message: str
) -> None:
    done = run_cli("run", *flags, "--rootfs", busybox_rootfs, "true")
    assert (done.returncode, done.stderr.splitlines()[0]) == (125, f"rocker: {message}")


def test_the_python_api_refuses_it_too(start: Start) -> None:
    with pytest.raises(InvalidArgumentError, match="Interval in Healthcheck cannot be less than 1ms"):
        start("true", interval=0.0001)
