"""Names of volumes, and the options of the `local` driver."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError, UnsupportedError
from rocker.parse.mount import is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DRIVER = "local"
_KNOWN = ("device", "o", "size", "type")
_LONGEST = 255
"""Bytes of a file's name (NAME_MAX)."""


def check_name(name: str) -> str:
    """Return the name of a volume.

    Raises:
        InvalidArgumentError: it is none.
    """
    if len(name) == 1:
        raise InvalidArgumentError(
            f"create {name}: volume name is too short, names should be at least two alphanumeric characters"
        )
    if not is_name(name):
        raise InvalidArgumentError(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )
    if len(name) > _LONGEST:
        raise InvalidArgumentError(
            f"create {name[:20]}…: the volume name has {len(name)} characters, at most {_LONGEST} are allowed"
        )
    return name


def check(name: str, driver: str, options: Mapping[str, str]) -> None:
    """Refuse what the driver does not take.

    Raises:
        InvalidArgumentError: an option is unknown, or one that belongs to it is missing.
        UnsupportedError: it is another driver, or a quota.
    """
    if driver not in {"", DRIVER}:
        raise UnsupportedError(
            f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found',
            hint=f"the one driver is `{DRIVER}`",
        )
    for option, value in options.items():
        if option not in _KNOWN:
            raise InvalidArgumentError(
                f'create {name}: invalid option: "{option}"', hint="options are " + ", ".join(_KNOWN)
            )
        if "\0" in value:
            raise InvalidArgumentError(f'create {name}: the option "{option}" contains a NUL byte')
    for wanted in ("device", "type"):
        if not options.get(wanted) and any(options.get(other) for other in ("device", "type", "o")):
            raise InvalidArgumentError(f'create {name}: missing required option: "{wanted}"')
    if "size" in options:
        raise UnsupportedError(
            f"create {name}: quota size requested but no quota support",
            hint="for a tmpfs the size is part of `o`: -o type=tmpfs -o device=tmpfs -o o=size=64m",
        )
