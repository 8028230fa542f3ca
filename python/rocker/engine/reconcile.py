"""What crashes leave behind: rows without files, files without rows, `--rm` containers that nobody will start."""

from __future__ import annotations

import contextlib
import os

from rocker.engine import birth, roots
from rocker.engine.config import ContainerConfig
from rocker.engine.locks import is_locked, shim_lives
from rocker.engine.roots import DRAFT
from rocker.engine.state import RUNS
from rocker.engine.volumes.collect import collect as collect_volumes
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
                discard(engine, row.id, volumes=row.auto_remove)
        else:
            found.append((row, state))
    return found


def is_gone(engine: Engine, row: ContainerRow, state: dict[str, Any] | None) -> bool:
    """Tell whether a row stands for nothing: its directory has gone, or its end was to be its removal."""
    if state is not None and state["status"] in RUNS:
        return False
    if not os.path.isdir(engine.directory(row.id)):
        return True
    if not row.auto_remove:
        return False
    if state is not None and state["status"] == "exited":
        return not shim_lives(engine, row.id)
    creator = ContainerConfig.decode(row.config).creator
    return state is None and creator is not None and not birth.lives(creator)


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
    names = os.listdir(f"{engine.root}/tmp")
    graves = {name.removeprefix(GRAVE) for name in names if name.startswith(GRAVE)}
    for id in graves.union(strangers):  # noqa: A001
        with contextlib.suppress(OSError, RockerError):  # another process may be at it
            engine.core.settle(engine.run_root, engine.root, id)
            bury(engine, id)
    collect_volumes(engine, names)
    _collect_images(engine, names)


def _collect_images(engine: Engine, names: list[str]) -> None:
    """Collect what the making or removal of an image has left, of which its draft is the sign: see `Store`."""
    drafts = [name for name in names if name.startswith(DRAFT)]
    if any(is_locked(f"{engine.root}/tmp/{name}") is False for name in drafts):
        from rocker.images.store import Store

        with contextlib.suppress(OSError, RockerError):
            Store(engine.root).collect(engine.catalog)


def _strangers(engine: Engine) -> list[str]:
    known = set(engine.catalog.container_ids())
    own = _names(engine.root) - known
    left = _names(engine.run_root) - known - own
    if left:
        # Engines with other data roots may use the same run root: what has a directory there is theirs to end.
        elsewhere = roots.others(engine.root, engine.run_root)
        left = {
            name for name in left if not any(os.path.isdir(f"{at}/containers/{name}") for at in elsewhere)
        }
    return [name for name in own | left if not shim_lives(engine, name)]


def _names(base: str) -> set[str]:
    with contextlib.suppress(FileNotFoundError), os.scandir(f"{base}/containers") as entries:
        return {entry.name for entry in entries}
    return set()
