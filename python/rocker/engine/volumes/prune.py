"""`volume prune`: the volumes that no container uses."""

from __future__ import annotations

import contextlib
import os

from rocker.engine.emit import emit
from rocker.engine.volumes.list import has_label, select
from rocker.engine.volumes.remove import collect, remove
from rocker.errors import ConflictError, InvalidArgumentError, VolumeNotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rocker.engine.engine import Engine
    from rocker.models.volume import VolumesPruned

_FILTERS = ("all", "label", "label!")


def prune(engine: Engine, *, all: bool, filters: Mapping[str, Sequence[str] | str]) -> VolumesPruned:  # noqa: A002
    """Remove them; see `Volumes.prune`."""
    conditions = {
        name: (given,) if isinstance(given, str) else tuple(given) for name, given in filters.items()
    }
    for name in conditions:
        if name not in _FILTERS:
            raise InvalidArgumentError(f"Invalid filter '{name}'", hint="filters are " + ", ".join(_FILTERS))
    everything = all or "true" in conditions.get("all", ())
    deleted: list[str] = []
    reclaimed = 0
    for volume in select(engine, {"dangling": "true"}):
        if not (everything or volume.anonymous):
            continue
        if not all_fit(volume.labels, conditions):
            continue
        size = size_of(volume.mountpoint)
        with contextlib.suppress(ConflictError, VolumeNotFoundError):  # used, or removed, meanwhile
            remove(engine, volume.name)
            deleted.append(volume.name)
            reclaimed += size
    collect(engine)
    emit(engine, "volume", "prune", "", {"reclaimed": str(reclaimed)})
    return {"VolumesDeleted": deleted, "SpaceReclaimed": reclaimed}


def all_fit(labels: Mapping[str, str], conditions: Mapping[str, tuple[str, ...]]) -> bool:
    """Tell whether the labels are as `label` and `label!` want them."""
    return all(has_label(labels, wanted) for wanted in conditions.get("label", ())) and not any(
        has_label(labels, unwanted) for unwanted in conditions.get("label!", ())
    )


def size_of(path: str) -> int:
    """Return the bytes of the files below a directory, each inode once; links are not followed."""
    seen: set[tuple[int, int]] = set()
    total = 0
    waiting = [path]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    continue
                status = entry.stat(follow_symlinks=False)
                if (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    total += status.st_size
    return total
