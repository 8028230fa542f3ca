"""Which processes belong to an engine's roots, and waiting for their end by pidfd."""

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, order=True)
class Process:
    """A process as it was found; `start` (clock ticks since boot) tells it from a successor of its pid."""

    pid: int
    start: int
    command: str = field(compare=False)  # empty from the moment it begins to end

    def __str__(self) -> str:
        return f"pid {self.pid}: {self.command}"


def processes_of(base: Path) -> list[Process]:
    """All processes, but this one and its ancestors, that have something to do with the directory `base`.

    That is: it is in their arguments, they have a file or a unix socket below it open, or they descend from
    such a process.
    """
    sockets = _unix_sockets(base)
    parents: dict[int, int] = {}
    found: set[int] = set()
    for pid in _pids():
        with suppress(OSError):
            parents[pid] = _stat(pid)[1]
            if _concerns(pid, base, sockets):
                found.add(pid)
    spared = set(_ancestors(os.getpid(), parents))
    found -= spared
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return sorted(filter(None, map(find, found)))


def wait_gone(base: Path, timeout: float) -> list[Process]:
    """Wait until no process belongs to `base`; returns those that still do after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while left := processes_of(base):
        if not wait_ended(left, deadline - time.monotonic()):
            return left
    return []


def wait_ended(processes: list[Process], timeout: float) -> bool:
    """Wait until every one of these has ended, `timeout` seconds at most."""
    deadline = time.monotonic() + timeout
    with ExitStack() as stack:
        poll = select.poll()
        open_descriptors = set()
        for process in processes:
            with suppress(ProcessLookupError):
                descriptor = os.pidfd_open(process.pid)
                stack.callback(os.close, descriptor)
                if find(process.pid) == process:
                    poll.register(descriptor, select.POLLIN)
                    open_descriptors.add(descriptor)
        while open_descriptors:
            ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
            if not ready:
                return False
            for descriptor, _ in ready:
                poll.unregister(descriptor)
                open_descriptors.discard(descriptor)
    return True


def end(processes: list[Process], number: signal.Signals) -> None:
    """Send a signal to each that is still the same process."""
    for process in processes:
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(process.pid)
            try:
                if find(process.pid) == process:
                    signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _ancestors(pid: int, parents: dict[int, int]) -> Iterator[int]:
    while pid:
        yield pid
        pid = parents.get(pid, 0)


def _concerns(pid: int, base: Path, sockets: set[str]) -> bool:
    if os.fsencode(base) in Path(f"/proc/{pid}/cmdline").read_bytes():
        return True
    prefix = f"{base}/"
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            target = os.readlink(descriptor)
            if target.startswith(prefix) or target in sockets:
                return True
    return False


def _unix_sockets(base: Path) -> set[str]:
    """`socket:[inode]` of the unix sockets bound below `base`, as links in /proc/PID/fd show them."""
    with Path("/proc/net/unix").open(errors="surrogateescape") as file:
        fields = [line.split() for line in file]
    return {f"socket:[{line[6]}]" for line in fields if len(line) > 7 and line[7].startswith(f"{base}/")}


def _stat(pid: int) -> tuple[str, int, int]:
    """State, parent and start time of /proc/PID/stat, proc(5): fields 3, 4 and 22."""
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return fields[0], int(fields[1]), int(fields[19])


def find(pid: int) -> Process | None:
    """The process of this pid; None when there is none, or it has ended and only waits to be reaped."""
    try:
        state, _, start = _stat(pid)
        command = (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        )
    except OSError:
        return None
    return None if state in "ZX" else Process(pid, start, command or f"[{name_of(pid)}]")


def name_of(pid: int) -> str:
    """Its `comm`, 15 bytes at most; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
