"""Resource limits of a container's processes."""

from __future__ import annotations

from rocker.parse.ulimit import check_ulimit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rocker.engine.options import Ulimit

INFINITY = (1 << 64) - 1


def document(limits: Sequence[Ulimit], warn: Callable[[str], None]) -> list[dict[str, object]]:
    """Return `process.rlimits`. The mechanism clamps what it may not raise; `warn` is told beforehand.

    Raises:
        InvalidArgumentError: see `check_ulimit`.
    """
    latest = {limit.name: limit for limit in limits}
    for limit in latest.values():
        check_ulimit(limit)
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
