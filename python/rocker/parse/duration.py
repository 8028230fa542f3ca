"""Durations as Go writes them, and the points in time that `--since` and `--until` take."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.parse.number import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = r"(\d*)(?:\.(\d*))?([^\d.]*)"
_UNIX = r"(-?\d{1,11})(?:\.(\d{1,9}))?"
_TIME = r"(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d\d:\d\d)?"
_MAX = (1 << 63) - 1


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration such as `1m30s`, `-1.5h` or `0`.

    Raises InvalidArgumentError with Go's text.
    """
    import re

    body = text[1:] if text[:1] in ("-", "+") else text
    if body == "0":
        return 0
    if not body:
        raise InvalidArgumentError(f"time: invalid duration {quote(text)}")
    part = re.compile(_PART, re.ASCII)
    total, position = 0, 0
    while position < len(body):
        match = part.match(body, position)
        if match is None or not (match[1] or match[2]):
            raise InvalidArgumentError(f"time: invalid duration {quote(text)}")
        if not match[3]:
            raise InvalidArgumentError(f"time: missing unit in duration {quote(text)}")
        unit = _UNITS.get(match[3])
        if unit is None:
            raise InvalidArgumentError(f"time: unknown unit {quote(match[3])} in duration {quote(text)}")
        total += _scaled(match[1], match[2] or "", unit)
        position = match.end()
    if total > _MAX:
        raise InvalidArgumentError(f"time: invalid duration {quote(text)}")
    return -total if text[0] == "-" else total


def _scaled(whole: str, fraction: str, unit: int) -> int:
    """Decimal digits times a unit, without the error of a float; digits below 10^-18 do not matter."""
    fraction = fraction[:18]
    value = int(whole[:20] or "0") * unit
    if fraction:
        value += int(fraction) * unit // 10 ** len(fraction)
    return value


def parse_time(text: str, now_ns: int) -> int:
    """Nanoseconds since the epoch: a date, an RFC 3339 time, Unix seconds, or a duration before `now_ns`.

    A time without a zone is local time. Raises InvalidArgumentError.
    """
    import re

    if match := re.fullmatch(_UNIX, text, re.ASCII):
        nanoseconds = int((match[2] or "").ljust(9, "0"))
        seconds = int(match[1]) * 1_000_000_000
        return seconds - nanoseconds if text[0] == "-" else seconds + nanoseconds
    if match := re.fullmatch(_TIME, text, re.ASCII):
        return _instant(match, text)
    try:
        return now_ns - parse_duration(text)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(
            f"failed to parse value as time or duration: {quote(text)}",
            hint='a time is "2006-01-02T15:04:05", Unix seconds, or how long ago: "1m30s"',
        ) from error


def _instant(match: re.Match[str], text: str) -> int:
    from datetime import datetime

    date, hour, minute, second, fraction, zone = match.groups()
    clock = f"{hour or '00'}:{minute or '00'}:{second or '00'}"
    offset = "+00:00" if zone == "Z" else zone or ""
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{offset}")
        seconds = int(moment.timestamp())
    except (ValueError, OverflowError) as error:
        raise InvalidArgumentError(f"failed to parse value as time: {quote(text)}: {error}") from error
    return seconds * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
