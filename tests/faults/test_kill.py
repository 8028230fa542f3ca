"""SIGKILL of whoever takes part, in the middle of what it does."""

from __future__ import annotations

import signal
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rocker
from helpers.faults import calls_of, each, killable, killed_at, recorded, run_killed
from helpers.processes import end, find, wait_ended
from helpers.until import until
from rocker import HealthCheck
from rocker.errors import GoneError, RockerError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from typing import Any

    from helpers.engine import EngineRoots
    from helpers.processes import Process

    from .conftest import Bystander

STEPS = ("run", "run --rm", "exec", "stop", "rm -f")
SHIM_STEPS = (*STEPS, "restart", "probe", "update", pytest.param("run --userns", marks=pytest.mark.slow))
# One call of each kind of effect; the slow matrix takes all that a recording shows, as those of launcher and shim do.
CLIENT_CALLS = ("connect", "mkdir", "rename", "fdatasync", "sendmsg", "recvmsg")
INIT_CALLS = (
    "move_mount",
    "pivot_root",
    "sethostname",
    "capset",
    "close_range",
    "seccomp",
    "execve",
)


# Of the shim's children that start a container in a user namespace: the namespace's first process, the one that clones
# the init in it, the one that makes the root, and the init itself.
USERNS_CALLS = (
    "pause",
    "setns",
    "clone3",
    "setfsuid",
    "fsmount",
    "mount_setattr",
    "open_tree",
    "move_mount",
    "sendmsg",
    "setresuid",
    "recvmsg",
    "pivot_root",
)


class Steps:
    """The steps of a container's life, as commands and as calls."""

    def __init__(self, engine: rocker.Engine, roots: EngineRoots, rootfs: Path) -> None:
        self.engine, self.roots, self.rootfs = engine, roots, rootfs

    def command(self, step: str) -> list[str]:
        """The command of a step, on a container made for it."""
        if step.startswith("run"):
            options = ["--rm"] if step.endswith("--rm") else []
            return self.roots.command("run", *options, "--rootfs", self.rootfs, "echo", "x")
        words = {"exec": ["exec"], "stop": ["stop", "-t", "0"], "rm -f": ["rm", "-f"]}[step]
        return self.roots.command(*words, self.start().id, *(["true"] if step == "exec" else []))

    def start(self) -> rocker.Container:
        return self.engine.run(rootfs=str(self.rootfs), command=["sleep", "600"], detach=True)

    def run(self, *, remove: bool = False, userns: str = "host") -> int:
        options: dict[str, Any] = {"auto_remove": remove, "userns": userns}
        return self.engine.run(rootfs=str(self.rootfs), command=["echo", "x"], **options).exit_code

    def at_shim(self, step: str) -> tuple[int, Callable[[], object]]:
        """The pid of the shim that does a step's work, and the call that makes it do so."""
        if step.startswith("run"):
            userns = "auto" if step.endswith("--userns") else "host"
            return self.standby().pid, partial(self.run, remove=step.endswith("--rm"), userns=userns)
        if step in {"restart", "probe"}:
            return self.at_life(step)
        container = self.start()
        state = container.engine.state(container.id)
        assert state
        return state["shim_pid"], {
            "update": partial(container.update, pids_limit=99, restart_policy="always"),
            "exec": partial(container.exec, ["true"]),
            "stop": partial(container.stop, timeout=0),
            "rm -f": partial(container.remove, force=True),
        }[step]

    def at_life(self, step: str) -> tuple[int, Callable[[], object]]:
        """The shim of a container whose next start, or the end of whose probe, is for the call to bring about."""
        shared = Path(tempfile.mkdtemp(dir=self.roots.base))
        container = self.engine.run(
            rootfs=str(self.rootfs),
            command=["sleep", "600"],
            detach=True,
            mounts=[f"{shared}:/s"],
            restart_policy="always",
            healthcheck=HealthCheck(
                ("CMD-SHELL", "while ! test -e /s/go; do sleep 0.01; done; echo well"),
                interval=600,
                timeout=600,
            ),
        )
        state = container.engine.state(container.id)
        assert state
        shim, init = find(state["shim_pid"]), find(state["pid"])
        assert shim
        assert init
        until(lambda: len(container.top()["Processes"]) > 1, "the probe")

        def started_again() -> bool:
            return container.inspect()["RestartCount"] == 1 and container.status == "running"

        def probed() -> bool:
            return container.health == "healthy"

        def act() -> None:
            if step == "restart":
                end([init], signal.SIGKILL)
            else:
                (shared / "go").touch()
            so = started_again if step == "restart" else probed
            until(lambda: so() or wait_ended([shim], 0), step)
            if not so():
                raise GoneError("the shim was killed")
            if step == "probe":
                container.stop(0)

        return state["shim_pid"], act

    def standby(self) -> Process:
        """The shim that will take the next container."""
        self.run(remove=True)
        deadline = time.monotonic() + 20
        while not (found := self.roots.standbys()):  # the launcher makes it in its first quiet moment
            assert time.monotonic() < deadline, "no shim stands by"
        return found[-1]


