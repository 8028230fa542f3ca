"""`--userns host|auto[:size=N]|private|container:NAME`."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.models.struct import Struct

DEFAULT_SIZE = 65536
"""Ids of a container: as many as POSIX programs know, `nobody` (65534) among them."""
_LEAST = 1
_MOST = 1 << 30


class Userns(Struct):
    """A user namespace as it was asked for.

    Attributes:
        mode: `host`, `auto`, `private` or `container`.
        size: ids of one of its own.
        container: name or id of another container, whose namespace it is.
    """

    mode: str
    size: int = DEFAULT_SIZE
    container: str = ""


def parse_userns(text: str) -> Userns:
    """Read a mode.

    Raises:
        InvalidArgumentError: there is none of this name, or a detail of it is wrong.
    """
    mode, colon, rest = text.partition(":")
    if mode == "container" and rest:
        return Userns("container", container=rest)
    if mode in {"host", "private"} and not colon:
        return Userns(mode)
    if mode == "auto":
        return Userns(mode, size=_size(rest, text) if colon else DEFAULT_SIZE)
    raise InvalidArgumentError(
        f"invalid USER mode: {text}", hint="modes are host, auto, auto:size=N, private and container:NAME"
    )


def _size(rest: str, text: str) -> int:
    key, _, value = rest.partition("=")
    if key != "size":
        raise InvalidArgumentError(
            f"invalid USER mode: {text}", hint="of the details of auto only size=N is known: auto:size=65536"
        )
    if not (value.isascii() and value.isdecimal() and _LEAST <= int(value) <= _MOST):
        raise InvalidArgumentError(
            f"invalid USER mode: {text}", hint=f"the size is a number of ids, {_LEAST} to {_MOST}"
        )
    return int(value)
