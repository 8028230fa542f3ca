"""Signals by name, number and `RTMIN+n`."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

# signal(7), the numbers of x86-64 and arm64: they agree, and the module `signal` would load `enum`.
NUMBERS = {
    "HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "IOT": 6, "BUS": 7, "FPE": 8, "KILL": 9,
    "USR1": 10, "SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "STKFLT": 16, "CHLD": 17,
    "CLD": 17, "CONT": 18, "STOP": 19, "TSTP": 20, "TTIN": 21, "TTOU": 22, "URG": 23, "XCPU": 24, "XFSZ": 25,
    "VTALRM": 26, "PROF": 27, "WINCH": 28, "IO": 29, "POLL": 29, "PWR": 30, "SYS": 31,
}  # fmt: skip
_RTMIN = 34
_RTMAX = 64


def parse_signal(signal: int | str) -> int:
    """Return the number of `TERM`, `SIGTERM`, `15`, 15, `RTMIN+3` or `RTMAX-1`, any case.

    Raises:
        InvalidArgumentError: there is no such signal.
    """
    number = _number(signal)
    if number is None or not 1 <= number <= _RTMAX:
        raise InvalidArgumentError(
            f"invalid signal: {signal}", hint="give a name such as TERM, or a number from 1 to 64"
        )
    return number


def _number(signal: int | str) -> int | None:
    if isinstance(signal, int):
        return signal
    word = signal.strip().upper().removeprefix("SIG")
    if word.isdecimal():
        return int(word)
    for name, base, sign in (("RTMIN", _RTMIN, 1), ("RTMAX", _RTMAX, -1)):
        if word == name:
            return base
        offset = word.removeprefix(name + ("+" if sign > 0 else "-"))
        if offset != word and offset.isdecimal() and int(offset) <= _RTMAX - _RTMIN:
            return base + sign * int(offset)
    return NUMBERS.get(word)
