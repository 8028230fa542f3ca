"""rocker twice: through its Python API, in this process, and as the command of a shell."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from benches.contenders.base import CommandContender, Contender, Image
from benches.measure import output

COMMAND = str(Path(sys.executable).parent / "rocker")


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
        output([*self.client, "import", str(self.image.tar), self.reference])
        if self.warm:
            self._do([*self.client, "version"])
            while not list(self.workers.glob("*.sock")):  # the first command leaves them behind
                time.sleep(0.01)

    def close(self) -> None:
        for pid in self.residents():
            subprocess.run(["kill", str(pid)], check=False)
        _end_launcher(self.state)
        super().close()

    def residents(self) -> list[int]:
        """Template and workers."""
        mark = f"{self.workers}/".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (process / "cmdline").read_bytes():
                    found.append(int(process.name))
        return found

    def helpers(self, name: str) -> dict[str, list[int]]:
        init = int(output([*self.client, "inspect", "--format", "{{.State.Pid}}", name]))
        more = {"template and workers, all together": self.residents()} if self.warm else {}
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

    def load(self, archive: Path, name: str) -> None:
        self.engine.images.import_(str(archive), name)

    def unload(self, name: str) -> None:
        self.engine.images.remove(name)

    def helpers(self, name: str) -> dict[str, list[int]]:
        container = self._containers[name]
        init = container.pid if hasattr(container, "pid") else container.inspect()["State"]["Pid"]
        return _residents(self.state, init)


def _residents(state: Path, init: int) -> dict[str, list[int]]:
    return {"launcher": _launchers(state), "shim, one a container": [_parent(init)]}


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _launchers(state: Path) -> list[int]:
    """Whoever holds launcher.lock open."""
    lock = str(state / "run" / "launcher.lock")
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(os.readlink(link) == lock for link in (process / "fd").iterdir()):
                found.append(int(process.name))
    return found


def _end_launcher(state: Path) -> None:
    for pid in _launchers(state):
        if pid != os.getpid():
            subprocess.run(["kill", str(pid)], check=False)
