"""Sizes in bytes.

`512`, `64m`, `1.5g`, `10 kB`, `1GiB`. Every unit is a power of 1024, whatever its spelling.
"""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.parse.number import quote

_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_NUMERIC = frozenset("0123456789.eE+-")
_LONGEST_SUFFIX = 3
_MAX = (1 << 63) - 1


def parse_size(text: str) -> int:
    """Bytes of a size; fractions of a byte are cut off. Raises InvalidArgumentError."""
    last = max(text.rfind(character) for character in "0123456789. ")
    if last == -1:
        raise InvalidArgumentError(f"invalid size: '{text}'")
    number, suffix = text[: last + 1], text[last + 1 :]
    number = number.removesuffix(" ")
    value = _float(number) * _multiplier(suffix)
    if not 0 <= value <= _MAX:
        raise InvalidArgumentError(f"invalid size: '{text}'")
    return int(value)


def named_size(name: str, text: str) -> int:
    """Bytes of the size that an option or a keyword of this name has; it stands first in what is refused."""
    try:
        return parse_size(text)
    except InvalidArgumentError as error:
        hint = "write bytes, or a size such as 64m"
        raise InvalidArgumentError(f"{name}: {error.message}", hint=hint) from error


def parse_swap(text: str) -> int:
    """A size of memory plus swap, or -1 for no limit. Raises InvalidArgumentError."""
    return -1 if text == "-1" else parse_size(text)


def _float(text: str) -> float:
    try:
        if not _NUMERIC.issuperset(text):
            raise ValueError(text)  # noqa: TRY301 -- one refusal for all
        return float(text)
    except ValueError:
        raise InvalidArgumentError(f"strconv.ParseFloat: parsing {quote(text)}: invalid syntax") from None


def _multiplier(suffix: str) -> int:
    lower = suffix.lower()
    if lower in ("", "b"):
        return 1
    if len(lower) > _LONGEST_SUFFIX or lower[0] not in _UNITS or lower[1:] not in ("", "b", "ib"):
        raise InvalidArgumentError(f"invalid suffix: '{lower if len(suffix) <= _LONGEST_SUFFIX else suffix}'")
    return _UNITS[lower[0]]
