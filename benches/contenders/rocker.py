"""rocker twice: through its Python API, in this process, and as the command of a shell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benches.contenders.base import CommandContender, Contender, Image

if TYPE_CHECKING:
    from helpers.processes import Process

COMMAND = str(Path(sys.executable).parent / "rocker")
WORKERS = 20.0
"""Seconds that workers have to come, and to go."""


class RockerCli(CommandContender):
    """`rocker` with roots and workers of its own. Its flags are the roots alone, and no network."""

    name = "rocker"
    run_flags = ["--network", "none"]
    warm = True

    def __init__(self, state: Path, image: Image) -> None:
        super().__init__(state, image)
        self.client = [COMMAND, "--root", str(state / "d"), "--run", str(state / "run")]
        self.workers = state / "warm"
        self.environment = {"ROCKER_WARM": str(self.workers) if self.warm else "0"}

    def open(self) -> None:
        super().open()
        self.output([*self.client, "import", str(self.image.tar), self.reference])
        if self.warm:
            self._await_workers()

    def _await_workers(self) -> None:
        """The first command has left them behind; they listen a moment later."""
        deadline = time.monotonic() + WORKERS
        while not list(self.workers.glob("*.sock")):
            if time.monotonic() > deadline:
                raise RuntimeError(f"no worker listens in {self.workers} after {WORKERS:.0f} s")
            time.sleep(0.01)

    def close(self) -> None:
        end_workers(self.workers)
        _end_launcher(self.state)
        super().close()

    def helpers(self, name: str) -> dict[str, list[int]]:
        init = int(self.output([*self.client, "inspect", "--format", "{{.State.Pid}}", name]))
        workers = [one.pid for one in workers_of(self.workers)]
        more = {"template and workers, all together": workers} if self.warm else {}
        return _residents(self.state, init) | more


class RockerCold(RockerCli):
    """The same without workers: Python from its start."""

    name = "rocker cold"
    warm = False


class RockerApi(Contender):
    """`rocker.Engine` in this process."""

    name = "rocker API"
    reference = "busybox"

    def open(self) -> None:
        super().open()
        import rocker

        if not hasattr(rocker, "Engine"):
            raise RuntimeError("rocker.Engine does not exist yet")
        self.engine: Any = rocker.Engine(root=str(self.state / "d"), run=str(self.state / "run"))
        self.engine.images.import_(str(self.image.tar), self.reference)
        self._containers: dict[str, Any] = {}

    def close(self) -> None:
        if hasattr(self, "engine"):
            for container in self.engine.containers.list(all=True):
                container.remove(force=True)
            self.engine.close()
        _end_launcher(self.state)
        super().close()

    def run_argv(self, *command: str) -> list[str]:
        return [COMMAND, "--root", str(self.state / "d"), "--run", str(self.state / "run"), "run", "--rm",
                "--network", "none", self.reference, *command]  # fmt: skip

    def popen(self, *command: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "ROCKER_WARM": "0"}
        argv = self.run_argv(*command)
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment)

    def run(self, *command: str) -> None:
        result = self.engine.run(self.reference, list(command), network="none")
        if result.exit_code:
            raise RuntimeError(f"{command} ended with {result.exit_code}: {result.stderr!r}")

    def create(self, name: str, *command: str) -> None:
        from rocker.engine.options import RunOptions

        options = RunOptions(image=self.reference, command=tuple(command), name=name, network="none")
        self._containers[name] = self.engine.create(options)

    def start(self, name: str) -> None:
        self._containers[name].start()

    def stop(self, name: str) -> None:
        self._containers[name].stop()

    def remove(self, name: str) -> None:
        self._containers.pop(name).remove(force=True)

    def list_all(self) -> None:
        self.engine.containers.list(all=True)

    def execute(self, name: str, *command: str) -> None:
        result = self._containers[name].exec(list(command))
        if result.exit_code:
            raise RuntimeError(f"{command} ended with {result.exit_code}")

    def log(self, name: str) -> int:
        return sum(len(getattr(line, "data", line)) for line in self._containers[name].logs())

    def stats(self, name: str) -> None:
        self._containers[name].stats()

    def import_image(self, archive: Path, name: str) -> None:
        self.engine.images.import_(str(archive), name)

    def load_image(self, archive: Path) -> None:
        self.engine.images.load(str(archive))

    def remove_image(self, name: str) -> None:
        self.engine.images.remove(name)

    def helpers(self, name: str) -> dict[str, list[int]]:
        container = self._containers[name]
        init = container.pid if hasattr(container, "pid") else container.inspect()["State"]["Pid"]
        return _residents(self.state, init)


def workers_of(directory: Path) -> list[Process]:
    """The templates whose workers listen in this directory, and the workers."""
    from helpers.processes import processes_of

    return [one for one in processes_of(directory) if "rocker.warm" in one.command]


def end_workers(directory: Path) -> None:
    """End them, and wait until they have gone."""
    from helpers.processes import end, wait_ended

    found = workers_of(directory)
    end(found, signal.SIGTERM)
    wait_ended(found, WORKERS)


def _residents(state: Path, init: int) -> dict[str, list[int]]:
    from helpers.processes import parent_of

    launchers = [one.pid for one in _launchers(state)]
    return {"launcher": launchers, "shim, one a container": [parent_of(init)]}


def _launchers(state: Path) -> list[Process]:
    """Whoever holds launcher.lock open."""
    from helpers.processes import open_files, processes_of

    lock = str(state / "run" / "launcher.lock")
    return [one for one in processes_of(state) if lock in open_files(one.pid)]


def _end_launcher(state: Path) -> None:
    from helpers.processes import end

    end(_launchers(state), signal.SIGTERM)
