"""`volume prune`: the volumes that no container uses."""

from __future__ import annotations

import contextlib

from rocker.engine.emit import emit
from rocker.engine.filters import labels_fit, texts
from rocker.engine.size import tree_size
from rocker.engine.volumes.collect import collect
from rocker.engine.volumes.list import select
from rocker.engine.volumes.remove import remove
from rocker.errors import ConflictError, InvalidArgumentError, VolumeNotFoundError
from rocker.parse.number import parse_bool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rocker.engine.engine import Engine
    from rocker.models.volume import VolumesPruned

FILTERS = ("all", "label", "label!")


def prune(engine: Engine, *, all: bool, filters: Mapping[str, Sequence[str] | str]) -> VolumesPruned:  # noqa: A002
    """Remove them; see `Volumes.prune`."""
    conditions = texts(filters)
    for name in conditions:
        if name not in FILTERS:
            raise InvalidArgumentError(f"Invalid filter '{name}'", hint="filters are " + ", ".join(FILTERS))
    everything = all or any(parse_bool(value) for value in conditions.get("all", ()))
    deleted: list[str] = []
    reclaimed = 0
    for volume in select(engine, {"dangling": "true"}):
        if not (everything or volume.anonymous):
            continue
        if not labels_fit(volume.labels, conditions):
            continue
        size = tree_size(volume.mountpoint)
        with contextlib.suppress(ConflictError, VolumeNotFoundError):  # used, or removed, meanwhile
            remove(engine, volume.name)
            deleted.append(volume.name)
            reclaimed += size
    collect(engine)
    emit(engine, "volume", "prune", "", {"reclaimed": str(reclaimed)})
    return {"VolumesDeleted": deleted, "SpaceReclaimed": reclaimed}
