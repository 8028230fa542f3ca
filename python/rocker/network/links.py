"""`--link`: lines of /etc/hosts and variables on the default network, names of the own resolver on others."""

from __future__ import annotations

import contextlib

from rocker.engine.state import has_network
from rocker.errors import (
    ConflictError,
    ContainerNotFoundError,
    InvalidArgumentError,
    NotRunningError,
    RockerError,
)
from rocker.network.address import IPV4, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from rocker.engine.catalog import ContainerRow
    from rocker.engine.config import ContainerConfig
    from rocker.engine.engine import Engine
    from rocker.network.plan import Place
    from rocker.network.store import Endpoint


class Linked:
    """What links give a container.

    Attributes:
        hosts: lines of /etc/hosts.
        environment: variables.
        names: addresses by name, for the resolver.
    """

    __slots__ = ("environment", "hosts", "names")

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.environment: dict[str, str] = {}
        self.names: dict[str, list[str]] = {}


def resolve(engine: Engine, config: ContainerConfig, places: Sequence[Place], name: str) -> Linked:
    """Return what the links of a container give it now.

    Raises:
        InvalidArgumentError, ContainerNotFoundError: a container that is linked on the default network is not there.
        NotRunningError: it does not run. ConflictError: it is not on the default network.
    """
    linked = Linked()
    default = next((place for place in places if not place.network.user_defined), None)
    if default is not None:
        for link in config.options.links:
            _link_default(engine, link, default, name, linked)
    for place in places:
        for link in place.endpoint.config.get("links", ()):
            _link_named(engine, link, place, linked)
    return linked


def _link_default(engine: Engine, link: str, place: Place, name: str, linked: Linked) -> None:
    from rocker.engine.config import ContainerConfig

    target, alias = split(link)
    try:
        row = engine.catalog.get_by_ref(target)
    except ContainerNotFoundError as error:
        raise ContainerNotFoundError(f"could not get container for {target}: {error.message}") from None
    endpoint = _endpoint(engine, row, place.network.id)
    if endpoint is None:
        raise ConflictError(
            f"Cannot link to /{row.name}, as it does not belong to the default network",
            hint="containers on a network of your own find each other by name",
        )
    state = engine.state(row.id)
    if not has_network(state):
        raise NotRunningError(
            f"Cannot link to a non running container: /{row.name} AS /{name}/{alias}",
            hint=f"start it first: rocker start {row.name}",
        )
    address = next(shown(found) for found in endpoint.addresses if len(found) == IPV4)
    names = dict.fromkeys([alias, row.id[:12], row.name])
    linked.hosts.append(f"{address}\t{' '.join(names)}\n")
    linked.environment.update(variables(alias, name, address, ContainerConfig.decode(row.config)))


def add_variables(
    engine: Engine,
    id: str,  # noqa: A002
    name: str,
    config: ContainerConfig,
    process: dict[str, Any],
) -> None:
    """Add the variables of links to a process that is executed in a container; what has gone meanwhile is left out."""
    from rocker.network.plan import add_environment, places

    found = places(engine, id)
    for link in config.options.links:
        with contextlib.suppress(RockerError):
            one = config.replace(options=config.options.replace(links=(link,)))
            add_environment(process, resolve(engine, one, found, name).environment)


def variables(alias: str, name: str, address: str, config: ContainerConfig) -> dict[str, str]:
    """Return the variables of a link, for example `DB_PORT_5432_TCP_ADDR`."""
    prefix = alias.replace("-", "_").upper()
    ports = sorted(
        (int(number), protocol) for number, _, protocol in (p.partition("/") for p in config.exposed_ports)
    )
    found: dict[str, str] = {}
    if ports:
        found[f"{prefix}_PORT"] = f"{ports[0][1]}://{address}:{ports[0][0]}"
    for number, protocol in ports:
        key = f"{prefix}_PORT_{number}_{protocol.upper()}"
        found[key] = f"{protocol}://{address}:{number}"
        found[f"{key}_ADDR"], found[f"{key}_PORT"], found[f"{key}_PROTO"] = address, str(number), protocol
    found[f"{prefix}_NAME"] = f"/{name}/{alias}"
    for entry in config.env:
        variable, equals, value = entry.partition("=")
        if equals and variable not in {"HOME", "PATH"}:
            found[f"{prefix}_ENV_{variable}"] = value
    return found


def _link_named(engine: Engine, link: str, place: Place, linked: Linked) -> None:
    """A container that is not there, or not on this network, is no error: it may come later, as in Docker."""
    target, alias = split(link)
    try:
        row = engine.catalog.get_by_ref(target)
    except (ContainerNotFoundError, InvalidArgumentError):
        return
    endpoint = _endpoint(engine, row, place.network.id)
    if endpoint is not None:
        addresses = [shown(address) for address in endpoint.addresses]
        linked.names[alias] = linked.names.get(alias, []) + addresses


def _endpoint(engine: Engine, row: ContainerRow, network: str) -> Endpoint | None:
    from rocker.network import store

    return next(
        (found for found in store.endpoints_of(engine.catalog, row.id) if found.network == network), None
    )


def split(link: str) -> tuple[str, str]:
    """Return container and alias of `CONTAINER[:ALIAS]`."""
    from rocker.parse.link import parse_link

    return parse_link(link)
