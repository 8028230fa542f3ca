"""Signals by number, name, or name with `SIG`.

`RTMIN+n` and `RTMAX-n` too. Linux numbers of x86 and arm (signal(7)).
"""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

_NAMES = [
    "HUP",
    "INT",
    "QUIT",
    "ILL",
    "TRAP",
    "ABRT",
    "BUS",
    "FPE",
    "KILL",
    "USR1",
    "SEGV",
    "USR2",
    "PIPE",
    "ALRM",
    "TERM",
    "STKFLT",
    "CHLD",
    "CONT",
    "STOP",
    "TSTP",
    "TTIN",
    "TTOU",
    "URG",
    "XCPU",
    "XFSZ",
    "VTALRM",
    "PROF",
    "WINCH",
    "IO",
    "PWR",
    "SYS",
]
_NUMBERS = {name: number for number, name in enumerate(_NAMES, 1)} | {
    "IOT": 6, "CLD": 17, "POLL": 29, "UNUSED": 31,
}  # fmt: skip
_RTMIN, _RTMAX = 34, 64  # the C library keeps 32 and 33 for itself


def parse_signal(text: str) -> int:
    """The number of a signal, 1 to 64. Raises InvalidArgumentError."""
    if text.isascii() and text.isdigit() and len(text) <= 2:  # noqa: PLR2004 -- two digits
        number = int(text)
        if 1 <= number <= _RTMAX:
            return number
        raise InvalidArgumentError(f"Invalid signal: {text}")
    name = text.upper().removeprefix("SIG")
    found = _NUMBERS.get(name) or _realtime(name)
    if found is None:
        raise InvalidArgumentError(f"Invalid signal: {text}", hint="`kill -l` lists the names")
    return found


def number_of(signal: int | str) -> int:
    """The number of a signal given by name or number. Raises InvalidArgumentError."""
    return parse_signal(str(signal))


def _realtime(name: str) -> int | None:
    for base, sign in (("RTMIN", 1), ("RTMAX", -1)):
        if name.startswith(base):
            rest = name.removeprefix(base)
            start = _RTMIN if sign == 1 else _RTMAX
            if not rest:
                return start
            digits = rest[1:]
            if rest[0] != ("+" if sign == 1 else "-") or not (digits.isascii() and digits.isdigit()):
                return None
            number = start + sign * int(digits[:3])
            return number if _RTMIN <= number <= _RTMAX else None
    return None
