"""Digests: `sha256:` and 64 lower-case hex digits, nothing else.

A digest becomes a file name below the data root: what comes from outside goes through `digits` first.
"""

from __future__ import annotations

from rocker.errors import CorruptError

_PREFIX = "sha256:"
_LENGTH = 64
_HEX = frozenset("0123456789abcdef")


def is_hex(text: object) -> bool:
    """Whether this is 64 lower-case hex digits."""
    return isinstance(text, str) and len(text) == _LENGTH and _HEX.issuperset(text)


def is_digest(text: object) -> bool:
    """Whether this is a `sha256:<64 hex digits>`."""
    return isinstance(text, str) and text.startswith(_PREFIX) and is_hex(text[len(_PREFIX) :])


def digits(text: object, what: str = "digest") -> str:
    """The hex digits of a digest, safe as a file name.

    Raises:
        CorruptError: it is anything else; `what` says in the message what it was the digest of.
    """
    if not is_digest(text):
        raise CorruptError(
            f"invalid digest of {what}: {shown(text)}", hint="only sha256 digests are accepted"
        )
    return str(text)[len(_PREFIX) :]


def of_bytes(data: bytes) -> str:
    """`sha256:<hex>` of some bytes."""
    from hashlib import sha256

    return _PREFIX + sha256(data).hexdigest()


def shown(value: object) -> str:
    """A value from outside, short and escaped, for a message."""
    text = repr(value)
    return text if len(text) <= 100 else text[:99] + "…"  # noqa: PLR2004