@pytest.fixture
def steps(engine: rocker.Engine, engine_roots: EngineRoots, busybox_rootfs: Path) -> Steps:
    return Steps(engine, engine_roots, busybox_rootfs)


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_command_leaves_nothing_half_done(bystander: Bystander, steps: Steps, step: str) -> None:
    killed = 0
    for call in CLIENT_CALLS:
        killed += run_killed(steps.command(step), call, 1).returncode == -signal.SIGKILL
        bystander.check(f"{step}: {call}")
    assert killed >= 2, "hardly anything was killed: the calls are no longer those of the step"
    bystander.check_nothing_else_is_left(step)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("step", STEPS)
def test_a_command_killed_at_any_call_leaves_nothing_half_done(
    bystander: Bystander, steps: Steps, step: str
) -> None:
    calls = {name: count for name, count in calls_of(steps.command(step)).items() if killable(name)}
    for name, count in sorted(calls.items()):
        # The files that Python opens while it starts are no steps.
        for number in range(max(1, count - 30), count + 1):
            run_killed(steps.command(step), name, number)
            bystander.check(f"{step}: {name} {number}")
    bystander.check_nothing_else_is_left(step)


def _kill_launcher(bystander: Bystander, steps: Steps, call: str, number: int) -> bool:
    steps.run(remove=True)
    [launcher] = steps.roots.launchers()
    with killed_at(launcher.pid, call, number) as attempt, suppress(RockerError):
        steps.run()
    end([launcher], signal.SIGKILL)
    assert wait_ended([launcher], 20)
    steps.run(remove=True)
    bystander.check(f"launcher: {call} {number}")
    return attempt.killed


@pytest.mark.timeout(600)
def test_a_launcher_killed_at_any_call_costs_one_start_at_most(bystander: Bystander, steps: Steps) -> None:
    steps.run(remove=True)
    [launcher] = steps.roots.launchers()
    with recorded(launcher.pid) as calls:
        steps.run()
    killed = [_kill_launcher(bystander, steps, name, number) for name, number in each(calls)]
    assert sum(killed) >= len(killed) / 2, "hardly anything was killed"
    bystander.check_nothing_else_is_left("launcher")


def _kill_shim(bystander: Bystander, steps: Steps, step: str, call: str, number: int) -> bool:
    pid, act = steps.at_shim(step)
    shim = find(pid)
    assert shim
    with killed_at(pid, call, number) as attempt:
        try:
            act()
            goes = step not in {"exec", "update", "restart"}
        except RockerError:
            goes = True
        # Its last calls come after the last answer.
        assert not goes or wait_ended([shim], 20)
    steps.run(remove=True)
    bystander.check(f"{step}: {call} {number}")
    return attempt.killed


def _shim_calls(steps: Steps, step: str) -> Counter[str]:
    shim, act = steps.at_shim(step)
    with recorded(shim) as calls:
        act()
    return calls


@pytest.mark.timeout(600)
@pytest.mark.parametrize("step", SHIM_STEPS)
def test_a_shim_killed_at_any_call_leaves_nothing_half_done(
    bystander: Bystander, steps: Steps, step: str
) -> None:
    killed = [
        _kill_shim(bystander, steps, step, name, number) for name, number in each(_shim_calls(steps, step))
    ]
    # Some calls are not made each time: to wait for what is there already, for example.
    assert sum(killed) >= len(killed) * 0.8, f"only {sum(killed)} of {len(killed)} calls were come to"
    bystander.check_nothing_else_is_left(step)


@pytest.mark.parametrize("call", INIT_CALLS)
def test_an_init_killed_before_its_exec_costs_its_own_start_alone(
    bystander: Bystander, steps: Steps, call: str
) -> None:
    with (
        killed_at(steps.standby().pid, call, children=True),
        pytest.raises(RockerError, match="killed while it was being set up"),
    ):
        steps.run()
    bystander.check(f"init: {call}")
    bystander.check_nothing_else_is_left(call)


