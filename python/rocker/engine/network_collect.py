"""What a killed `connect`, `disconnect` or `network rm` has left: endpoints, and directories of name records."""

from __future__ import annotations

import contextlib
import os

from rocker.engine.state import has_processes
from rocker.network.hold import directory, locked_now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from rocker.engine.engine import Engine

    Endpoint = tuple[str, str]
    States = Iterable[tuple[str, dict[str, Any] | None]]


def collect(engine: Engine, states: States) -> None:
    """Make good what the run root and the catalogue know differently.

    Args:
        engine: where.
        states: container ids with their `state.json`.
    """
    for container, network in _strays(engine, states):
        _drop(engine, container, network)
    for network in _unknown(engine):
        _remove_directory(engine, network)


def collect_all(engine: Engine) -> None:
    """Do the same for all containers that are on a network."""
    ids = [str(row[0]) for row in engine.catalog.query("SELECT DISTINCT container_id FROM endpoints")]
    states = engine.core.read_states(engine.run_root, engine.root, ids) if ids else []
    collect(engine, zip(ids, states, strict=True))


def _strays(engine: Engine, states: States) -> list[Endpoint]:
    """The endpoints of containers that run without them: the row is the first to come and the last to go."""
    joined: dict[str, set[str]] = {}
    for id, state in states:  # noqa: A001
        if has_processes(state) and state.get("network"):
            joined[id] = {str(endpoint["network"]) for endpoint in state["network"]["endpoints"]}
    if not joined:
        return []
    rows = engine.catalog.query("SELECT container_id, network_id FROM endpoints")
    return [
        (str(container), str(network))
        for container, network in rows
        if str(network) not in joined.get(str(container), {str(network)})
    ]


def _drop(engine: Engine, container: str, network: str) -> None:
    """Delete the row, unless somebody is at it: who connects, and who starts, keeps the network locked meanwhile."""
    with locked_now(engine, network) as mine:
        if mine and (container, network) in _strays(engine, [(container, engine.state(container))]):
            with engine.catalog.write() as db:
                db.execute(
                    "DELETE FROM endpoints WHERE container_id = ? AND network_id = ?", (container, network)
                )


def _unknown(engine: Engine) -> list[str]:
    try:
        names = os.listdir(f"{engine.run_root}/networks")
    except FileNotFoundError:
        return []
    known = {str(row[0]) for row in engine.catalog.query("SELECT id FROM networks")} if names else set()
    return [name for name in names if name not in known]


def _remove_directory(engine: Engine, network: str) -> None:
    """Remove an empty one. Engines with other data roots may use the run root: their containers' records stay."""
    with locked_now(engine, network) as mine:
        if mine:
            with contextlib.suppress(OSError):
                os.rmdir(directory(engine, network))
