"""Workers of one test: a template in a directory of its own, ended with the test."""

import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from helpers.engine import TEARDOWN, EngineRoots
from helpers.processes import Process, end, processes_of, wait_ended


class Warm:
    """Entered, it runs one command, which leaves a template behind, and waits until workers listen."""

    def __init__(self, roots: EngineRoots, patch: pytest.MonkeyPatch) -> None:
        self.roots = roots
        self.directory = roots.base / "w"
        patch.setenv("ROCKER_WARM", str(self.directory))

    def __enter__(self) -> Self:
        self.roots.cli("version", check=True)
        self.wait()
        return self

    def __exit__(self, *_: object) -> None:
        found = self.processes()
        end([process for process in found if self._is_template(process)], signal.SIGTERM)
        assert wait_ended(found, TEARDOWN), f"workers outlive their template: {self.processes()}"
        assert not list(self.directory.glob("*.sock*")), "the template has left its socket"

    def wait(self) -> Path:
        """Wait until a template listens; returns its socket."""
        deadline = time.monotonic() + TEARDOWN
        while True:
            for path in self.directory.glob("*.sock"):
                with socket.socket(socket.AF_UNIX) as client, suppress(ConnectionRefusedError):
                    client.connect(str(path))
                    return path
            assert time.monotonic() < deadline, "no template came"

    def processes(self) -> list[Process]:
        """Template and workers; those that have work too."""
        return [one for one in processes_of(self.directory) if "rocker.warm" in one.command]

    def template(self) -> Process:
        """The template."""
        [found] = [one for one in self.processes() if self._is_template(one)]
        return found

    def workers(self) -> list[Process]:
        """The workers."""
        return [one for one in self.processes() if not self._is_template(one)]

    def settled(self) -> list[Process]:
        """The workers, once as many wait as are to, and none works."""
        deadline = time.monotonic() + TEARDOWN
        while len(found := self.workers()) != 2:
            assert time.monotonic() < deadline, f"not two workers: {found}"
        return found

    def _is_template(self, process: Process) -> bool:
        pids = {one.pid for one in self.processes()}
        return _parent(process.pid) not in pids


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