@pytest.mark.parametrize("call", USERNS_CALLS)
def test_a_process_killed_on_the_way_into_a_user_namespace_costs_its_own_start_alone(
    bystander: Bystander, steps: Steps, call: str
) -> None:
    with killed_at(steps.standby().pid, call, children=True) as attempt, suppress(RockerError):
        steps.run(userns="auto")
    assert attempt.killed
    assert steps.run(userns="auto", remove=True) == 0
    bystander.check(f"user namespace: {call}")
    bystander.check_nothing_else_is_left(call)
    assert steps.engine.catalog.query("SELECT * FROM id_ranges") == []


def _kill_shim_of(container: rocker.Container) -> None:
    state = container.engine.state(container.id)
    assert state
    shim = find(state["shim_pid"])
    assert shim
    end([shim], signal.SIGKILL)
    assert wait_ended([shim], 20)


def test_without_its_shim_a_container_has_ended_with_137_and_can_start_again(
    bystander: Bystander, engine_roots: EngineRoots, steps: Steps, busybox_rootfs: Path
) -> None:
    command = ["sh", "-c", "echo $((1+1)); exec sleep 600"]
    container = steps.engine.run(rootfs=str(busybox_rootfs), command=command, detach=True)
    init = find(container.inspect()["State"]["Pid"])
    assert init
    assert next(iter(container.logs(follow=True))) == b"2\n"
    _kill_shim_of(container)
    assert wait_ended([init], 20), "the container's processes outlived its shim"
    state = container.inspect()["State"]
    assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 137, 0)
    assert container.wait(timeout=20) == 137
    assert "Exited (137)" in engine_roots.cli("ps", "-a", check=True).stdout
    assert container.logs() == b"2\n"
    container.start()
    assert container.exec(["echo", "again"]).stdout == b"again\n"
    container.remove(force=True)
    bystander.check_nothing_else_is_left("shim")


def test_who_waits_for_a_container_hears_of_its_shims_death(steps: Steps, engine_roots: EngineRoots) -> None:
    container = steps.start()
    with container.attach() as session:
        _kill_shim_of(container)
        with pytest.raises(RockerError, match="shim"):
            session.wait(20)


def test_a_container_with_rm_goes_with_its_killed_shim(
    bystander: Bystander, steps: Steps, engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    container = steps.engine.run(
        rootfs=str(busybox_rootfs), command=["sleep", "600"], detach=True, auto_remove=True
    )
    _kill_shim_of(container)
    assert container.id[:12] not in engine_roots.cli("ps", "-a", check=True).stdout
    bystander.check_nothing_else_is_left("shim with --rm")


def test_a_listing_of_another_data_root_on_the_same_run_root_ends_nothing_of_ours(
    bystander: Bystander, steps: Steps, engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    exited = steps.engine.run(rootfs=str(busybox_rootfs), command=["sh", "-c", "exit 3"], detach=True)
    assert exited.wait() == 3
    killed = steps.start()
    _kill_shim_of(killed)

    def files() -> list[list[Path]]:
        return [sorted((engine_roots.run / "containers" / one.id).iterdir()) for one in (exited, killed)]

    before = files()
    assert all(before)
    with rocker.Engine(engine_roots.base / "other", engine_roots.run) as other:
        assert other.containers.list(all=True) == []
        removed = other.run(rootfs=str(busybox_rootfs), command=["true"], network="none")
        assert removed.exit_code == 0
    assert files() == before
    codes = {one.id: one.exit_code for one in steps.engine.containers.list(all=True)}
    assert codes == {bystander.container.id: None, exited.id: 3, killed.id: 137}


def test_a_container_whose_row_and_shim_are_gone_is_ended_by_a_listing(
    bystander: Bystander, steps: Steps, engine_roots: EngineRoots
) -> None:
    container = steps.start()
    init = find(container.inspect()["State"]["Pid"])
    assert init
    _kill_shim_of(container)
    with steps.engine.catalog.write():
        assert steps.engine.catalog.delete_container(container.id)
    assert engine_roots.cli("ps", "-aq", "--no-trunc", check=True).stdout.split() == [bystander.container.id]
    assert wait_ended([init], 20), "it outlived its row"
    bystander.check_nothing_else_is_left("row and shim")
