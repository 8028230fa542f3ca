"""Sizes and times as people write them."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

_FACTORS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_MAX = (1 << 63) - 1


def parse_size(text: int | str, what: str = "size") -> int:
    """Bytes of `64m`, `1.5g`, `512kb`, `1GiB` or a plain number (powers of 1024, as Docker's RAMInBytes).

    Raises:
        InvalidArgumentError: it is no size.
    """
    if isinstance(text, int):
        return text
    word = text.strip().lower()
    digits = word.rstrip("bikmgtp ")
    suffix = word[len(digits) :].strip()
    unit = suffix[:-2] if suffix.endswith("ib") else suffix[:-1] if suffix[1:] == "b" else suffix
    if (
        unit not in _FACTORS
        or not digits
        or digits.strip("0123456789.")
        or digits.count(".") > 1
        or digits == "."
    ):
        raise InvalidArgumentError(
            f"invalid {what}: {text!r}",
            hint="write a number of bytes with an optional unit b, k, m or g: 64m",
        )
    size = int((float(digits) if "." in digits else int(digits)) * _FACTORS[unit])
    if size > _MAX:
        raise InvalidArgumentError(f"invalid {what}: {text!r} is larger than a 63-bit number")
    return size


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


def parse_when(when: float | str) -> int:
    """Nanoseconds since the epoch of `--since` and `--until`: a unix time, RFC 3339, or an age such as `10m`.

    Raises:
        InvalidArgumentError: it is none of these.
    """
    if not isinstance(when, str):
        return int(when * 10**9)
    age = parse_duration(when)
    if age is not None:
        import time

        return time.time_ns() - age
    try:
        whole, _, fraction = when.partition(".")
        return int(whole) * 10**9 + int((fraction + "000000000")[:9])
    except ValueError:
        pass
    import datetime as dt

    try:
        parsed = dt.datetime.fromisoformat(when)
    except ValueError as error:
        raise InvalidArgumentError(
            f"invalid time: {when!r}", hint="write 2026-11-23T23:04:05Z, a unix time, or an age such as 10m"
        ) from error
    if parsed.tzinfo is None:
        parsed = parsed.astimezone()
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    nanoseconds = (parsed - epoch) // dt.timedelta(microseconds=1) * 1000
    fraction = when.partition(".")[2]
    digits = fraction[: len(fraction) - len(fraction.lstrip("0123456789"))]
    return nanoseconds + int((digits + "000000000")[6:9]) if len(digits) > 6 else nanoseconds  # noqa: PLR2004


_DURATIONS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def parse_duration(text: str) -> int | None:
    """Nanoseconds of a Go duration such as `1h30m` or `1.5s`; None when it is none."""
    total = 0.0
    rest = text
    while rest:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789."))]
        rest = rest[len(digits) :]
        unit = rest[: len(rest) - len(rest.lstrip("nuµmsh"))]
        rest = rest[len(unit) :]
        if unit not in _DURATIONS or digits.count(".") > 1 or digits in {"", "."}:
            return None
        total += float(digits) * _DURATIONS[unit]
    return int(total) if text else None
