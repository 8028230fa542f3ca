"""Rows of networks, their subnets and the endpoints of containers in the catalogue. Migration v3 has the tables."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError, NetworkNotFoundError
from rocker.models.jsontext import decode, encode
from rocker.models.struct import Struct
from rocker.network.address import Subnet

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from rocker.engine.catalog import Catalog

DEFAULT = "bridge"
"""The network of containers that name none."""
_NETWORK = "id, name, driver, builtin, bridge, created_ns, config"
_SUBNET = "base, prefix, gateway, low, high, hint, chosen, config"
_FULL = 64
_SHORT = 12
_HEX = frozenset("0123456789abcdef")


class NetworkConfig(Struct):
    """What was said when a network was made.

    Attributes:
        internal: whether it has no way out.
        attachable: kept for `inspect`.
        ipv6: whether its containers have IPv6 addresses too.
        labels, options: as they were given.
        ipam_options: options of address management, kept for `inspect`.
        parent: of the containers' links where there is no bridge: `Parent` of docs/protocol.md; else empty.
    """

    internal: bool = False
    attachable: bool = False
    ipv6: bool = False
    labels: Mapping[str, str] = {}
    options: Mapping[str, str] = {}
    ipam_options: Mapping[str, str] = {}
    parent: Mapping[str, Any] = {}


class Network(Struct):
    """A network as the catalogue knows it.

    Attributes:
        id: 64 hex digits.
        name: unique.
        driver: `bridge`, `macvlan`, `ipvlan`, `host` or `null`.
        builtin: whether every engine has it.
        bridge: name of the link, or of the parent in its place; empty where there is none yet.
        created_ns: nanoseconds since the epoch.
        config: see `NetworkConfig`.
    """

    id: str
    name: str
    driver: str
    builtin: bool
    bridge: str
    created_ns: int
    config: NetworkConfig

    @property
    def user_defined(self) -> bool:
        """Whether a user made it: then its containers find each other by name."""
        return not self.builtin

    @property
    def has_endpoints(self) -> bool:
        """Whether containers have interfaces on it."""
        return self.driver not in {"host", "null"}

    @property
    def internal(self) -> bool:
        """Whether nothing leads out of it: so it was said, or its parent leads nowhere."""
        return self.config.internal or self.config.parent.get("own") == "dummy"


class Range(Struct):
    """A subnet of a network and what may be given out of it.

    Attributes:
        subnet: base and prefix.
        gateway: the bridge's own address.
        low, high: the first and the last address that are given out.
        hint: none below it is free.
        chosen: whether the user named the subnet.
        said: `range`, `gateway` and `aux` as the user named them, for `inspect`.
    """

    subnet: Subnet
    gateway: bytes
    low: bytes
    high: bytes
    hint: bytes
    chosen: bool = False
    said: Mapping[str, Any] = {}


class Endpoint(Struct):
    """A container's place on a network.

    Attributes:
        container: id of the container.
        network: id of the network.
        id: 64 hex digits of its own.
        name: the network's name when it was attached.
        position: order among the container's endpoints.
        config: what was said of it: see `rocker.engine.options.Attachment`.
        addresses: its leases.
    """

    container: str
    network: str
    id: str
    name: str
    position: int
    config: Mapping[str, Any] = {}
    addresses: Sequence[bytes] = ()


def get(catalog: Catalog, reference: str) -> Network:
    """Return the network with this id, else this name, else this beginning of an id.

    Raises:
        NetworkNotFoundError: there is none.
        InvalidArgumentError: several ids begin so.
    """
    rows = catalog.query(f"SELECT {_NETWORK} FROM networks WHERE id = ?1 OR name = ?1", (reference,))  # noqa: S608
    if rows:
        return _network(next((row for row in rows if row[0] == reference), rows[0]))
    if reference and len(reference) < _FULL and _HEX.issuperset(reference):
        # 'g' sorts right after the last hex digit, so the range holds the ids that begin with `reference`.
        rows = catalog.query(
            f"SELECT {_NETWORK} FROM networks WHERE id >= ? AND id < ? LIMIT 2",  # noqa: S608
            (reference, reference + "g"),
        )
        if len(rows) == 1:
            return _network(rows[0])
        if rows:
            raise InvalidArgumentError(
                f"network {reference} is ambiguous (2 or more matches found on id)",
                hint="give more digits of the id, or the name",
            )
    raise not_found(reference)


def not_found(reference: str) -> NetworkNotFoundError:
    """Return the error for a network that is not there."""
    return NetworkNotFoundError(
        f"network {reference} not found", hint="rocker network ls lists those that are"
    )


def all_networks(catalog: Catalog) -> list[Network]:
    """Return all networks by name, as Docker lists them."""
    return [_network(row) for row in catalog.query(f"SELECT {_NETWORK} FROM networks ORDER BY name")]  # noqa: S608


def of_ids(catalog: Catalog, ids: Iterable[str]) -> dict[str, Network]:
    """Return those of these networks that are there, by id."""
    wanted = tuple(ids)
    marks = ",".join("?" * len(wanted))
    rows = catalog.query(f"SELECT {_NETWORK} FROM networks WHERE id IN ({marks})", wanted)  # noqa: S608
    return {str(row[0]): _network(row) for row in rows}


def insert(db: sqlite3.Connection, network: Network, ranges: Sequence[Range]) -> None:
    """Add a network, its subnets, and the leases of gateways and auxiliary addresses."""
    db.execute(
        f"INSERT INTO networks ({_NETWORK}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            network.id,
            network.name,
            network.driver,
            network.builtin,
            network.bridge,
            network.created_ns,
            _encode(network.config),
        ),
    )
    insert_ranges(db, network.id, ranges)


def insert_ranges(db: sqlite3.Connection, network: str, ranges: Sequence[Range]) -> None:
    """Add the subnets of a network, and the leases that no container holds."""
    from rocker.network.address import packed

    for position, found in enumerate(ranges):
        db.execute(
            f"INSERT INTO subnets (network_id, position, {_SUBNET}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                network, position, found.subnet.base, found.subnet.prefix, found.gateway, found.low, found.high,
                found.hint, found.chosen, encode(dict(found.said)),
            ),
        )  # fmt: skip
        others = [packed(text) for text in found.said.get("aux", {}).values()]
        for address in {found.gateway, *filter(None, others)}:
            db.execute("INSERT INTO leases (network_id, address) VALUES (?, ?)", (network, address))


def delete_ranges(db: sqlite3.Connection, network: str) -> None:
    """Take the subnets of a network away, and the leases that no container holds."""
    db.execute("DELETE FROM subnets WHERE network_id = ?", (network,))
    db.execute("DELETE FROM leases WHERE network_id = ? AND container_id IS NULL", (network,))


def set_bridge(db: sqlite3.Connection, network: str, bridge: str) -> None:
    """Write down the name of a network's bridge."""
    db.execute("UPDATE networks SET bridge = ? WHERE id = ?", (bridge, network))


