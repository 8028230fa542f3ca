"""Where a network's subnet comes from when its creator named none: the first free part of the address pools.

Pools are, the first that there are:

    $ROCKER_ADDRESS_POOLS   base=10.200.0.0/16,size=24;base=…, each as dockerd's --default-address-pool
    <data root>/config.json {"default-address-pools": [{"base": "10.200.0.0/16", "size": 24}]}, as its daemon.json
    Docker's own ranges, cut smaller: 481 networks
"""

from __future__ import annotations

import os

from rocker.errors import ConflictError, InvalidArgumentError
from rocker.network.address import IPV4, IPV6, Subnet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

VARIABLE = "ROCKER_ADDRESS_POOLS"
_DEFAULT = (
    ("172.17.0.0/16", 16),  # that of the network `bridge`, where nothing else has it
    ("172.18.0.0/15", 20), ("172.20.0.0/14", 20), ("172.24.0.0/13", 20),
    ("192.168.0.0/16", 24),
)  # fmt: skip
_SMALLEST = 30
"""A network, a gateway, a container, a broadcast address: a /30."""
_ULA_PREFIX = 64


def configured(root: str) -> list[tuple[Subnet, int]]:
    """Return the pools of a data root, each with the prefix length of what is cut from it.

    Raises:
        InvalidArgumentError: they cannot be read.
    """
    text = os.environ.get(VARIABLE)
    if text:
        return [_of_text(part, VARIABLE) for part in text.split(";") if part.strip()]
    from rocker.engine.settings import document, path_of

    path, entries = path_of(root), document(root).get("default-address-pools")
    if entries is None:
        return [_pool(base, size, "the default pools") for base, size in _DEFAULT]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidArgumentError(
            f"{path}: default-address-pools is no list of objects",
            hint='write {"default-address-pools": [{"base": "10.200.0.0/16", "size": 24}]}',
        )
    return [_pool(str(entry.get("base")), entry.get("size"), path) for entry in entries]


def _of_text(text: str, where: str) -> tuple[Subnet, int]:
    given = dict(field.strip().partition("=")[::2] for field in text.split(","))
    if given.keys() != {"base", "size"} or not given["size"].isdecimal():
        raise InvalidArgumentError(
            f"{where}: invalid address pool: {text.strip()}", hint="write base=10.200.0.0/16,size=24"
        )
    return _pool(given["base"], int(given["size"]), where)


def _pool(base: str, size: object, where: str) -> tuple[Subnet, int]:
    subnet = Subnet.parse(base)
    if subnet is None:
        raise InvalidArgumentError(f"{where}: invalid address pool base: {base}", hint="as 10.200.0.0/16")
    most = _SMALLEST if subnet.family == IPV4 else _ULA_PREFIX
    if isinstance(size, bool) or not isinstance(size, int) or not subnet.prefix <= size <= most:
        raise InvalidArgumentError(
            f"{where}: invalid address pool size {size} for {base}",
            hint=f"the prefix length of each network: {subnet.prefix} to {most}",
        )
    return subnet, size


def choose(pools: Iterable[tuple[Subnet, int]], used: Iterable[Subnet], *, family: int = IPV4) -> Subnet:
    """Return the first subnet of the pools that overlaps nothing in use.

    Raises:
        ConflictError: there is none.
    """
    taken = _merged(subnet for subnet in used if subnet.family == family)
    for pool, prefix in pools:
        if pool.family != family:
            continue
        found = _first_free(pool, prefix, taken)
        if found is not None:
            return found
    name = "IPv4" if family == IPV4 else "IPv6"
    raise ConflictError(
        f"could not find an available, non-overlapping {name} address pool among the defaults to assign to the network",
        hint=f"name one with --subnet, remove networks that nobody uses (rocker network prune), or set {VARIABLE}",
    )


def _merged(subnets: Iterable[Subnet]) -> list[tuple[int, int]]:
    """First and last addresses of what is taken, as numbers, in order and apart."""
    spans = sorted(
        (int.from_bytes(found.base, "big"), int.from_bytes(found.last, "big")) for found in subnets
    )
    merged: list[tuple[int, int]] = []
    for low, high in spans:
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _first_free(pool: Subnet, prefix: int, taken: list[tuple[int, int]]) -> Subnet | None:
    step = 1 << (8 * pool.family - prefix)
    at, end = int.from_bytes(pool.base, "big"), int.from_bytes(pool.last, "big")
    for low, high in taken:
        if high < at:
            continue
        if at + step <= low:
            break
        at = -(-(high + 1) // step) * step
    return Subnet(at.to_bytes(pool.family, "big"), prefix) if at + step - 1 <= end else None


def unique_local(seed: str) -> list[tuple[Subnet, int]]:
    """Return the pool of IPv6 networks of one engine: its own part of fd00::/8 (RFC 4193), by 40 random bits.

    Args:
        seed: hex digits that are random and this engine's own.
    """
    return [(Subnet(b"\xfd" + bytes.fromhex(seed[:10]) + bytes(10), 48), _ULA_PREFIX)]


def of_host(networks: Iterable[str]) -> list[Subnet]:
    """Return what the host reaches by an own route, from `_core.host_networks()`; default routes are left out."""
    found = (Subnet.parse(text) for text in networks)
    return [subnet for subnet in found if subnet is not None and subnet.prefix > 0]


__all__ = ["IPV4", "IPV6", "VARIABLE", "choose", "configured", "of_host", "unique_local"]
