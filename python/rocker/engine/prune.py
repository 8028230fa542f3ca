"""`prune`: containers that do not run; and what the filters of every prune mean."""

from __future__ import annotations

import time

from rocker.engine.filters import labels_fit, texts
from rocker.errors import ConflictError, ContainerNotFoundError, InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rocker.engine.engine import Engine
    from rocker.engine.filters import Filters
    from rocker.models.prune import ContainersPruned

FILTERS = ("label", "label!", "until")


class Chosen:
    """What a prune's filters let through: all of them must hold.

    Args:
        filters: `until` (a time, or a duration back from now), `label` (`key` or `key=value`), `label!` (none of it).

    Raises:
        InvalidArgumentError: a filter is unknown, or a time is none.
    """

    def __init__(self, filters: Filters | None, known: Sequence[str] = FILTERS) -> None:
        given = texts(filters)
        for name in given:
            if name not in known:
                raise InvalidArgumentError(
                    f"invalid filter '{name}'", hint="one of " + ", ".join(sorted(known))
                )
        until = given.get("until", ())
        if len(until) > 1:
            raise InvalidArgumentError("more than one until filter specified")
        self._before: int | None = None
        if until:
            from rocker.parse.duration import parse_time

            self._before = parse_time(until[0], time.time_ns())
        self._conditions = given

    def __call__(self, created_ns: int, labels: Mapping[str, str]) -> bool:
        """Whether something of this age, in nanoseconds since the epoch, with these labels is to go."""
        return (self._before is None or created_ns < self._before) and labels_fit(labels, self._conditions)


def prune(engine: Engine, filters: Filters | None) -> ContainersPruned:
    """Remove the containers that do not run; see `Containers.prune`."""
    from rocker.engine.container import Container
    from rocker.engine.emit import emit
    from rocker.engine.list import select
    from rocker.engine.size import tree_size

    chosen = Chosen(filters)
    deleted, space = [], 0
    for row, config, state in select(engine, all=True, filters=None, limit=None):
        if state is not None and state["status"] not in {"created", "exited"}:
            continue
        if not chosen(row.created_ns, config.labels):
            continue
        size = tree_size(f"{engine.directory(row.id)}/upper")
        try:
            Container(engine, row, config).remove()
        except (ConflictError, ContainerNotFoundError):
            continue  # somebody has started or removed it meanwhile
        deleted.append(row.id)
        space += size
    emit(engine, "container", "prune", "", {"reclaimed": str(space)})
    return {"ContainersDeleted": deleted, "SpaceReclaimed": space}
