"""SIGKILL in the middle of what makes and unmakes networks, ports and volumes: nothing of it is left.

A step is a command, or the call that has a shim do it; afterwards it is undone as far as it has come, by the engine's
own verbs, and all is as it was: links, elements of the table, addresses, volumes, rows, files.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from helpers.faults import calls_of, each, killable, killed_at, recorded, run_killed, sampled
from helpers.processes import end, find, wait_ended
from helpers.until import until
from rocker.engine.options import VolumeMount
from rocker.errors import GoneError, NotFoundError, RockerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import rocker
    from helpers.engine import EngineRoots
    from helpers.processes import Process

    from .conftest import Bystander

COMMANDS = (
    "run", "network connect", "network disconnect", "network create", "network rm", "volume create", "volume rm",
    "cp in", "cp out", "commit",
)  # fmt: skip
# These have threads.
COPIES = frozenset({"cp in", "cp out", "commit"})
# A few points of each step, for CI; the slow suite has them all.
MANY = 100_000
ALL = pytest.param(MANY, marks=pytest.mark.slow)
SHIM_STEPS = ("run", "connect", "disconnect", "restart", "rm -f")


class Scene:
    """Two networks, and what is done on them."""

    def __init__(self, bystander: Bystander, roots: EngineRoots, rootfs: Path, tmp_path: Path) -> None:
        self.bystander, self.engine, self.roots = bystander, bystander.engine, roots
        self.rootfs, self.tmp_path = rootfs, tmp_path
        self.engine.networks.create("mine")
        self.engine.networks.create("two")
        (tmp_path / "source").write_bytes(b"x" * 300_000)
        self._start_on("mine", "two")()
        self.undo("")
        bystander.keep()

    def start(self, **options: object) -> rocker.Container:
        return self.engine.run(
            rootfs=str(self.rootfs), command=["sleep", "600"], detach=True, **self._all(options)
        )

    def run(self) -> None:
        self.engine.run(rootfs=str(self.rootfs), command=["echo", "x"], auto_remove=True, **self._all({}))

    @staticmethod
    def _all(options: dict[str, object]) -> dict[str, object]:
        return {
            "network": "mine",
            "ports": ["127.0.0.1::80", "127.0.0.1::81/udp"],
            "mounts": ["named:/n", VolumeMount("/anonymous")],
            **options,
        }

    def command(self, step: str) -> list[str]:
        """A step as a command line, on what was made for it."""
        made = {
            "network connect": self._start_on("mine"),
            "network disconnect": self._start_on("mine", "two"),
            "network rm": lambda: self.engine.networks.create("made"),
            "volume rm": lambda: self.engine.volumes.create("made"),
            "cp in": self._start_on("mine"),
            "cp out": self._start_on("mine", copied=True, stopped=True),
            "commit": self._start_on("mine", copied=True),
        }
        made.get(step, lambda: None)()
        publish = ("-p", "127.0.0.1::80", "-v", "named:/n", "-v", "/anonymous")
        words: dict[str, tuple[str | Path, ...]] = {
            "run": ("run", "--rm", "--network", "mine", *publish, "--rootfs", self.rootfs, "echo", "x"),
            "network connect": ("network", "connect", "two", "made"),
            "network disconnect": ("network", "disconnect", "two", "made"),
            "network create": ("network", "create", "made"),
            "network rm": ("network", "rm", "made"),
            "volume create": ("volume", "create", "made"),
            "volume rm": ("volume", "rm", "made"),
            "cp in": ("cp", self.tmp_path / "source", "made:/copied"),
            "cp out": ("cp", "made:/copied", self.tmp_path / "target"),
            "commit": ("commit", "made", "made:1"),
        }
        return self.roots.command(*words[step])

    def _start_on(
        self, first: str, *others: str, copied: bool = False, stopped: bool = False
    ) -> Callable[[], object]:
        def start() -> None:
            container = self.start(name="made", network=first)
            for other in others:
                self.engine.networks.get(other).connect(container)
            if copied:
                container.copy_to(self.tmp_path / "source", "/copied")
            if stopped:
                container.stop(timeout=0)

        return start

    def undo(self, step: str) -> None:
        """Take away what a step has made, as far as it is there, and look whether it is whole."""
        for container in self.engine.containers.list(all=True):
            if container.id != self.bystander.container.id:
                if step in COMMANDS and step != "cp out" and container.name == "made":
                    self._check_whole(container)
                with suppress(NotFoundError):  # one with --rm, on its way out
                    container.remove(force=True, volumes=True)
        for network in self.engine.networks.list(filters={"name": "made"}):
            network.remove()
        for volume in self.engine.volumes.list():
            volume.remove()
        for image in self.engine.images.list():
            self.engine.images.remove(image["Id"], force=True)

    @staticmethod
    def _check_whole(container: rocker.Container) -> None:
        """A container that only stood by goes on, on the networks that the catalogue says."""
        until(lambda: container.status == "running", "it goes on")
        networks = container.inspect()["NetworkSettings"]["Networks"]
        links = container.exec(["ls", "/sys/class/net"]).lines
        assert len(links) == len(networks) + 1, (links, list(networks))

    def check(self, step: str, point: str) -> None:
        """What is left of a step can be undone, and then nothing is left of it."""
        self.bystander.look()
        self.undo(step)
        self.bystander.check(point)
        self.bystander.check_remains(point)

    # --- shims ---

    def standby(self) -> Process:
        self.run()
        return until(self.roots.standbys, "a shim stands by")[-1]

    def at_shim(self, step: str) -> tuple[int, Callable[[], object]]:
        """The pid of the shim that does a step's work, and the call that has it do so."""
        if step == "run":
            return self.standby().pid, self.run
        container = self.start(**({"restart_policy": "always"} if step == "restart" else {}))
        two = self.engine.networks.get("two")
        if step == "disconnect":
            two.connect(container)
        state = self.engine.state(container.id)
        assert state
        calls = {
            "connect": partial(self._told, two.connect, container),
            "disconnect": partial(self._told, two.disconnect, container),
            "restart": partial(self._restart, container, state),
            "rm -f": partial(container.remove, force=True),
        }
        return state["shim_pid"], calls[step]

    @staticmethod
    def _told(change: Callable[[rocker.Container], object], container: rocker.Container) -> None:
        change(container)
        container.top()  # a container that has ended meanwhile is changed all the same: its end is told here

    @staticmethod
    def _restart(container: rocker.Container, state: dict[str, int]) -> None:
        init, shim = find(state["pid"]), find(state["shim_pid"])
        assert init
        assert shim
        end([init], signal.SIGKILL)

        def again() -> bool:
            return container.inspect()["RestartCount"] == 1 and container.status == "running"

        until(lambda: again() or wait_ended([shim], 0), "it starts again")
        if not again():
            raise GoneError("the shim was killed")


