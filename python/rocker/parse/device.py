"""`--device HOST[:CONTAINER][:PERMISSIONS]`."""

from __future__ import annotations

from rocker.engine.options import Device
from rocker.errors import InvalidArgumentError

_MOST_FIELDS = 3


def parse_device(text: str) -> Device:
    """`/dev/fuse`, `/dev/sda:/dev/xvda`, `/dev/sda:r`, `/dev/sda:/dev/xvda:rwm`.

    Raises InvalidArgumentError.
    """
    fields = text.split(":")
    if len(fields) > _MOST_FIELDS or not fields[0]:
        raise InvalidArgumentError(f"bad format for path: {text}")
    if not fields[0].startswith("/"):
        raise InvalidArgumentError(f"{fields[0]} is not an absolute path")
    if len(fields) == _MOST_FIELDS:
        if not is_mode(fields[2]):
            raise InvalidArgumentError(f"bad mode specified: {fields[2]}")
        source, target, permissions = fields
        target = target or source
    elif len(fields) == 1:
        source, target, permissions = text, text, "rwm"
    elif is_mode(fields[1]):
        source, target, permissions = fields[0], fields[0], fields[1]
    else:
        source, target, permissions = fields[0], fields[1] or fields[0], "rwm"
    if not target.startswith("/"):
        raise InvalidArgumentError(f"{target} is not an absolute path")
    return Device(source, target, permissions)


def is_mode(text: str) -> bool:
    """Tell whether a text names permissions: some of `r`, `w` and `m`, each once."""
    return bool(text) and set(text) <= set("rwm") and len(set(text)) == len(text)
