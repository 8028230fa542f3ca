"""`volume ls`: which volumes there are."""

from __future__ import annotations

from rocker.engine.filters import labels_fit, texts
from rocker.engine.volumes.volume import COLUMNS, Volume
from rocker.errors import InvalidArgumentError, VolumeNotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping, Sequence

    from rocker.engine.engine import Engine

FILTERS = ("dangling", "driver", "label", "name")
_TRUE, _FALSE = ("1", "t", "true"), ("0", "f", "false")


def get(engine: Engine, name: str) -> Volume:
    """Find a volume by its name.

    Raises:
        VolumeNotFoundError: there is none.
    """
    rows = engine.catalog.query(f"SELECT {COLUMNS} FROM volumes WHERE name = ?", (name,))  # noqa: S608
    if not rows:
        raise VolumeNotFoundError(f"get {name}: no such volume")
    return Volume.of_row(engine, rows[0])


def select(engine: Engine, filters: Mapping[str, Sequence[str] | str]) -> builtins.list[Volume]:
    """Return the volumes that pass the filters, by name; see `Volumes.list`."""
    conditions = texts(filters)
    for name in conditions:
        if name not in FILTERS:
            raise InvalidArgumentError(f"Invalid filter '{name}'", hint="filters are " + ", ".join(FILTERS))
    from rocker.engine.volumes.collect import collect

    collect(engine)
    dangling = _flag(conditions.get("dangling", ()))
    used = {str(row[0]) for row in engine.catalog.query("SELECT DISTINCT volume FROM volume_uses")}
    rows = engine.catalog.query(f"SELECT {COLUMNS} FROM volumes ORDER BY name")  # noqa: S608
    return [
        volume
        for volume in (Volume.of_row(engine, row) for row in rows)
        if (dangling is None or dangling == (volume.name not in used))
        and ("driver" not in conditions or volume.driver in conditions["driver"])
        and ("name" not in conditions or any(part in volume.name for part in conditions["name"]))
        and labels_fit(volume.labels, conditions)
    ]


def _flag(values: Sequence[str]) -> bool | None:
    if not values:
        return None
    found = {value.lower() in _TRUE for value in values if value.lower() in _TRUE + _FALSE}
    if len(found) != 1 or any(value.lower() not in _TRUE + _FALSE for value in values):
        raise InvalidArgumentError(f"Invalid filter 'dangling=[{' '.join(values)}]'", hint="true or false")
    return found.pop()