def delete(db: sqlite3.Connection, network: str) -> bool:
    """Forget a network, its subnets and leases. Endpoints of stopped containers stay: they know it by name."""
    return db.execute("DELETE FROM networks WHERE id = ?", (network,)).rowcount > 0


def ranges_of(catalog: Catalog, network: str) -> list[Range]:
    """Return the subnets of a network, IPv4 first."""
    rows = catalog.query(
        f"SELECT {_SUBNET} FROM subnets WHERE network_id = ? ORDER BY length(base), position",  # noqa: S608
        (network,),
    )
    return [_range(row) for row in rows]


def all_subnets(catalog: Catalog) -> list[Subnet]:
    """Return the subnets of all networks."""
    return [Subnet(base, prefix) for base, prefix in catalog.query("SELECT base, prefix FROM subnets")]  # type: ignore[arg-type]


def endpoints_of(catalog: Catalog, container: str) -> list[Endpoint]:
    """Return the endpoints of a container in the order of their interfaces, with their addresses."""
    return _endpoints(catalog, "e.container_id = ?", (container,))


def endpoints_on(catalog: Catalog, network: str) -> list[Endpoint]:
    """Return the endpoints on a network, running or not."""
    return _endpoints(catalog, "e.network_id = ?", (network,))


def all_endpoints(catalog: Catalog) -> dict[str, list[Endpoint]]:
    """Return the endpoints of all containers, by container."""
    found: dict[str, list[Endpoint]] = {}
    for endpoint in _endpoints(catalog, "1", ()):
        found.setdefault(endpoint.container, []).append(endpoint)
    return found


def _endpoints(catalog: Catalog, condition: str, parameters: tuple[object, ...]) -> list[Endpoint]:
    rows: list[Any] = catalog.query(
        "SELECT e.container_id, e.network_id, e.id, e.name, e.position, e.config, l.address FROM endpoints e "  # noqa: S608
        "LEFT JOIN leases l ON l.container_id = e.container_id AND l.network_id = e.network_id "
        f"WHERE {condition} ORDER BY e.container_id, e.position, length(l.address)",
        parameters,
    )
    found: list[Endpoint] = []
    for container, network, id_, name, position, config, address in rows:
        addresses = () if address is None else (address,)
        if found and found[-1].id == id_:
            found[-1] = found[-1].replace(addresses=(*found[-1].addresses, *addresses))
        else:
            found.append(Endpoint(container, network, id_, name, position, decode(config), addresses))
    return found


def _network(row: tuple[Any, ...]) -> Network:
    id_, name, driver, builtin, bridge, created_ns, config = row
    return Network(id_, name, driver, bool(builtin), bridge, created_ns, NetworkConfig(**decode(config)))


def _range(row: tuple[Any, ...]) -> Range:
    base, prefix, gateway, low, high, hint, chosen, config = row
    return Range(Subnet(base, prefix), gateway, low, high, hint, bool(chosen), decode(config))


def _encode(config: NetworkConfig) -> str:
    said = {name: value for name, value in config.as_dict().items() if value}
    return encode(said)
