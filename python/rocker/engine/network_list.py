"""`network ls`: which networks there are."""

from __future__ import annotations

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


def given(
    filters: Mapping[str, Sequence[str] | str] | None, known: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return filters as tuples of texts.

    Raises:
        InvalidArgumentError: one is unknown.
    """
    from rocker.engine.suggest import near

    found = {
        name: (value,) if isinstance(value, str) else tuple(value) for name, value in (filters or {}).items()
    }
    for name in found:
        if name not in known:
            raise InvalidArgumentError(
                f"invalid filter '{name}'", hint=near(name, known) or "filters are " + ", ".join(known)
            )
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
    ) and all(label_fits(network.config.labels, value) for value in conditions.get("label", ()))


def label_fits(labels: Mapping[str, str], wanted: str) -> bool:
    """Whether there is a label `NAME`, or `NAME=VALUE`."""
    name, equals, value = wanted.partition("=")
    return name in labels and (not equals or labels[name] == value)


def rows(engine: Engine, filters: Mapping[str, Sequence[str] | str] | None) -> list[NetworkInspect]:
    """Return Docker's rows: as `inspect`, without the containers."""
    from rocker.engine.network_inspect import document

    return [document(engine, network, {}) for network in select(engine, filters)]
