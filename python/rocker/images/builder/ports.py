"""What `EXPOSE` names: `80`, `80/tcp`, `8000-8010/udp`."""

from __future__ import annotations

from rocker.images.builder.errors import DockerfileError
from rocker.models.struct import Struct
from rocker.parse.number import quote

_PROTOCOLS = ("tcp", "udp", "sctp")
_LAST = 65535


class Exposed(Struct):
    """One word of an `EXPOSE`.

    Attributes:
        ports: `PORT/PROTOCOL` of each port.
        lower: whether the protocol was written in lower case.
        mapped: whether an address or a port of the host was named, which has no effect.
    """

    ports: tuple[str, ...]
    lower: bool
    mapped: bool


def exposed(word: str) -> Exposed:
    """Read `[[ADDRESS:]HOST_PORT:]PORT[-PORT][/PROTOCOL]`.

    Raises:
        DockerfileError: a port, protocol or address is wrong.
    """
    *before, last = word.split(":")
    host = before.pop() if before else ""
    address = ":".join(before)
    numbers, _, protocol = last.partition("/")
    if not numbers:
        raise DockerfileError(f"invalid port: {quote(word)}: no port specified")
    if protocol and protocol.lower() not in _PROTOCOLS:
        raise DockerfileError(f"invalid port: {quote(word)}: invalid proto: {protocol}")
    _check_address(address)
    first, last_port = _range("containerPort", numbers)
    if host:
        host_first, host_last = _range("hostPort", host)
        if host_last - host_first != last_port - first != 0:
            raise DockerfileError(
                f"invalid ranges specified for container and host Ports: {numbers} and {host}"
            )
    name = protocol.lower() or "tcp"
    ports = tuple(f"{port}/{name}" for port in range(first, last_port + 1))
    return Exposed(ports, protocol == protocol.lower(), bool(address or host))


def _check_address(text: str) -> None:
    import ipaddress

    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        if text:
            ipaddress.ip_address(bare)
    except ValueError:
        raise DockerfileError(f"invalid IP address: {bare}") from None


def _range(name: str, text: str) -> tuple[int, int]:
    start, dash, end = text.partition("-")
    try:
        first = _number(start)
        last = _number(end) if dash else first
    except ValueError:
        raise DockerfileError(f"invalid {name}: {text}") from None
    if last < first:
        raise DockerfileError(f"invalid {name}: {text}")
    return first, last


def _number(text: str) -> int:
    if not (text.isascii() and text.removeprefix("+").isdigit()) or len(text) > 19:  # noqa: PLR2004 -- of 2^63
        raise ValueError(text)
    number = int(text)
    if number > _LAST:
        raise ValueError(text)
    return number
