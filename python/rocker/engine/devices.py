"""Device nodes of the host in a container, and which devices its cgroup may use."""

from __future__ import annotations

import os
import stat

from rocker.errors import InvalidArgumentError, NotFoundError
from rocker.parse.device import is_mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from rocker.engine.options import Device

# The nodes themselves are made by the mechanism: null zero full random urandom tty console ptmx, and pts/*.
_DEFAULT = ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (136, None))
_SKIPPED = frozenset({"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"})


def parse_rule(text: str) -> dict[str, Any]:
    """Read a rule of `--device-cgroup-rule`: `c 1:3 rwm`, `b 7:* r`, `a *:* rwm`.

    Raises:
        InvalidArgumentError: the form is wrong.
    """
    parts = text.split()
    numbers = parts[1].split(":") if len(parts) == 3 else []  # noqa: PLR2004
    good = len(numbers) == 2 and all(part == "*" or part.isdecimal() for part in numbers)  # noqa: PLR2004
    if not good or parts[0] not in {"a", "b", "c"} or not is_mode(parts[2]):
        raise InvalidArgumentError(
            f"invalid device cgroup format '{text}'", hint="write TYPE MAJOR:MINOR ACCESS: c 1:3 rwm"
        )
    major, minor = (None if part == "*" else int(part) for part in numbers)
    return _rule(parts[0], major, minor, parts[2])


def _rule(kind: str, major: int | None, minor: int | None, access: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"allow": True, "type": kind, "access": access}
    if major is not None:
        rule["major"] = major
    if minor is not None:
        rule["minor"] = minor
    return rule


DENY_ALL = {"allow": False, "access": "rwm"}
ALLOW_ALL = {"allow": True, "access": "rwm"}
DEFAULT_RULES = (DENY_ALL, *(_rule("c", major, minor, "rwm") for major, minor in _DEFAULT))
MKNOD_ANY = (_rule("c", None, None, "m"), _rule("b", None, None, "m"))
"""Docker lets a container with CAP_MKNOD make any node; part of `docker-compat`."""


def resolve(devices: Sequence[Device]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the nodes for `linux.devices` and the rules that allow them; directories give all their devices.

    Raises:
        NotFoundError: a device is not there.
        InvalidArgumentError: a path is no device.
    """
    nodes, rules = [], []
    for device in devices:
        for source, target in _expand(device):
            node = _node(source, target)
            nodes.append(node)
            # The node is made inside the container's device cgroup, which must let that happen; the program
            # needs CAP_MKNOD for it all the same.
            access = device.permissions if "m" in device.permissions else device.permissions + "m"
            rules.append(_rule(node["type"], node["major"], node["minor"], access))
    return nodes, rules


def _expand(device: Device) -> Iterator[tuple[str, str]]:
    if not os.path.isdir(device.source):
        yield device.source, device.target
        return
    for source, relative in _walk(device.source, ""):
        yield source, os.path.join(device.target, relative)


def _walk(directory: str, prefix: str, skipped: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """All device nodes below a directory; links are not followed."""
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name in skipped:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{prefix}{entry.name}/")
            elif _kind(entry.stat(follow_symlinks=False).st_mode):
                yield entry.path, prefix + entry.name


def _kind(mode: int) -> str | None:
    if stat.S_ISCHR(mode):
        return "c"
    return "b" if stat.S_ISBLK(mode) else None


def _node(source: str, target: str) -> dict[str, Any]:
    try:
        found = os.stat(source)
    except OSError as error:
        raise NotFoundError(
            f'error gathering device information while adding custom device "{source}": {error.strerror}',
            hint=f"`ls -l {source}` on the host shows whether it is there",
            errno=error.errno,
            path=source,
            step="read the device",
        ) from error
    kind = _kind(found.st_mode)
    if kind is None:
        raise InvalidArgumentError(
            f'error gathering device information while adding custom device "{source}": not a device node',
            hint="-v shows files and directories of the host",
            path=source,
        )
    return {
        "path": target,
        "type": kind,
        "major": os.major(found.st_rdev),
        "minor": os.minor(found.st_rdev),
        "fileMode": stat.S_IMODE(found.st_mode),
        "uid": found.st_uid,
        "gid": found.st_gid,
    }


def of_host() -> list[dict[str, Any]]:
    """Return every device of the host, for `--privileged`."""
    nodes = []
    for source, _ in _walk("/dev", "", _SKIPPED):
        try:
            nodes.append(_node(source, source))
        except NotFoundError:  # unplugged meanwhile
            continue
    return nodes
