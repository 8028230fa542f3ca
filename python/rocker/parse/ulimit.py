"""`--ulimit NAME=SOFT[:HARD]`."""

from __future__ import annotations

from rocker.engine.options import Ulimit
from rocker.errors import InvalidArgumentError
from rocker.parse.number import parse_int

_MOST_VALUES = 2

NAMES = frozenset(
    [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ]
)
"""The names `--ulimit` takes: those of prlimit(2) in lower case, except RLIMIT_AS."""


def parse_ulimit(text: str) -> Ulimit:
    """`nofile=1024:2048`, or one value for both. Raises InvalidArgumentError."""
    name, equals, rest = text.partition("=")
    if not equals:
        raise InvalidArgumentError(f"invalid ulimit argument: {text}")
    _check_name(name)
    values = rest.split(":")
    if len(values) > _MOST_VALUES:
        raise InvalidArgumentError(
            f"too many limit value arguments - {rest}, can only have up to two, `soft[:hard]`"
        )
    hard = parse_int(values[-1], base=10)
    soft = parse_int(values[0], base=10)
    return check_ulimit(Ulimit(name, soft, hard))


def check_ulimit(limit: Ulimit) -> Ulimit:
    """Return a limit whose name is known and whose soft value is not above the hard one; -1 is without limit.

    Raises:
        InvalidArgumentError: it is another.
    """
    _check_name(limit.name)
    soft, hard = limit.soft, limit.hard
    if hard != -1 and (soft == -1 or soft > hard):
        comparison = f"soft: -1 (unlimited), hard: {hard}" if soft == -1 else f"{soft} > {hard}"
        raise InvalidArgumentError(
            f"ulimit soft limit must be less than or equal to hard limit: {comparison}"
        )
    return limit


def _check_name(name: str) -> None:
    if name not in NAMES:
        from rocker.engine.suggest import near

        raise InvalidArgumentError(
            f"invalid ulimit type: {name}", hint=near(name, NAMES) or "one of " + ", ".join(sorted(NAMES))
        )
