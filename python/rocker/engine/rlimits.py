"""Resource limits: `--ulimit NAME=SOFT[:HARD]`."""

from __future__ import annotations

from rocker.engine.options import Ulimit
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NAMES = (
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss",
    "rtprio", "rttime", "sigpending", "stack",
)  # fmt: skip
INFINITY = (1 << 64) - 1


def parse_ulimit(text: str) -> Ulimit:
    """Read `nofile=1024:2048`, `nofile=1024` or `core=-1` (unlimited).

    Raises:
        InvalidArgumentError: the form, the name or the numbers are wrong.
    """
    name, equals, values = text.partition("=")
    soft, colon, hard = values.partition(":")
    if not equals:
        raise InvalidArgumentError(
            f"invalid ulimit argument: {text}", hint="write NAME=SOFT[:HARD]: nofile=1024:2048"
        )
    limit = Ulimit(name, _number(soft, text), _number(hard if colon else soft, text))
    check(limit)
    return limit


def _number(word: str, text: str) -> int:
    if word in {"-1", "unlimited"}:
        return -1
    if not (word.isascii() and word.isdecimal()) or int(word) >= 1 << 63:
        raise InvalidArgumentError(
            f"invalid ulimit argument: {text}: {word!r} is no limit",
            hint="write a number, or -1 for no limit",
        )
    return int(word)


def check(limit: Ulimit) -> None:
    """Refuse unknown names and a soft limit above the hard one.

    Raises:
        InvalidArgumentError: so it is.
    """
    if limit.name not in NAMES:
        from rocker.engine.suggest import near

        raise InvalidArgumentError(f"invalid ulimit type: {limit.name}", hint=near(limit.name, NAMES))
    if limit.hard >= 0 and (limit.soft < 0 or limit.soft > limit.hard):
        raise InvalidArgumentError(
            f"ulimit soft limit must be less than or equal to hard limit: {limit.soft} > {limit.hard}"
        )


def document(limits: Sequence[Ulimit], warn: Callable[[str], None]) -> list[dict[str, object]]:
    """Return `process.rlimits`. The mechanism clamps what it may not raise; `warn` is told beforehand.

    Raises:
        InvalidArgumentError: see `check`.
    """
    latest = {limit.name: limit for limit in limits}
    for limit in latest.values():
        check(limit)
        _warn_of_clamping(limit, warn)
    return [
        {
            "type": "RLIMIT_" + limit.name.upper(),
            "soft": limit.soft if limit.soft >= 0 else INFINITY,
            "hard": limit.hard if limit.hard >= 0 else INFINITY,
        }
        for limit in latest.values()
    ]


def _warn_of_clamping(limit: Ulimit, warn: Callable[[str], None]) -> None:
    import resource

    from rocker.engine.capabilities import held

    number = getattr(resource, "RLIMIT_" + limit.name.upper(), None)
    if number is None or "CAP_SYS_RESOURCE" in held():
        return
    ceiling = resource.getrlimit(number)[1]
    if ceiling != resource.RLIM_INFINITY and (limit.hard < 0 or limit.hard > ceiling):
        warn(
            f"ulimit {limit.name}: the hard limit stays {ceiling}: rocker has no CAP_SYS_RESOURCE to raise it"
        )
