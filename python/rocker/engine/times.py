"""Times as the shim and the API write them."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError


def parse_rfc3339_ns(text: str) -> int:
    """Nanoseconds since the epoch of a time as the shim writes it, `2026-11-23T23:04:05.123456789Z`.

    Raises:
        InvalidArgumentError: it is no such time.
    """
    try:
        year, month, day = int(text[0:4]), int(text[5:7]), int(text[8:10])
        hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
        fraction = text[20:-1] if text[19] == "." else ""
        nanoseconds = int((fraction + "000000000")[:9])
        well_formed = text[-1] == "Z" and text[10] == "T"
    except (ValueError, IndexError):
        well_formed = False
    if not well_formed:
        raise InvalidArgumentError(f"invalid time: {text!r}", hint="write 2026-11-23T23:04:05Z")
    return (_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * 10**9 + nanoseconds


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar; `datetime` would cost its import on the start path."""
    shifted = year - int(month < 3)  # noqa: PLR2004 -- years begin in March, so that the leap day is the last
    era, of_era = divmod(shifted, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def format_rfc3339(ns: int) -> str:
    """Write nanoseconds since the epoch as `2026-11-23T23:04:05.123456789Z`."""
    import time

    whole, fraction = divmod(ns, 10**9)
    return (
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        + f".{fraction:09d}".rstrip("0").rstrip(".")
        + "Z"
    )
