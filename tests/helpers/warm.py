"""Workers of one test: a template in a directory of its own, ended with the test."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

import pytest

from helpers.engine import TEARDOWN, EngineRoots
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

    def __init__(self, roots: EngineRoots, patch: pytest.MonkeyPatch) -> None:
        self.roots = roots
        self.directory = roots.base / "w"
        patch.setenv("ROCKER_WARM", str(self.directory))

    def __enter__(self) -> Self:
        self.roots.cli("version", check=True)
        self.settled()
        return self

    def __exit__(self, *_: object) -> None:
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
        """The workers of a template (of the only one), those at work too."""
        found = self.processes()
        if template is None:
            [template] = _templates(found)
        return [one for one in found if parent_of(one.pid) == template.pid]

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

        def look() -> list[Process] | None:
            with suppress(ValueError):  # none yet, or another besides one that is about to go
                of = template or self.template()
                workers = self.workers(of)
                if len(workers) == READY and all(self._waits(one, of) for one in workers):
                    return workers
            return None

        return _until(look, lambda: f"not {READY} workers that wait: {self.processes()}")

    def replaced(self, before: Sequence[Process]) -> Process:
        """Wait until one of these workers has gone and another waits in its place; returns the one that has gone."""

        def look() -> Process | None:
            gone = set(before) - set(self.settled())
            assert len(gone) < READY, f"more than one command has been served: {gone}"
            return gone.pop() if gone else None

        return _until(look, "no worker was used")

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
