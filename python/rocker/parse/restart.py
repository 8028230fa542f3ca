"""`--restart no|always|unless-stopped|on-failure[:MAX]`."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.models.struct import Struct

_NAMES = ("no", "always", "unless-stopped", "on-failure")


class RestartPolicy(Struct):
    """When a container is started again; `maximum_retries` 0 is without end."""

    name: str = "no"
    maximum_retries: int = 0


def parse_restart(text: str) -> RestartPolicy:
    """Raises InvalidArgumentError."""
    if not text:
        return RestartPolicy()
    name, colon, count = text.partition(":")
    if ":" in count:
        raise InvalidArgumentError("invalid restart policy format: too many colons")
    if not name:
        raise InvalidArgumentError("invalid restart policy format: no policy provided before colon")
    if name not in _NAMES:
        raise InvalidArgumentError(
            f"invalid restart policy: unknown policy '{name}'", hint="one of " + ", ".join(_NAMES)
        )
    if not colon:
        return RestartPolicy(name)
    if not (count.isascii() and count.isdigit() and len(count) <= 9):  # noqa: PLR2004 -- below 2^31
        raise InvalidArgumentError("invalid restart policy format: maximum retry count must be an integer")
    if name != "on-failure":
        raise InvalidArgumentError(
            "invalid restart policy: maximum retry count can only be used with 'on-failure'"
        )
    return RestartPolicy(name, int(count))
