"""What crashes leave behind: rows without files, files without rows, `--rm` containers that nobody will start."""

from __future__ import annotations

import contextlib
import os

from rocker.engine.config import ContainerConfig
from rocker.errors import RockerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.catalog import ContainerRow
    from rocker.engine.engine import Engine


def drop_gone(
    engine: Engine, rows: list[ContainerRow], states: list[dict[str, Any] | None]
) -> list[tuple[ContainerRow, dict[str, Any] | None]]:
    """Return the rows that stand for something, each with its state; the others are deleted."""
    found = []
    for row, state in zip(rows, states, strict=True):
        if is_gone(engine, row, state):
            from rocker.engine.remove import discard

            with contextlib.suppress(RockerError):  # it is not shown, and the next listing tries again
                discard(engine, row.id)
        else:
            found.append((row, state))
    return found


def is_gone(engine: Engine, row: ContainerRow, state: dict[str, Any] | None) -> bool:
    """Tell whether a row stands for nothing: its directory has gone, or its end was to be its removal."""
    if state is not None and state["status"] in {"running", "paused", "restarting"}:
        return False
    if not os.path.isdir(engine.directory(row.id)):
        return True
    if not row.auto_remove:
        return False
    if state is not None and state["status"] == "exited":
        return not _shim_lives(engine, row.id)
    creator = ContainerConfig.decode(row.config).creator
    return state is None and creator is not None and not _lives(creator)


def _shim_lives(engine: Engine, id: str) -> bool:  # noqa: A002
    """Whether the shim still holds its lock: then it is about to remove the files itself."""
    from rocker.engine.locks import is_locked

    return is_locked(f"{engine.run_root}/containers/{id}/shim.lock") is True


def _lives(creator: str) -> bool:
    pid, _, started = creator.partition(":")
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = (file.read(1024) or b"").rpartition(b")")[2].split()
    except OSError:
        return False
    return len(fields) > 19 and fields[19] == started.encode() and fields[0] != b"Z"  # noqa: PLR2004


def collect(engine: Engine) -> None:
    """End and remove containers that no row stands for, and the rest of interrupted removals."""
    from rocker.engine.remove import GRAVE, bury, move_away

    strangers = _strangers(engine)
    if strangers:
        # Under the write lock nobody is between making a directory and committing its row.
        with engine.catalog.write():
            strangers = _strangers(engine)
            for id in strangers:  # noqa: A001
                move_away(engine, id)
    with os.scandir(f"{engine.root}/tmp") as entries:
        graves = {entry.name.removeprefix(GRAVE) for entry in entries if entry.name.startswith(GRAVE)}
    for id in graves.union(strangers):  # noqa: A001
        with contextlib.suppress(OSError, RockerError):  # another process may be at it
            engine.core.settle(engine.run_root, engine.root, id)
            bury(engine, id)


def _strangers(engine: Engine) -> list[str]:
    known = set(engine.catalog.container_ids())
    names: set[str] = set()
    for base in (engine.root, engine.run_root):
        with contextlib.suppress(FileNotFoundError), os.scandir(f"{base}/containers") as entries:
            names.update(entry.name for entry in entries if entry.name not in known)
    return [name for name in names if not _shim_lives(engine, name)]
