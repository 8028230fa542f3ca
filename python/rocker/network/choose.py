"""Host ports that are not said outright: the first free one of a range, and one number for IPv4 and IPv6."""

from __future__ import annotations

import contextlib
from _socket import AF_INET, AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, SOCK_DGRAM, SOCK_STREAM, socket

from rocker.errors import ConflictError
from rocker.network.default import sole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_ATTEMPTS = 64


@contextlib.contextmanager
def chosen(ports: list[dict[str, Any]]) -> Iterator[None]:
    """Put numbers in the place of ranges, and of free ports on both families, until a container has started with them.

    Meanwhile no other engine on this host chooses. A single free port is left to the shim, which asks the kernel.

    Raises:
        ConflictError: no port of a range is free.
    """
    groups = [group for group in _groups(ports) if "host_port_end" in group[0] or _is_open_pair(group)]
    if not groups:
        yield
        return
    with sole():
        for group in groups:
            number = _choose(group, ports)
            for port in group:
                port["host_port"] = number
                port.pop("host_port_end", None)
        yield


def _groups(ports: list[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    """The entries of one published port: they differ in the host's address alone."""
    found: list[list[dict[str, Any]]] = []
    for port in ports:
        last = found[-1] if found else []
        if last and {**port, "host_ip": ""} == {**last[0], "host_ip": ""} and port not in last:
            last.append(port)
        else:
            found.append([port])
    return found


def _is_open_pair(group: list[dict[str, Any]]) -> bool:
    return len(group) > 1 and group[0]["host_port"] == 0


def _choose(group: list[dict[str, Any]], ports: list[dict[str, Any]]) -> int:
    first = group[0]
    others = {
        port["host_port"] for port in ports if port["protocol"] == first["protocol"] and port not in group
    }
    if "host_port_end" in first:
        candidates: Iterable[int] = range(first["host_port"], first["host_port_end"] + 1)
        shown = f"{first['host_ip']}:{first['host_port']}-{first['host_port_end']}"
    else:
        candidates = (_any(first) for _ in range(_ATTEMPTS))
        shown = f"{first['host_ip']}:0"
    for number in candidates:
        if number not in others and all(_is_free(port, number) for port in group):
            return number
    raise ConflictError(
        f"Bind for {shown} failed: all ports are allocated",
        hint="rocker ps shows who publishes which; choose others",
    )


def _any(port: dict[str, Any]) -> int:
    with contextlib.closing(_bound(port, 0)) as found:
        number: int = found.getsockname()[1]
        return number


def _is_free(port: dict[str, Any], number: int) -> bool:
    try:
        _bound(port, number).close()
    except OSError:
        return False
    return True


def _bound(port: dict[str, Any], number: int) -> socket:
    """A socket on a port of the host, as a shim holds one; SCTP's ports are looked at as TCP's."""
    six = ":" in port["host_ip"]
    found = socket(AF_INET6 if six else AF_INET, SOCK_DGRAM if port["protocol"] == "udp" else SOCK_STREAM)
    try:
        if six:
            found.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
        found.bind((port["host_ip"], number))
    except BaseException:
        found.close()
        raise
    return found
