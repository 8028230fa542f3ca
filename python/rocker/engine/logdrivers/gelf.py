"""The driver `gelf`."""

from __future__ import annotations

import os

from rocker.engine.logdrivers.address import Address, internet
from rocker.engine.logdrivers.attributes import attributes
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rocker.engine.logdrivers.identity import Identity

_COMPRESSIONS = ("gzip", "zlib", "none")
_LEVELS = range(-1, 10)
_FASTEST = 1


def _address(text: str) -> Address:
    if not text:
        raise InvalidArgumentError(
            "gelf-address is a required parameter", hint="--log-opt gelf-address=udp://HOST:12201"
        )
    address = Address(text)
    if address.scheme not in {"udp", "tcp"}:
        raise InvalidArgumentError("gelf: endpoint needs to be TCP or UDP")
    if address.port is None:
        raise InvalidArgumentError("gelf: please provide gelf-address as proto://host:port")
    return address


def check(options: Mapping[str, str]) -> None:
    """Refuse wrong values.

    Raises:
        InvalidArgumentError: so they are.
    """
    scheme = _address(options.get("gelf-address", "")).scheme
    for key, value in options.items():
        if key in {"gelf-compression-level", "gelf-compression-type"}:
            if scheme != "udp":
                raise InvalidArgumentError("compression is only supported on UDP")
            good = value in _COMPRESSIONS if key.endswith("type") else _integer(value) in _LEVELS
            if not good:
                raise InvalidArgumentError(f'unknown value "{value}" for log opt "{key}" for gelf log driver')
        elif key in {"gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"}:
            if scheme != "tcp":
                raise InvalidArgumentError(f'"{key}" is only valid for TCP')
            number = _integer(value)
            if number is None or number < 0:
                raise InvalidArgumentError(f'"{key}" must be a positive integer')


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def remote(identity: Identity) -> dict[str, Any]:
    """Return the `log.remote` object."""
    options = identity.options
    address = _address(options.get("gelf-address", ""))
    compression = options.get("gelf-compression-type", "gzip") if address.scheme == "udp" else "stream"
    form = {
        "host": os.uname().nodename,
        "extra": _extra(identity),
        "compression": compression,
        "level": int(options.get("gelf-compression-level", _FASTEST)),
    }
    found: dict[str, Any] = {
        "form": {"gelf": form},
        "address": internet(address.scheme, address.host, address.port or 0),
        "name": address.text,
    }
    if address.scheme == "tcp":
        delay = int(options.get("gelf-tcp-reconnect-delay", "1"))
        found["retry"] = {"attempts": int(options.get("gelf-tcp-max-reconnect", "3")), "wait": delay * 1000}
    return found


def _extra(identity: Identity) -> str:
    """The inside of the object of additional members, as Go's encoder writes it."""
    import json

    from rocker.engine.times import format_rfc3339

    members = {
        "_command": identity.command,
        "_container_id": identity.id,
        "_container_name": identity.name,
        "_created": format_rfc3339(identity.created_ns),
        "_image_id": identity.image_id,
        "_image_name": identity.image_name,
        "_tag": identity.tag(),
        **attributes(identity.config, lambda name: name if name.startswith("_") else f"_{name}"),
    }
    text = json.dumps(dict(sorted(members.items())), separators=(",", ":"), ensure_ascii=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text[1:-1]
