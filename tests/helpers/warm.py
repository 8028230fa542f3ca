"""Workers of one test: a template in a directory of its own, ended with the test."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

import pytest

from helpers.engine import COMMAND, TEARDOWN, EngineRoots
from helpers.processes import (
    Process,
    end,
    listeners,
    open_files,
    parent_of,
    processes_of,
    sleeps,
    wait_ended,
)

READY = 2
"""Workers that a template keeps waiting."""

T = TypeVar("T")


class Warm:
    """Entered, it runs one command, which leaves a template behind, and waits until workers wait for work.

    A worker that waits has its template's listening socket: one at work has closed it.
    """

    def __init__(self, roots: EngineRoots, patch: pytest.MonkeyPatch, program: Path = COMMAND) -> None:
        self.roots = roots
        self.program = program
        self.directory = roots.base / "w"
        patch.setenv("ROCKER_WARM", str(self.directory))

    def __enter__(self) -> Self:
        command = [str(self.program), *self.roots.command("version")[1:]]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        self.settled()
        return self

    def __exit__(self, *_: object) -> None:
        # One that is still starting would end without taking its socket along.
        _until(
            self._ready_to_leave, lambda: f"a template has not the workers it should have: {self.processes()}"
        )
        found = self.processes()
        end(_templates(found), signal.SIGTERM)
        assert wait_ended(found, TEARDOWN), f"workers outlive their template: {self.processes()}"
        assert not list(self.directory.glob("*.sock*")), "the template has left its socket"

    def processes(self) -> list[Process]:
        """Templates and workers; those that have work too."""
        return [one for one in processes_of(self.directory) if "rocker.warm" in one.command]

    def templates(self) -> list[Process]:
        """The templates: one for each kind of caller that there was."""
        return _templates(self.processes())

    def template(self) -> Process:
        """The template, which must be the only one."""
        [found] = self.templates()
        return found

    def workers(self, template: Process | None = None) -> list[Process]:
        """The workers, those at work too: of all templates, or of one."""
        found = self.processes()
        of = _templates(found) if template is None else [template]
        return [one for one in found if parent_of(one.pid) in {parent.pid for parent in of}]

    def at_work(self) -> list[Process]:
        """The workers that have a command."""
        sockets = set(listeners(self.directory).values())
        found = self.processes()
        templates = _templates(found)
        return [one for one in found if one not in templates and not open_files(one.pid) & sockets]

    def wait(self) -> Path:
        """Wait until a template has a worker that waits; returns its socket's path."""

        def look() -> Path | None:
            found = self.processes()
            for bound, link in listeners(self.directory).items():
                path = bound.with_suffix(".sock")  # the name it got when it listened
                holders = [one for one in found if link in open_files(one.pid)]
                templates = _templates(holders)
                if path.exists() and templates and len(holders) > len(templates):
                    return path
            return None

        return _until(look, "no template came")

    def settled(self, template: Process | None = None) -> list[Process]:
        """The workers of a template (of the only one), once as many wait as are to, and none works."""
        return _until(lambda: self._all_wait(template), lambda: f"no workers that wait: {self.processes()}")

    def replaced(self, before: Sequence[Process]) -> Process | None:
        """Wait until one of these workers has gone and another waits in its place; returns the one that has gone.

        None: their template has gone, and they with it.
        """

        def look() -> list[Process] | None:
            gone = sorted(set(before) - set(self.processes()))
            return gone if len(gone) == len(before) or (gone and self._all_wait()) else None

        gone = _until(look, "no worker was used, or none came in its place")
        return gone[0] if len(gone) == 1 else None

    def _ready_to_leave(self) -> bool | None:
        return all(map(self._all_wait, self.templates())) or None

    def _all_wait(self, template: Process | None = None) -> list[Process] | None:
        with suppress(ValueError):  # none yet, or another besides one that is about to go
            of = template or self.template()
            workers = self.workers(of)
            if len(workers) == READY and all(self._waits(one, of) for one in workers):
                return workers
        return None

    def _waits(self, worker: Process, template: Process) -> bool:
        """Whether it waits for work: it has the socket, and its rehearsal, at a lower priority, is over."""
        sockets = open_files(template.pid) & set(listeners(self.directory).values())
        with suppress(ProcessLookupError):
            patient = _nice(worker) != _nice(template)
            return sleeps(worker.pid) and not patient and bool(sockets) and sockets <= open_files(worker.pid)
        return False


def _nice(process: Process) -> int:
    return os.getpriority(os.PRIO_PROCESS, process.pid)


def _templates(found: Sequence[Process]) -> list[Process]:
    """Those of these that are no child of another."""
    pids = {one.pid for one in found}
    return [one for one in found if parent_of(one.pid) not in pids]


def _until(look: Callable[[], T | None], otherwise: str | Callable[[], str]) -> T:
    deadline = time.monotonic() + TEARDOWN
    while (found := look()) is None:
        assert time.monotonic() < deadline, otherwise if isinstance(otherwise, str) else otherwise()
    return found
