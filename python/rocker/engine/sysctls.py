"""Kernel parameters that a container may set: only those that belong to namespaces of its own."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.parse.sysctl import IPC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")

# Docker's: ports below 1024 and ping need no capability.
DEFAULT_NETWORK = {
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0 2147483647",
}


def check(name: str, value: str, *, own_network: bool, own_ipc: bool) -> None:
    """Refuse a parameter that is not the container's own.

    The name is checked by letters: `/` and `..` walk through /proc/sys, `+` and `=` ended names in CRI-O
    (CVE-2022-0811).

    Raises:
        InvalidArgumentError: so it is.
    """
    parts = name.split(".")
    if not _LETTERS.issuperset(name) or "" in parts or "\0" in value or "\n" in value:
        raise InvalidArgumentError(
            f"sysctl '{name}={value}' is not allowed",
            hint="a name is made of letters, digits, `_`, `-` and single dots",
        )
    if parts[0] == "net" and len(parts) > 1:
        if not own_network:
            raise InvalidArgumentError(
                f"sysctl '{name}={value}' is not allowed in a network namespace that is not the container's own",
                hint="leave --network host or container:NAME out, or set it where the namespace belongs",
            )
    elif name in IPC or name.startswith("fs.mqueue."):
        if not own_ipc:
            raise InvalidArgumentError(
                f"sysctl '{name}={value}' is not allowed in an IPC namespace that is not the container's own",
                hint="leave --ipc host or container:NAME out",
            )
    else:
        from rocker.engine.suggest import near

        raise InvalidArgumentError(
            f"sysctl '{name}={value}' is not allowed: it belongs to the whole host",
            hint=near(name, (*IPC, *DEFAULT_NETWORK))
            or "allowed are net.*, fs.mqueue.*, kernel.shm*, kernel.msg* and kernel.sem",
        )


def resolve(wanted: Mapping[str, str], *, network: str, own_ipc: bool) -> dict[str, str]:
    """Return `linux.sysctl`: the defaults where the network namespace is new, and what is wanted over them.

    Raises:
        InvalidArgumentError: see `check`.
    """
    own_network = network in {"none", "bridge"}
    for name, value in wanted.items():
        check(name, value, own_network=own_network, own_ipc=own_ipc)
    return {**DEFAULT_NETWORK, **wanted} if own_network else dict(wanted)