@pytest.fixture
def scene(bystander: Bystander, engine_roots: EngineRoots, busybox_rootfs: Path, tmp_path: Path) -> Scene:
    return Scene(bystander, engine_roots, busybox_rootfs, tmp_path)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("most", [9, ALL], ids=["some", "all"])
@pytest.mark.parametrize("step", COMMANDS)
def test_a_killed_command_leaves_nothing(scene: Scene, step: str, most: int) -> None:
    threads = step in COPIES
    calls = calls_of(scene.command(step), threads=threads)
    scene.check(step, step)
    # The files that Python opens while it starts are no steps.
    points = [
        (name, number)
        for name, count in sorted(calls.items())
        if killable(name) and not (name == "openat" and most < MANY)
        for number in range(max(1, count - 30), count + 1)
    ]
    killed = 0
    for name, number in sampled(points, most):
        done = run_killed(scene.command(step), name, number, threads=threads)
        killed += done.returncode == -signal.SIGKILL
        scene.check(step, f"{step}: {name} {number}")
    assert killed >= most / 3 or most == MANY, "hardly anything was killed"


def _kill_shim(scene: Scene, step: str, name: str, number: int) -> bool:
    pid, act = scene.at_shim(step)
    shim = find(pid)
    assert shim
    with killed_at(pid, name, number) as attempt:
        try:
            act()
            goes = step in {"run", "rm -f"}
        except RockerError:
            goes = True
        # Its last calls come after the last answer.
        assert not goes or wait_ended([shim], 20)
    scene.check(f"shim: {step}", f"{step}: {name} {number}")
    return attempt.killed


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("most", [12, ALL], ids=["some", "all"])
@pytest.mark.parametrize("step", SHIM_STEPS)
def test_a_killed_shim_leaves_nothing(scene: Scene, step: str, most: int) -> None:
    pid, act = scene.at_shim(step)
    with recorded(pid) as calls:
        act()
    scene.check(f"shim: {step}", step)
    points = sampled(each(calls), most)
    killed = [_kill_shim(scene, step, name, number) for name, number in points]
    # Some calls are not made each time: to wait for what is there already, for example.
    assert sum(killed) >= len(killed) * 0.7, f"only {sum(killed)} of {len(killed)} calls were come to"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("most", [8, ALL], ids=["some", "all"])
def test_a_killed_launcher_leaves_nothing(scene: Scene, most: int) -> None:
    def launcher() -> Process:
        scene.run()
        [found] = scene.roots.launchers()
        return found

    with recorded(launcher().pid) as calls:
        scene.run()
    for name, number in sampled(each(calls), most):
        one = launcher()
        with killed_at(one.pid, name, number), suppress(RockerError):
            scene.run()
        end([one], signal.SIGKILL)
        assert wait_ended([one], 20)
        scene.check("launcher", f"launcher: {name} {number}")
    scene.run()  # the next launcher takes the place of the last
