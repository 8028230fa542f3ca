"""Fixtures of the fault tests: a container that must not notice anything."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import rocker
from helpers.remains import differences, remains
from helpers.until import until
from rocker.errors import RockerError

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.engine import EngineRoots


class Bystander:
    """A container that runs throughout, whose neighbours are hurt."""

    def __init__(self, engine: rocker.Engine, roots: EngineRoots, rootfs: Path) -> None:
        self.engine, self.roots = engine, roots
        self.container = engine.run(
            rootfs=str(rootfs),
            command=["sh", "-c", "echo here; exec sleep 600"],
            name="bystander",
            detach=True,
            log_driver="json-file",
        )
        self.pid = self.container.inspect()["State"]["Pid"]

    def check(self, step: str) -> None:
        """It lives; whatever else there is can be removed; nothing of it is left then."""
        assert self.container.inspect()["State"]["Pid"] == self.pid, step
        assert self.container.exec(["echo", "alive"]).stdout == b"alive\n", step
        for other in self.engine.containers.list(all=True):
            if other.id != self.container.id:
                try:
                    other.remove(force=True)
                except rocker.errors.ContainerNotFoundError:
                    pass  # one with --rm, on its way out
                except RockerError as error:
                    raise AssertionError(f"{step}: {other.name} cannot be removed: {error}") from error

    def check_nothing_else_is_left(self, step: str) -> None:
        """What a listing collects is collected; only this container's files remain; cgroups are the leak check's."""
        deadline = time.monotonic() + 20  # a shim removes what was `--rm` after it has told everybody
        while (left := self._others()) and time.monotonic() < deadline:
            pass
        assert not left, step

    def keep(self) -> None:
        """What there is now is what `check_remains` wants to find again."""
        self.look()
        state = self.engine.state(self.container.id)
        assert state
        own = self.roots.bridges() | {one["link"] for one in state["network"]["endpoints"]}
        until(lambda: remains(self.engine, self.roots)["link"] == own, "the links of others have gone")
        self.before = remains(self.engine, self.roots)

    def check_remains(self, step: str) -> None:
        """After the next commands that look there is what there was, and no more."""
        self.look()
        deadline = time.monotonic() + 20  # a namespace takes its links along when the kernel comes to it
        while found := differences(self.before, remains(self.engine, self.roots)):
            assert time.monotonic() < deadline, "\n".join((step, *found))
            self.look()

    def look(self) -> None:
        self.engine.containers.list(all=True)
        self.engine.networks.list()
        self.engine.volumes.list()
        self.engine.disk_usage()

    def _others(self) -> list[str]:
        own = self.container.id
        found = [one.id for one in self.engine.containers.list(all=True) if one.id != own]
        for directory in (
            self.roots.root / "containers",
            self.roots.run / "containers",
            self.roots.root / "tmp",
        ):
            found += [str(path) for path in directory.iterdir() if path.name != own]
        return found


@pytest.fixture
def bystander(engine: rocker.Engine, engine_roots: EngineRoots, busybox_rootfs: Path) -> Bystander:
    return Bystander(engine, engine_roots, busybox_rootfs)
