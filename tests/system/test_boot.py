"""`system boot`: what runs after the machine has started again. A start of the machine is the loss of the run root."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

import pytest

import rocker
from helpers.processes import end, wait_ended
from helpers.until import until
from rocker.engine.requests import call
from rocker.errors import TimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    from helpers.engine import EngineRoots


@pytest.fixture
def start(engine: rocker.Engine, busybox_rootfs: Path) -> Callable[..., rocker.Container]:
    def call(name: str, policy: str, script: str = "exec sleep 600", **keywords: object) -> rocker.Container:
        return engine.run(
            rootfs=str(busybox_rootfs), command=["sh", "-c", script], detach=True, name=name, restart_policy=policy,
            **keywords,  # type: ignore[arg-type]
        )  # fmt: skip

    return call


@pytest.fixture
def reboot(engine_roots: EngineRoots, engine: rocker.Engine) -> Callable[[], None]:
    """Every process of the engine is gone, and so is what is on a tmpfs; the data root stays."""

    def call() -> None:
        kept = {one: one.read_text() for one in engine_roots.root.glob("containers/*/state.json")}
        states = [engine.state(one.id) for one in engine.containers.list()]
        shims = {state["shim_pid"] for state in states if state}
        killed = [one for one in engine_roots.processes() if one.pid in shims] + engine_roots.launchers()
        end(killed, signal.SIGKILL)
        assert wait_ended(killed, 20)
        for one in engine.containers.list(all=True):
            # Their cgroups would have gone with the machine; what this look writes down would not be there.
            engine.core.settle(engine.run_root, engine.root, one.id)
        for path in engine_roots.root.glob("containers/*/state.json"):
            path.unlink()
        for path, text in kept.items():
            path.write_text(text)
        shutil.rmtree(engine_roots.run)
        engine.close()

    return call


def test_what_should_run_runs_after_a_boot(
    start: Callable[..., rocker.Container],
    reboot: Callable[[], None],
    run_cli: Callable[..., CompletedProcess[str]],
    engine: rocker.Engine,
    busybox_rootfs: Path,
) -> None:
    for name, policy in (("a", "always"), ("u", "unless-stopped"), ("f", "on-failure"), ("n", "no")):
        start(name, policy)
        start(f"{name}-stopped", policy).stop(0)
    engine.create(
        rocker.RunOptions(rootfs=str(busybox_rootfs), command=["sleep", "9"], name="never", restart="always")
    )
    reboot()
    states = dict(line.split() for line in run_cli(
        "ps", "-a", "--format", "{{.Names}} {{.State}}", check=True
    ).stdout.splitlines())  # fmt: skip
    assert {states[name] for name in ("a", "u", "f", "a-stopped", "u-stopped", "f-stopped")} == {"exited"}
    lost = engine.containers.get("a").inspect()["State"]
    assert (lost["Status"], lost["ExitCode"], lost["Pid"]) == ("exited", 255, 0)
    done = run_cli("system", "boot")
    assert (done.returncode, sorted(done.stdout.split()), done.stderr) == (0, ["a", "a-stopped", "u"], "")
    running = run_cli("ps", "--format", "{{.Names}}", check=True).stdout.split()
    assert sorted(running) == ["a", "a-stopped", "u"]
    again = run_cli("system", "boot")
    assert (again.returncode, again.stdout) == (0, "")


def test_one_in_back_off_when_the_machine_ends_is_started(
    start: Callable[..., rocker.Container], reboot: Callable[[], None], engine: rocker.Engine
) -> None:
    container = start("x", "unless-stopped", "exit 1")
    until(lambda: container.inspect()["RestartCount"] >= 3 and container.status == "restarting", "back-off")
    reboot()
    assert [one.name for one in engine.boot()] == ["x"]


def test_one_that_was_started_after_a_stop_is_started(
    start: Callable[..., rocker.Container], reboot: Callable[[], None], engine: rocker.Engine
) -> None:
    container = start("x", "unless-stopped")
    container.stop(0)
    container.start()
    reboot()
    assert [one.name for one in engine.boot()] == ["x"]


def test_who_joins_another_comes_after_it_and_a_failure_is_told(
    start: Callable[..., rocker.Container],
    reboot: Callable[[], None],
    engine: rocker.Engine,
    run_cli: Callable[..., CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    source = tmp_path / "gone"
    source.mkdir()
    start("broken", "always", mounts=[rocker.Bind(str(source), "/s")])
    donor = start("donor", "always")
    start("joined", "always", network="container:donor")
    # Made after the one that joins it, as far as anybody can tell.
    with engine.catalog.write() as db:
        db.execute("UPDATE containers SET created_ns = created_ns + 3600000000000 WHERE id = ?", (donor.id,))
    reboot()
    source.rmdir()
    done = run_cli("system", "boot")
    assert (done.returncode, done.stdout.split()) == (1, ["donor", "joined"])
    assert done.stderr.startswith(
        'rocker: broken could not be started: invalid mount config for type "bind": '
    )


def test_what_a_shutdown_stops_a_boot_starts_again(
    start: Callable[..., rocker.Container],
    reboot: Callable[[], None],
    run_cli: Callable[..., CompletedProcess[str]],
    engine: rocker.Engine,
) -> None:
    trap = "trap 'exit 7' TERM; while :; do sleep 0.1; done"
    ready = {"healthcheck": rocker.HealthCheck(("CMD-SHELL", "true"), interval=0.05)}
    for name, policy in (("a", "always"), ("u", "unless-stopped"), ("f", "on-failure"), ("n", "no")):
        start(name, policy, trap, **ready).wait(20, condition="healthy")
    start("stopped", "unless-stopped").stop(0)
    start("goes", "no", auto_remove=True, stop_timeout=0)
    paused = start("paused", "unless-stopped", stop_timeout=0)
    paused.pause()
    failing = start("fails", "always", "exit 3")
    until(lambda: failing.inspect()["RestartCount"] >= 3 and failing.status == "restarting", "back-off")
    done = run_cli("system", "shutdown")
    assert (done.returncode, sorted(done.stdout.split()), done.stderr) == (
        0, ["a", "f", "fails", "goes", "n", "paused", "u"], "",
    )  # fmt: skip
    left = {one.name: one.exit_code for one in engine.containers.list(all=True)}
    assert left == {"a": 7, "u": 7, "f": 7, "n": 7, "stopped": 137, "paused": 137, "fails": 3}
    assert run_cli("system", "shutdown").stdout == ""
    reboot()
    done = run_cli("system", "boot")
    assert (done.returncode, sorted(done.stdout.split())) == (0, ["a", "fails", "paused", "u"])


def test_a_users_stop_before_or_after_a_shutdown_counts(
    start: Callable[..., rocker.Container], engine: rocker.Engine
) -> None:
    def ask(container: rocker.Container, *, machine: bool) -> None:
        """Stop it without a limit: as process 1 `sleep` takes no notice of the signal."""
        with pytest.raises(TimeoutError):
            call(container, "stop", answer_within=0.0, timeout=-1.0, machine=machine)

    before, after = start("before", "unless-stopped"), start("after", "unless-stopped")
    ask(before, machine=False)
    ask(after, machine=True)
    after.stop(0)
    assert [one.name for one in engine.shutdown(0)] == ["before"]
    assert engine.boot() == []


def test_a_shutdowns_limit_is_for_all(start: Callable[..., rocker.Container], engine: rocker.Engine) -> None:
    start("deaf", "always", "trap '' TERM; while :; do sleep 0.1; done", stop_timeout=-1)
    assert [one.name for one in engine.shutdown(0)] == ["deaf"]
    assert [one.name for one in engine.boot()] == ["deaf"]
