"""`--network` and the flags beside it as what a container is attached to; the API's keywords likewise."""

from __future__ import annotations

from rocker.engine.options import Attachment
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

BUILTIN = frozenset({"default", "bridge", "host", "none"})


def user_defined(name: str) -> bool:
    """Whether a network mode names a network that a user made."""
    return name not in BUILTIN and not name.startswith("container:")


def combine(
    networks: Sequence[Attachment],
    *,
    aliases: Sequence[str] = (),
    ip: str | None = None,
    ip6: str | None = None,
    mac_address: str | None = None,
    links: Sequence[str] = (),
    link_local_ips: Sequence[str] = (),
) -> dict[str, Any]:
    """Return `network`, `networks` and `links` of `RunOptions`; what is said beside belongs to the first network.

    Raises:
        InvalidArgumentError: networks and what is said beside contradict each other.
    """
    first = networks[0] if networks else Attachment("default")
    _refuse_twice(first, aliases, ip, ip6, mac_address)
    own = user_defined(first.network)
    first = Attachment(
        "bridge" if first.network == "default" else first.network,
        tuple(aliases or first.aliases),
        ip or first.ip,
        ip6 or first.ip6,
        mac_address or first.mac_address,
        tuple(links) if own else first.links,
        tuple(link_local_ips or first.link_local_ips),
        first.driver_opts,
        first.gw_priority,
    )
    given = [first, *networks[1:]]
    _check(given)
    plain = len(given) == 1 and first == Attachment(first.network)
    return {
        "network": first.network if networks else None,
        "networks": () if plain else tuple(given),
        "links": () if own else tuple(links),
    }


def _refuse_twice(
    first: Attachment, aliases: Sequence[str], ip: str | None, ip6: str | None, mac_address: str | None
) -> None:
    for one, other, what in (
        (first.aliases, aliases, "--network-alias and per-network alias"),
        (first.ip, ip, "--ip and per-network IPv4 address"),
        (first.ip6, ip6, "--ip6 and per-network IPv6 address"),
        (first.mac_address, mac_address, "--mac-address and per-network MAC address"),
    ):
        if one and other:
            raise InvalidArgumentError(f"conflicting options: cannot specify both {what}")


def _check(given: Sequence[Attachment]) -> None:
    names = [attachment.network for attachment in given]
    for attachment in given:
        if not attachment.network.strip():
            raise InvalidArgumentError("no name set for network")
        if names.count(attachment.network) > 1:
            raise InvalidArgumentError(f'network "{attachment.network}" is specified multiple times')
        if attachment.aliases and not user_defined(attachment.network):
            raise InvalidArgumentError(
                "network-scoped aliases are only supported for user-defined networks",
                hint="rocker network create NAME makes one",
            )
    if len({user_defined(name) for name in names}) > 1:
        raise InvalidArgumentError(
            "conflicting options: cannot attach both user-defined and non-user-defined network-modes"
        )
