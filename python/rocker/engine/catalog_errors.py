"""SQLite's and the system's failures as rocker's errors; imported only when something failed."""

from __future__ import annotations

import errno
import os
import sqlite3

import rocker.errors
from rocker.errors import CorruptError, DeniedError, NoSpaceError, RockerError, SystemCallError

_NO_SPACE = frozenset((errno.ENOSPC, errno.EDQUOT))
_DENIED = frozenset((errno.EACCES, errno.EPERM, errno.EROFS))


def from_os(error: OSError, step: str) -> RockerError:
    """The error for a failed system call."""
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
    where = f" {path!r}" if path else ""
    message = f"{step}{where}: {error.strerror or error}"
    kind: type[RockerError] = SystemCallError
    hint = None
    if error.errno in _NO_SPACE:
        kind, hint = NoSpaceError, "free some space, or choose another data root with --root"
    elif error.errno in _DENIED:
        kind, hint = DeniedError, "rocker's data root must belong to the user that runs it"
    return kind(message, hint=hint, errno=error.errno, path=path, step=step)


def from_sqlite(error: sqlite3.Error, path: str, step: str) -> RockerError:
    """The error for a failure of the database at `path`."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    message = f"{step} {path!r}: {error}"
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path)):
        hint = "free some space, or choose another data root with --root"
        return NoSpaceError(
            f"{step} {path!r}: no space left", hint=hint, errno=errno.ENOSPC, path=path, step=step
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        hint = "another rocker process holds it; see `fuser " + path + "`"
        return rocker.errors.TimeoutError(message, hint=hint, path=path, step=step)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return CorruptError(message, hint="restore it from a backup, or move it away", path=path, step=step)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return DeniedError(message, path=path, step=step)
    return SystemCallError(message, path=path, step=step)


def _is_full(path: str) -> bool:
    """Whether the file system has no room: growing the shared-memory index fails as an I/O error then."""
    try:
        stat = os.statvfs(os.path.dirname(path))
    except OSError:
        return False
    return stat.f_bavail == 0
