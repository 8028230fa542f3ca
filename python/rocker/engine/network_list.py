"""`network ls`: which networks there are."""

from __future__ import annotations

from rocker.engine.filters import given, labels_fit
from rocker.errors import InvalidArgumentError
from rocker.network import store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rocker.engine.engine import Engine
    from rocker.models.network import NetworkInspect
    from rocker.network.store import Network

_FILTERS = ("dangling", "driver", "id", "label", "name", "scope", "type")


def select(engine: Engine, filters: Mapping[str, Sequence[str] | str] | None) -> list[Network]:
    """Return what is wanted, by name; see `Networks.list`."""
    conditions = given(filters, _FILTERS)
    for value in conditions.get("type", ()):
        if value not in {"custom", "builtin"}:
            raise InvalidArgumentError(f"invalid filter: 'type'='{value}'", hint="custom or builtin")
    from rocker.engine.network_collect import collect_all

    collect_all(engine)
    dangling = [_boolean(value) for value in conditions.get("dangling", ())]
    found = [network for network in store.all_networks(engine.catalog) if _fits(network, conditions)]
    if dangling:
        from rocker.engine.network_inspect import users

        found = [
            network
            for network in found
            if (not network.builtin and not users(engine, network.id)) in dangling
        ]
    return found


def _boolean(text: str) -> bool:
    if text.lower() in {"true", "1"}:
        return True
    if text.lower() in {"false", "0"}:
        return False
    raise InvalidArgumentError(f"invalid filter 'dangling=[{text}]'", hint="true or false")


def _fits(network: Network, conditions: Mapping[str, tuple[str, ...]]) -> bool:
    kind = "builtin" if network.builtin else "custom"
    tests: dict[str, Callable[[str], bool]] = {
        "driver": lambda value: network.driver == value,
        "id": lambda value: value in network.id,
        "name": lambda value: value in network.name,
        "scope": lambda value: value == "local",
        "type": lambda value: value == kind,
    }
    return all(
        any(test(value) for value in conditions[name]) for name, test in tests.items() if name in conditions
    ) and labels_fit(network.config.labels, conditions)


def rows(engine: Engine, filters: Mapping[str, Sequence[str] | str] | None) -> list[NetworkInspect]:
    """Return Docker's rows: as `inspect`, without the containers."""
    from rocker.engine.network_inspect import document

    return [document(engine, network, {}) for network in select(engine, filters)]
