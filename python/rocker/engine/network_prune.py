"""`network prune`: the networks of users that no running container is on."""

from __future__ import annotations

import contextlib
import time

from rocker.engine.emit import emit
from rocker.engine.filters import given, labels_fit
from rocker.engine.network_remove import remove
from rocker.errors import ConflictError, InvalidArgumentError, NetworkNotFoundError
from rocker.network import store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rocker.engine.engine import Engine

_FILTERS = ("label", "label!", "until")


def prune(engine: Engine, filters: Mapping[str, Sequence[str] | str] | None) -> list[str]:
    """Remove them; see `Networks.prune`."""
    conditions = given(filters, _FILTERS)
    until = [_moment(value) for value in conditions.get("until", ())]
    if len(until) > 1:
        raise InvalidArgumentError("more than one until filter specified")
    removed = []
    for network in store.all_networks(engine.catalog):
        if (
            network.builtin
            or any(network.created_ns >= limit for limit in until)
            or not labels_fit(network.config.labels, conditions)
        ):
            continue
        with contextlib.suppress(ConflictError, NetworkNotFoundError):  # in use, or another removed it
            remove(engine, network.id)
            removed.append(network.name)
    emit(engine, "network", "prune", "", {"reclaimed": "0"})
    return removed


def _moment(text: str) -> int:
    from rocker.parse.duration import parse_time

    try:
        return int(parse_time(text, time.time_ns()))
    except ValueError as error:
        raise InvalidArgumentError(f"invalid filter 'until={text}': {error}") from None
