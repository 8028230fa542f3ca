"""`--publish`, `--expose`, and the ports that `port` and `ps --filter` take."""

from __future__ import annotations

from rocker.engine.options import Port
from rocker.errors import InvalidArgumentError
from rocker.network.address import packed
from rocker.parse.number import parse_int

PROTOCOLS = ("tcp", "udp", "sctp")
_MOST = 65535


def parse_publish(text: str) -> list[Port]:
    """`[[IP:][HOST[-HOST]]:]PORT[-PORT][/PROTOCOL]`, or `published=…,target=…,protocol=…`.

    A range of host ports for one container port means: the first of them that is free. Raises InvalidArgumentError with
    Docker's text.
    """
    if "=" in text:
        text = _of_fields(text)
    address, host, container = _split(text)
    container, slash, protocol = container.partition("/")
    protocol = protocol.lower() if slash and protocol else "tcp"
    if not container:
        raise InvalidArgumentError(
            f"no port specified: {text}<empty>", hint="write HOST:CONTAINER, as 8080:80"
        )
    if protocol not in PROTOCOLS:
        raise InvalidArgumentError(f"invalid proto: {protocol}", hint="one of " + ", ".join(PROTOCOLS))
    ip = _address(address)
    first, last = _range(container, f"invalid containerPort: {container}")
    if not first:
        raise InvalidArgumentError(f"invalid containerPort: {container}", hint="ports are 1 to 65535")
    if not host:
        return [Port(number, protocol, ip) for number in range(first, last + 1)]
    low, high = _range(host, f"invalid hostPort: {host}")
    if last - first != high - low and first != last:
        raise InvalidArgumentError(
            f"invalid ranges specified for container and host Ports: {container} and {host}",
            hint="both ranges have the same length, or one container port has a range of host ports",
        )
    if first == last:
        return [Port(first, protocol, ip, low or None, high if high > low and low else None)]
    return [Port(first + step, protocol, ip, low + step) for step in range(last - first + 1)]


def _of_fields(text: str) -> str:
    given = {"protocol": "tcp", "published": "", "target": ""}
    for field in text.split(","):
        name, equals, value = field.partition("=")
        if not equals:
            raise InvalidArgumentError(
                f"invalid publish opts format (should be name=value but got '{field}')"
            )
        given[name] = value
    return f"{given['published']}:{given['target']}/{given['protocol']}"


def _split(text: str) -> tuple[str, str, str]:
    """Address, host port and container port; the address may have colons of its own."""
    parts = text.split(":")
    if len(parts) == 1:
        return "", "", parts[0]
    return ":".join(parts[:-2]), parts[-2], parts[-1]


def _address(text: str) -> str:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if bare and packed(bare) is None:
        raise InvalidArgumentError(f"invalid IP address: {bare}")
    return bare


def _range(text: str, message: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    try:
        low = parse_int(first, base=10, bits=16, signed=False)
        high = parse_int(last, base=10, bits=16, signed=False) if dash else low
    except InvalidArgumentError:
        raise InvalidArgumentError(message, hint="ports are 1 to 65535") from None
    if high < low:
        raise InvalidArgumentError(message, hint="a range begins with its smaller end")
    return low, high


def parse_expose(text: str) -> list[str]:
    """`PORT[-PORT][/PROTOCOL]` as `80/tcp` each. Raises InvalidArgumentError with Docker's text."""
    if ":" in text:
        raise InvalidArgumentError(f"invalid port format for --expose: {text}", hint="-p publishes ports")
    ports, _, protocol = text.partition("/")
    try:
        first, last = plain_range(ports)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"invalid range format for --expose: {text}, error: {error}") from None
    protocol = protocol.lower() or "tcp"
    if protocol not in PROTOCOLS:
        raise InvalidArgumentError(f"invalid proto: {protocol}", hint="one of " + ", ".join(PROTOCOLS))
    return [f"{number}/{protocol}" for number in range(first, last + 1)]


def plain_range(text: str) -> tuple[int, int]:
    """`80` or `80-90`. Raises InvalidArgumentError with the text of strconv.ParseUint."""
    if not text:
        raise InvalidArgumentError("empty string specified for ports.")
    first, dash, last = text.partition("-")
    low = parse_int(first, base=10, bits=16, signed=False)
    high = parse_int(last, base=10, bits=16, signed=False) if dash else low
    if high < low:
        raise InvalidArgumentError(f"Invalid range specified for the Port: {text}")
    return low, high
