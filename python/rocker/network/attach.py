"""Endpoints: a container's places on networks, checked, with their addresses, in the transaction of its row."""

from __future__ import annotations

import os

from rocker.engine.options import Attachment
from rocker.errors import ConflictError, InvalidArgumentError
from rocker.models.jsontext import encode
from rocker.network import leases, store
from rocker.network.address import IPV4, IPV6, packed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from rocker.engine.engine import Engine
    from rocker.engine.options import RunOptions
    from rocker.network.store import Network

    Wanted = Sequence[tuple[Network, Attachment]]

_MAC_DIGITS = 2
_MAC_PARTS = 6


def attachments(options: RunOptions) -> Sequence[Attachment]:
    """Return the networks that a container is on, the one of its network mode first."""
    if options.networks:
        return options.networks
    mode = options.network or store.DEFAULT
    return (Attachment(store.DEFAULT if mode == "default" else mode),)


def resolve(engine: Engine, options: RunOptions) -> Wanted:
    """Find the networks that a container is to be on. The default one gets its subnet when it is first used.

    Raises:
        NetworkNotFoundError: there is none of this name.
        InvalidArgumentError: something that was said of an endpoint is wrong.
    """
    found: list[tuple[Network, Attachment]] = []
    for attachment in attachments(options):
        network = find(engine, attachment)
        if any(network.id == other.id for other, _ in found):
            raise InvalidArgumentError(f'network "{attachment.network}" is specified multiple times')
        found.append((network, attachment))
    return found


def find(engine: Engine, attachment: Attachment) -> Network:
    """Find one network and check what is wanted of it; raises as `resolve`."""
    network = store.get(engine.catalog, attachment.network)
    if not network.has_endpoints:
        raise InvalidArgumentError(
            "conflicting options: cannot attach both user-defined and non-user-defined network-modes"
        )
    _check(network, attachment)
    if not network.bridge:
        from rocker.network.default import define

        network = define(engine, network)
    return network


def _check(network: Network, attachment: Attachment) -> None:
    if not network.user_defined:
        if attachment.ip or attachment.ip6:
            raise InvalidArgumentError(
                "user specified IP address is supported on user defined networks only",
                hint="rocker network create --subnet SUBNET NAME makes one",
            )
        if attachment.aliases:
            raise InvalidArgumentError(
                "network-scoped alias is supported only for containers in user defined networks",
                hint="rocker network create NAME makes one",
            )
    for text, family, name in ((attachment.ip, IPV4, "IPv4"), (attachment.ip6, IPV6, "IPv6")):
        if text and packed(text, family) is None:
            raise InvalidArgumentError(f"invalid {name} address: {text}")
    if attachment.mac_address:
        check_mac(attachment.mac_address)
    if attachment.link_local_ips:
        from rocker.errors import UnsupportedError

        raise UnsupportedError(
            "link-local addresses of endpoints are not offered", hint="leave --link-local-ip out"
        )


def check_mac(text: str) -> str:
    """Return a MAC address in the form `02:42:ac:11:00:02`.

    Raises:
        InvalidArgumentError: it is none.
    """
    parts = text.replace("-", ":").split(":")
    try:
        octets = [int(part, 16) for part in parts if len(part) == _MAC_DIGITS and part.isalnum()]
    except ValueError:
        octets = []
    if len(parts) != _MAC_PARTS or len(octets) != _MAC_PARTS:
        raise InvalidArgumentError(f"{text} is not a valid mac address", hint="as 02:42:ac:11:00:02")
    if octets[0] & 1:
        raise InvalidArgumentError(
            f"{text} is not a valid mac address",
            hint="an odd first octet is a group's address, not an interface's",
        )
    return ":".join(f"{octet:02x}" for octet in octets)


def insert(
    engine: Engine, db: sqlite3.Connection, container: str, wanted: Wanted, *, position: int = 0
) -> None:
    """Write a container's endpoints, each with an address of every subnet of its network.

    Raises:
        NetworkNotFoundError: a network has gone meanwhile.
        ConflictError: an address is taken, all are, or the container is on the network already.
        InvalidArgumentError: a wanted address is in no subnet that the user named.
    """
    for number, (network, attachment) in enumerate(wanted, position):
        if not db.execute("SELECT 1 FROM networks WHERE id = ?", (network.id,)).fetchone():
            raise store.not_found(attachment.network)
        _insert_row(db, container, network, attachment, number)
        _lease(engine, db, container, network, attachment)


def _insert_row(
    db: sqlite3.Connection, container: str, network: Network, attachment: Attachment, position: int
) -> None:
    said = {name: value for name, value in attachment.as_dict().items() if value and name != "network"}
    if "mac_address" in said:
        said["mac_address"] = check_mac(said["mac_address"])
    db.execute(
        "INSERT INTO endpoints (container_id, network_id, id, name, position, config) VALUES (?, ?, ?, ?, ?, ?)",
        (container, network.id, os.urandom(32).hex(), network.name, position, encode(said)),
    )


def _lease(
    engine: Engine, db: sqlite3.Connection, container: str, network: Network, attachment: Attachment
) -> None:
    ranges = store.ranges_of(engine.catalog, network.id)
    fixed: set[int] = set()
    for text in (attachment.ip, attachment.ip6):
        if text:
            address = packed(text) or b""
            found = leases.choose_range(ranges, address, network)
            leases.take(db, network, found, container, address)
            fixed.add(len(address))
    for found in ranges:
        if found.subnet.family not in fixed:
            leases.take_any(db, network, found, container)


def refuse_twice(engine: Engine, container: str, name: str, network: Network) -> None:
    """Raise ConflictError when a container is on a network already."""
    if any(endpoint.network == network.id for endpoint in store.endpoints_of(engine.catalog, container)):
        raise ConflictError(f"endpoint with name {name} already exists in network {network.name}")
