"""`--detach-keys`: the keys that let go of a container's terminal."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

DEFAULT = "ctrl-p,ctrl-q"
"""Docker's sequence."""

_CONTROL = {f"ctrl-{key}": code for code, key in enumerate("@abcdefghijklmnopqrstuvwxyz[\\]^_")}


def parse_detach_keys(text: str) -> bytes:
    r"""Return the bytes of a comma-separated sequence.

    A key is a character, `ctrl-` with a letter or one of ``@[\\]^_``, or `DEL`. The empty text is no
    sequence: detaching is off. Raises InvalidArgumentError.
    """
    return bytes(_code(key, text) for key in text.split(",")) if text else b""


def _code(key: str, text: str) -> int:
    if len(key) == 1 and key.isascii():
        return ord(key)
    if key == "DEL":
        return 0x7F
    if key not in _CONTROL:
        raise InvalidArgumentError(
            f"invalid detach keys ({text}): Unknown character: '{key}'",
            hint="a sequence is for example ctrl-p,ctrl-q or ctrl-x,x",
        )
    return _CONTROL[key]
