"""Sizes and times in few words, as Docker shows them."""

from __future__ import annotations

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def human_size(size: float, precision: int = 4) -> str:
    """`1.5kB`, `120MB`: powers of 1000, `precision` digits at most."""
    return _scaled(size, 1000.0, _DECIMAL, precision)


def binary_size(size: float) -> str:
    """`1.5KiB`, `64MiB`: powers of 1024, four digits at most."""
    return _scaled(size, 1024.0, _BINARY, 4)


def _scaled(size: float, base: float, units: tuple[str, ...], precision: int) -> str:
    index = 0
    while size >= base and index < len(units) - 1:
        size /= base
        index += 1
    return f"{size:.{precision}g}{units[index]}"


def human_duration(seconds: float) -> str:
    """`Less than a second`, `5 seconds`, `About a minute`, `3 hours`, `2 weeks`, `4 months`, `2 years`.

    As https://github.com/docker/go-units/blob/v0.5.0/duration.go has it.
    """
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < _MINUTE:
        return f"{whole} seconds"
    minutes = whole // _MINUTE
    if minutes == 1:
        return "About a minute"
    if minutes < 60:  # noqa: PLR2004 -- an hour
        return f"{minutes} minutes"
    return _long_duration(int(seconds))


def _long_duration(seconds: int) -> str:
    """From an hour on, where hours are rounded and years are not."""
    hours = (seconds + _HOUR // 2) // _HOUR
    if hours == 1:
        return "About an hour"
    steps = (
        (48, 1, "hours"),
        (24 * 7 * 2, 24, "days"),
        (24 * 30 * 2, 24 * 7, "weeks"),
        (24 * 365 * 2, 24 * 30, "months"),
    )
    for limit, unit, word in steps:
        if hours < limit:
            return f"{hours // unit} {word}"
    return f"{seconds // (_DAY * 365)} years"


def ago(then: float, now: float) -> str:
    """`5 minutes ago`; both in seconds since the epoch."""
    return human_duration(max(0.0, now - then)) + " ago"


def ellipsis(text: str, width: int) -> str:
    """At most `width` characters, the last one an ellipsis where something is left out."""
    if len(text) <= width:
        return text
    return text[: max(0, width - 1)] + "…" if width > 1 else text[:width]


def short_id(digest: str) -> str:
    """The first twelve hex digits of an id, without its algorithm."""
    return digest.rpartition(":")[2][:12]
