"""Addresses of a subnet, each given to one endpoint at a time.

A lease is a row that goes with its endpoint's, which goes with its container's: whatever dies, nothing has to be given
back. Within a write transaction nobody else gives addresses, so none is given twice.
"""

from __future__ import annotations

from rocker.errors import ConflictError, InvalidArgumentError
from rocker.network.address import IPV4, plus, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from rocker.network.store import Network, Range


def take_any(db: sqlite3.Connection, network: Network, found: Range, container: str) -> bytes:
    """Lease the lowest free address of a subnet, as Docker does.

    Raises:
        ConflictError: all are taken.
    """
    address = _free(db, network.id, found.hint, found.high)
    if address is None:
        family = "IPv4" if found.subnet.family == IPV4 else "IPv6"
        raise ConflictError(
            f"no available {family} addresses on this network's address pools: {network.name} ({network.id})",
            hint="remove containers of this network, or make one with a larger --subnet",
        )
    _insert(db, network.id, address, container)
    hint = plus(address, 1) if address < found.high else found.high
    db.execute(
        "UPDATE subnets SET hint = ? WHERE network_id = ? AND base = ?", (hint, network.id, found.subnet.base)
    )
    return address


def _free(db: sqlite3.Connection, network: str, low: bytes, high: bytes) -> bytes | None:
    """Return the first address from low to high that is not leased."""
    candidate = low
    rows = db.execute(
        "SELECT address FROM leases WHERE network_id = ? AND address >= ? AND address <= ? AND length(address) = ? "
        "ORDER BY address",
        (network, low, high, len(low)),
    )
    for (taken,) in rows:
        if taken != candidate:
            break
        if taken == high:
            return None
        candidate = plus(candidate, 1)
    return candidate


def take(db: sqlite3.Connection, network: Network, found: Range, container: str, address: bytes) -> bytes:
    """Lease one address of a subnet, in its range or not.

    Raises:
        ConflictError: it is taken, or is the subnet's own or its broadcast address.
    """
    import _sqlite3

    own = found.subnet.family == IPV4 and address in {found.subnet.base, found.subnet.last}
    try:
        if not own:
            _insert(db, network.id, address, container)
            return address
    except _sqlite3.IntegrityError:
        pass
    raise ConflictError(
        "Address already in use",
        hint=f"{shown(address)} of network {network.name} {_holder(db, network, address)}",
    )


def _holder(db: sqlite3.Connection, network: Network, address: bytes) -> str:
    row = db.execute(
        "SELECT c.name FROM leases l JOIN containers c ON c.id = l.container_id "
        "WHERE l.network_id = ? AND l.address = ?",
        (network.id, address),
    ).fetchone()
    return f"belongs to container {row[0]}" if row else "is reserved"


def _insert(db: sqlite3.Connection, network: str, address: bytes, container: str) -> None:
    db.execute(
        "INSERT INTO leases (network_id, address, container_id) VALUES (?, ?, ?)",
        (network, address, container),
    )


def choose_range(ranges: list[Range], address: bytes, network: Network) -> Range:
    """Return the subnet that an address belongs to, which the user must have named.

    Raises:
        InvalidArgumentError: there is none.
    """
    own = [found for found in ranges if found.subnet.family == len(address)]
    if not any(found.chosen for found in own):
        raise InvalidArgumentError(
            "user specified IP address is supported only when connecting to networks with user configured subnets",
            hint=f"no {'IPv4' if len(address) == IPV4 else 'IPv6'} subnet was named for {network.name}: "
            "rocker network create --subnet SUBNET",
        )
    for found in own:
        if address in found.subnet:
            return found
    raise InvalidArgumentError(
        f"Invalid address {shown(address)}: It does not belong to any of this network's subnets",
        hint="its subnets are " + ", ".join(str(found.subnet) for found in ranges),
    )
