"""`--sysctl NAME=VALUE`: only names that belong to a namespace of the container."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

IPC = frozenset(
    f"kernel.{name}"
    for name in ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"]
)
"""Those of an IPC namespace, beside `fs.mqueue.*` (ipc_namespaces(7))."""

_PREFIXES = ("net.", "fs.mqueue.")


def parse_sysctl(text: str) -> tuple[str, str]:
    """Name and value.

    A name may be written with slashes. Raises InvalidArgumentError for one of the whole host.
    """
    name, equals, value = text.partition("=")
    if "/" in name.split(".", 1)[0]:
        # sysctl(8): when the first separator is a slash, slashes and dots change places.
        name = name.translate(str.maketrans("./", "/."))
    if not equals or not (name in IPC or name.startswith(_PREFIXES)) or not _is_path(name):
        raise InvalidArgumentError(
            f"sysctl '{text}' is not whitelisted",
            hint="a container has net.* and fs.mqueue.* of its own, kernel.msg*, kernel.sem and kernel.shm*",
        )
    return name, value


def _is_path(name: str) -> bool:
    """Whether the path below /proc/sys that the name stands for has no empty, `.` or `..` components."""
    components = name.translate(str.maketrans("./", "/.")).split("/")
    return not {"", ".", ".."}.intersection(components)
