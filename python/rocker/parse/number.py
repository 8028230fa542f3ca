"""Booleans and integers as Go's strconv reads and reports them."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_ESCAPES = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v", "\\": "\\", '"': '"'}


def quote(text: str) -> str:
    """The text in double quotes with Go's escapes (strconv.Quote)."""
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return "\\" + _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:  # noqa: PLR2004 -- ASCII ends here
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 -- the basic plane


def parse_bool(text: str) -> bool:
    """`true`, `1`, `t` and their like. Raises InvalidArgumentError with strconv.ParseBool's text."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise InvalidArgumentError(f"strconv.ParseBool: parsing {quote(text)}: invalid syntax")


def parse_int(text: str, *, base: int = 0, bits: int = 64, signed: bool = True) -> int:
    """An integer; base 0 takes `0x`, `0o`, `0b` and a leading zero as octal.

    Raises InvalidArgumentError with the text of strconv.ParseInt or ParseUint.
    """
    function = "ParseInt" if signed else "ParseUint"
    try:
        value = _digits(text, base, signed=signed)
    except ValueError:
        raise InvalidArgumentError(f"strconv.{function}: parsing {quote(text)}: invalid syntax") from None
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if not low <= value <= high:
        raise InvalidArgumentError(f"strconv.{function}: parsing {quote(text)}: value out of range")
    return value


def _digits(text: str, base: int, *, signed: bool) -> int:
    body = text[1:] if signed and text[:1] in ("+", "-") else text
    if not body.isascii() or not body[:1].isalnum() or (base and "_" in body):
        raise ValueError(text)
    if base == 0 and len(body) > 1 and body[0] == "0" and body[1] in "01234567_":
        body = "0o" + body[1:]
    value = int(body, base)
    return -value if text[:1] == "-" else value
