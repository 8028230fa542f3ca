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
    return any(target.startswith(prefix) or target in sockets for target in open_files(pid))


def open_files(pid: int) -> set[str]:
    """What its descriptors are, as links in /proc/PID/fd show them; nothing when it is gone."""
    found = set()
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.add(os.readlink(descriptor))
    return found


def listeners(base: Path) -> dict[Path, str]:
    """The unix sockets below `base` that listen: the name they were bound to, and their link in /proc/PID/fd."""
    accepts = 1 << 16  # __SO_ACCEPTCON; an accepted connection has its listener's name
    return {Path(name): link for name, link, flags in _bound(base) if flags & accepts}


def _unix_sockets(base: Path) -> set[str]:
    """`socket:[inode]` of the unix sockets bound below `base`, as links in /proc/PID/fd show them."""
    return {link for _, link, _ in _bound(base)}


def _bound(base: Path) -> Iterator[tuple[str, str, int]]:
    """Name, link and flags of the lines of /proc/net/unix, proc(5), that are below `base`."""
    with Path("/proc/net/unix").open(errors="surrogateescape") as file:
        for line in file:
            _, _, _, flags, _, _, inode, *name = line.split(maxsplit=7)
            if name and name[0].startswith(f"{base}/"):
                yield name[0].rstrip("\n"), f"socket:[{inode}]", int(flags, 16)


def parent_of(pid: int) -> int:
    """The parent's pid; 0 when the process is gone."""
    try:
        return _stat(pid)[1]
    except OSError:
        return 0


def sleeps(pid: int) -> bool:
    """Whether it waits for something, and can be interrupted."""
    with suppress(OSError):
        return _stat(pid)[0] == "S"
    return False


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
