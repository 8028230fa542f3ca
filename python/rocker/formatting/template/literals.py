"""Go's constants."""

from __future__ import annotations

import re

_SIMPLE = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)


def unquote(text: str) -> str:
    """The value of a quoted string or character. Raises ValueError."""
    return _ESCAPE.sub(_unescape, text[1:-1])


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) == 1:
        if code not in _SIMPLE:
            raise ValueError(code)
        return _SIMPLE[code]
    return chr(int(code, 8) if code[0].isdigit() else int(code[1:], 16))


def parse_number(text: str) -> int | float:
    """An integer in any base, or a float. Raises ValueError."""
    body = text.lstrip("+-")
    if re.fullmatch(r"0[0-7_]+", body):
        value: int | float = int(body.replace("_", ""), 8)
    elif re.fullmatch(r"0[xXbBoO][0-9a-fA-F_]+|[\d_]+", body):
        value = int(body, 0)
    else:
        value = float(body)
    return -value if text[0] == "-" else value
