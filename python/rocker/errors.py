"""Everything rocker raises.

RockerError                     exit code 125
├── InvalidArgumentError        also ValueError
├── NotFoundError               also LookupError
│   ├── ContainerNotFoundError
│   ├── ImageNotFoundError
│   ├── NetworkNotFoundError
│   └── VolumeNotFoundError
├── ConflictError
│   ├── NameInUseError
│   └── NotRunningError
├── UnsupportedError
├── CommandNotFoundError        exit code 127
├── CommandNotExecutableError   exit code 126
├── DeniedError                 also PermissionError
├── NoSpaceError                also OSError
├── CorruptError
├── TimeoutError                also TimeoutError
├── RegistryError
├── GoneError                   the launcher or the shim went away
└── SystemCallError             also OSError
"""

from __future__ import annotations

import builtins

TYPE_CHECKING = False  # importing typing would cost each cold start 10 ms
if TYPE_CHECKING:
    from typing import ClassVar


class RockerError(Exception):
    """Base of all errors.

    Attributes:
        message: what was wrong, in words.
        hint: what can be done about it, or None.
        errno: the system's error number, or None.
        path: the file concerned, or None.
        step: what was being done, or None.
    """

    exit_code: ClassVar[int] = 125

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        errno: int | None = None,
        path: str | None = None,
        step: str | None = None,
    ) -> None:
        Exception.__init__(self, message)
        self.message = message
        self.hint = hint
        self.errno = errno
        self.path = path
        self.step = step

    def __str__(self) -> str:
        return self.message


class InvalidArgumentError(RockerError, ValueError):
    """The caller's input is wrong."""


class NotFoundError(RockerError, LookupError):
    """Something that was named does not exist."""


class ContainerNotFoundError(NotFoundError):
    """No container has this name or id."""


class ImageNotFoundError(NotFoundError):
    """No image has this name or id."""


class NetworkNotFoundError(NotFoundError):
    """No network has this name or id."""


class VolumeNotFoundError(NotFoundError):
    """No volume has this name."""


class ConflictError(RockerError):
    """It exists already, or its state forbids the operation."""


class NameInUseError(ConflictError):
    """Another container, or another network, has this name."""


class NotRunningError(ConflictError):
    """The container does not run."""


class UnsupportedError(RockerError):
    """Known, but not offered; never silently ignored."""


class CommandNotFoundError(RockerError):
    """The command is not in the container."""

    exit_code = 127


class CommandNotExecutableError(RockerError):
    """The command is in the container but cannot be executed."""

    exit_code = 126


class DeniedError(RockerError, PermissionError):
    """Permission was refused."""


class NoSpaceError(RockerError, OSError):
    """The disk, its inodes or a quota are full."""


class CorruptError(RockerError):
    """Content does not match its digest or its format."""


class TimeoutError(RockerError, builtins.TimeoutError):  # noqa: A001 -- the field's word
    """A limit on time was reached."""


class RegistryError(RockerError):
    """A registry cannot be reached, or what it answers is wrong; also a credential helper that fails."""


class GoneError(RockerError):
    """The launcher or the shim went away."""


class SystemCallError(RockerError, OSError):
    """A system call failed."""
