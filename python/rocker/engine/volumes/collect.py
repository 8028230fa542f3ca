"""What the making or removal of a volume that was killed has left: directories without a row."""

from __future__ import annotations

import os

from rocker.errors import RockerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocker.engine.engine import Engine

GRAVE = "volume-"
"""How the names of removed volumes' directories begin, below `tmp/` of the data root; random digits follow."""


def collect(engine: Engine, names: Iterable[str] | None = None) -> None:
    """Go on with removals that were interrupted, and take creations back.

    A directory with content stays, though it has no row: that may have been lost, and whoever makes a volume of its
    name finds it again.

    Args:
        engine: where.
        names: what `tmp/` of the data root holds, if the caller has looked.
    """
    for name in os.listdir(f"{engine.root}/tmp") if names is None else names:
        if name.startswith(GRAVE):
            try:
                engine.core.remove_tree(f"{engine.root}/tmp/{name}")
            except (OSError, RockerError):  # another process may be at it
                pass
    if _strangers(engine):
        # Under the write lock nobody is between making a directory and committing its row.
        with engine.catalog.write():
            for name in _strangers(engine):
                _remove_empty(f"{engine.root}/volumes/{name}")


def _strangers(engine: Engine) -> set[str]:
    try:
        names = set(os.listdir(f"{engine.root}/volumes"))
    except FileNotFoundError:
        return set()
    return (
        names - {str(row[0]) for row in engine.catalog.query("SELECT name FROM volumes")} if names else names
    )


def _remove_empty(path: str) -> None:
    for one in (f"{path}/_data", path):
        try:
            os.rmdir(one)
        except OSError:
            pass
