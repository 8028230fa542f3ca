"""Python's OSError as one of ours."""

from __future__ import annotations

import errno

from rocker.errors import DeniedError, NoSpaceError, NotFoundError, RockerError, SystemCallError


def from_os(error: OSError, step: str) -> RockerError:
    """Return the error with its number, path and step kept."""
    path = None if error.filename is None else str(error.filename)
    message = f"{step}: {path}: {error.strerror}" if path else f"{step}: {error.strerror}"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NoSpaceError(
            message,
            hint="free space or inodes: rocker rm, rocker rmi",
            errno=error.errno,
            path=path,
            step=step,
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return DeniedError(message, errno=error.errno, path=path, step=step)
    if error.errno == errno.ENOENT:
        return NotFoundError(message, errno=error.errno, path=path, step=step)
    return SystemCallError(message, errno=error.errno, path=path, step=step)
