"""Which process it was: a pid with its start time is never used twice (proc(5), field 22 of stat)."""

from __future__ import annotations

import os

_STATE, _START = 0, 19
"""Places in /proc/PID/stat behind the name, which ends with the last `)`."""


def of(pid: int | str) -> str | None:
    """Return `PID:TICKS` of a process, ticks of its start since the machine's; None when it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = (file.read(1024) or b"").rpartition(b")")[2].split()
    except OSError:
        return None
    if len(fields) <= _START or fields[_STATE] == b"Z":
        return None
    return f"{pid}:{fields[_START].decode()}"


def own() -> str | None:
    """Return that of this process."""
    global _own  # noqa: PLW0603 -- the same until a fork, and reading it costs 40 us
    pid = os.getpid()
    if _own is None or _own[0] != pid:
        _own = (pid, of(pid))
    return _own[1]


def lives(birth: str) -> bool:
    """Tell whether the process still lives."""
    return of(birth.partition(":")[0]) == birth


_own: tuple[int, str | None] | None = None
