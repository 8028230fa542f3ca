"""`volume rm`: a volume and its content."""

from __future__ import annotations

import os

from rocker.engine.volumes.collect import GRAVE
from rocker.engine.volumes.create import tell
from rocker.engine.volumes.volume import directory, users
from rocker.errors import ConflictError, NoSpaceError, NotFoundError, VolumeNotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from rocker.engine.engine import Engine


def remove(engine: Engine, name: str, *, force: bool = False) -> None:
    """Remove a volume; see `Volume.remove`."""
    try:
        grave = _delete(engine, name, force=force)
    except NoSpaceError:
        # Its own files may be what fills the disk: nobody uses them, so that they can go before the row.
        with engine.catalog.write():
            if users(engine, name):
                raise
            first = move_away(engine, name)
        _bury(engine, first)
        grave = _delete(engine, name, force=force)
    _bury(engine, grave)


def _delete(engine: Engine, name: str, *, force: bool) -> str | None:
    with engine.catalog.write() as db:
        if ids := users(engine, name):
            raise _in_use(engine, name, ids)
        found = db.execute("DELETE FROM volumes WHERE name = ?", (name,)).rowcount > 0
        grave = move_away(engine, name) if found else None
    if found:
        tell(engine, "destroy", [name])
    elif not force:
        raise VolumeNotFoundError(f"get {name}: no such volume")
    return grave


def _in_use(engine: Engine, name: str, ids: list[str]) -> ConflictError:
    names = [engine.catalog.get_by_ref(id).name for id in ids]  # noqa: A001
    return ConflictError(
        f"remove {name}: volume is in use - [{', '.join(ids)}]",
        hint=f"remove first what uses it: rocker rm {' '.join(names)}",
    )


def forget(engine: Engine, db: sqlite3.Connection, names: list[str]) -> list[str]:
    """Delete the rows of volumes that nothing uses any more, inside a transaction; what is to be removed afterwards."""
    for name in names:
        db.execute("DELETE FROM volumes WHERE name = ?", (name,))
    return [grave for name in names if (grave := move_away(engine, name)) is not None]


def move_away(engine: Engine, name: str) -> str | None:
    """Take a volume's directory out of sight; the path where it is then, None when there was none."""
    grave = f"{engine.root}/tmp/{GRAVE}{os.urandom(8).hex()}"
    try:
        os.rename(directory(engine, name), grave)
    except FileNotFoundError:
        return None
    return grave


def _bury(engine: Engine, grave: str | None) -> None:
    if grave is not None:
        try:
            engine.core.remove_tree(grave)
        except NotFoundError:  # two may remove at once
            pass
