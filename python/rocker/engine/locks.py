"""Who holds a lock: a file locked for a whole life says whether its holder lives (flock(2))."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.engine import Engine


def shim_lives(engine: Engine, id: str) -> bool:  # noqa: A002
    """Tell whether a container has a shim: it starts, runs, or is about to remove its files itself."""
    return is_locked(f"{engine.run_root}/containers/{id}/shim.lock") is True


def is_locked(path: str) -> bool | None:
    """Tell whether another process has locked a file or directory exclusively; None when it is not there."""
    import fcntl

    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
