"""What a test must not leave behind: the state of the machine before and after, compared.

Engines tear down asynchronously, but only in their own processes: once launcher and shims have ended, what is
still there stays. The one exception is the kernel's removal of a network namespace, some 50 ms after its last
process; it is announced on an rtnetlink socket.
"""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from helpers.engine import TEARDOWN, EngineRoots
from helpers.holders import holders
from helpers.processes import Process, end, find, name_of, wait_ended

RTMGRP_LINK = 1
CGROUPS = Path("/sys/fs/cgroup")
NAMED_NAMESPACES = (Path("/run/netns"), Path("/run/docker/netns"))


@dataclass(frozen=True)
class Snapshot:
    """What the kernel holds that an engine makes, by name."""

    cgroups: frozenset[str] = field(default_factory=frozenset)
    links: frozenset[str] = field(default_factory=frozenset)
    namespaces: frozenset[str] = field(default_factory=frozenset)
    tables: frozenset[str] = field(default_factory=frozenset)
    foreign: bool = False
    """Whether another engine is at work on this machine, to which what is new could belong."""

    @classmethod
    def take(cls, roots: EngineRoots) -> "Snapshot":
        return cls(
            cgroups=_cgroups(),
            links=frozenset(_links()),
            namespaces=frozenset(str(path) for parent in NAMED_NAMESPACES for path in _list(parent)),
            tables=_tables(),
            foreign=bool(foreign_engines(roots)),
        )


class LeakCheck:
    """Made before a test; `leaks` after it says what is left, as lines for a person."""

    def __init__(self, roots: EngineRoots) -> None:
        self.roots = roots
        self.before = Snapshot.take(roots)
        # Bridges and tables of other engines come and go while no process of these runs: those of one engine are known
        # by their names, and the check of the whole run looks at all.
        self._single = roots.base.exists()
        self._news = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
        self._news.bind((0, RTMGRP_LINK))

    def close(self) -> None:
        """Look no further."""
        self._news.close()

    def leaks(self) -> list[str]:
        """Wait for the end of the teardown, TEARDOWN seconds at most, then compare."""
        with self._news:
            found = self._processes()
            bridges = self.roots.bridges()
            bridges |= {name for name in _links() if _master(name) in bridges}
            self.roots.remove_bridges()
            identifiers = _containers(self.roots)
            found += [f"mount {line}" for line in _mounts(self.roots, identifiers)]
            found += self._links(bridges)
            found += [
                f"container directory {self.roots.run}/containers/{name}" for name in sorted(identifiers)
            ]
            found += [f"file {path}" for path in _list(self.roots.root / "tmp")]
            found += [f"socket {path}" for path in _list(self.roots.run) if path.is_socket()]
        after = Snapshot.take(self.roots)
        found += self._cgroups(after, identifiers)
        if not (self.before.foreign or after.foreign):
            found += [
                f"network namespace {name}" for name in sorted(after.namespaces - self.before.namespaces)
            ]
            new = after.tables - self.before.tables
            found += [f"nft table {name}" for name in sorted(new) if self._may_be_mine(name)]
        return found

    def _processes(self) -> list[str]:
        """Shims and clients must end by themselves; only then is the launcher asked to."""
        deadline = time.monotonic() + TEARDOWN
        while True:
            waiting = {process.pid for process in self.roots.launchers() + self.roots.standbys()}
            others = [process for process in self.roots.processes() if process.pid not in waiting]
            if not others:
                break
            # In slices: one that has just been forked may turn out to be a shim that stands by.
            if not wait_ended(others, 0.2) and time.monotonic() > deadline:
                return [f"process {process}" for process in others]
        return [f"process {process}" for process in self.roots.stop_launcher()]

    def _links(self, mine: set[str]) -> list[str]:
        deadline = time.monotonic() + TEARDOWN
        while True:
            left = _links() - self.before.links
            if self._single:
                left = {name for name in left if not name.startswith(("rk-", "rkv")) or name in mine}
            if not left or self.before.foreign:
                return []
            self._news.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                self._news.recv(65536)
            except TimeoutError:
                return [f"network link {name}: {', '.join(holders(name))}" for name in sorted(left)]
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # more news than it holds, of a long run: look again
                    raise

    def _may_be_mine(self, table: str) -> bool:
        """Whether a table may be of these roots: other engines' stay while none of their processes runs."""
        name = table.rpartition(" ")[2]
        return not self._single or name == self.roots.table() or not name.startswith("rocker-")

    def _cgroups(self, after: Snapshot, identifiers: set[str]) -> list[str]:
        new = after.cgroups - self.before.cgroups
        if self.before.foreign or after.foreign:
            new = frozenset(path for path in new if any(name in path for name in identifiers))
        return [f"cgroup {path}" for path in sorted(new)]


def clean_up(roots: EngineRoots) -> None:
    """Remove by force what a failed test left of its roots: processes, mounts, cgroups; then the roots."""
    roots.kill_all()
    roots.remove_bridges()
    identifiers = _containers(roots)
    for line in reversed(_mounts(roots, set())):
        subprocess.run(["umount", "--lazy", line.split()[4]], check=False, timeout=60)
    mine = [Path(path) for path in _cgroups() if any(name in path for name in identifiers)]
    for path in sorted(mine, key=lambda path: -len(path.parts)):
        _remove_cgroup(path)
    _forget_launchers()
    subprocess.run(["rm", "-rf", "--one-file-system", roots.base], check=True, timeout=300)


def _links() -> set[str]:
    """The names of the links, by netlink.

    A link that goes is announced when netlink has forgotten it already but /sys/class/net has not: who looks there when
    the news comes may see the last one, and waits for news that never come.
    """
    return {name for _, name in socket.if_nameindex()}


def _master(link: str) -> str:
    """The bridge that a link belongs to, or nothing."""
    try:
        return Path(f"/sys/class/net/{link}/master").readlink().name
    except OSError:
        return ""


def _list(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def _containers(roots: EngineRoots) -> set[str]:
    return {path.name for path in _list(roots.run / "containers")}


def _mounts(roots: EngineRoots, identifiers: set[str]) -> list[str]:
    """Lines of this namespace's mountinfo (proc(5)) that name the roots or a container of theirs."""
    names = {f"{roots.base}/", *identifiers}
    lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    return [line for line in lines if any(name in line for name in names)]


def _cgroups() -> frozenset[str]:
    """All cgroups of any hierarchy below one named `rocker`."""
    found = []
    hierarchies = [CGROUPS, *(path for path in _list(CGROUPS) if path.is_dir())]
    for top in {path / "rocker" for path in hierarchies}:
        found += [directory for directory, _, _ in os.walk(top) if Path(directory) != top]
    return frozenset(found)


def _tables() -> frozenset[str]:
    with suppress(FileNotFoundError):
        done = subprocess.run(
            ["nft", "list", "tables"], capture_output=True, text=True, check=False, timeout=60
        )
        return frozenset(done.stdout.splitlines())
    return frozenset()


def _remove_cgroup(path: Path) -> None:
    """End what is in a cgroup and remove it: a killed shim's container is nobody's child any more.

    Raises:
        OSError: EBUSY, when a process of it does not end within TEARDOWN seconds.
    """
    deadline = time.monotonic() + TEARDOWN
    while True:
        try:
            return path.rmdir()
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
        inside = [process for pid in _members(path) if (process := find(pid)) is not None]
        end(inside, signal.SIGKILL)
        wait_ended(inside, deadline - time.monotonic())


def _members(cgroup: Path) -> list[int]:
    try:
        return [int(line) for line in (cgroup / "cgroup.procs").read_text().split()]
    except OSError:
        return []


def _forget_launchers() -> None:
    """Remove the launchers' own cgroup, which all engines share, where nothing is in it."""
    for path in _cgroups():
        if path.endswith("/rocker/launcher"):
            with suppress(OSError):  # EBUSY: another engine's launcher is in it
                os.rmdir(path)


def foreign_engines(roots: EngineRoots) -> list[Process]:
    """Launchers, shims and what else calls itself so that are not of these roots."""
    mine = {process.pid for process in roots.processes()}
    others = {int(entry.name) for entry in _list(Path("/proc")) if entry.name.isdigit()} - mine
    # One that has ended but was not reaped is no engine: init reaps orphans when it gets round to it.
    found = [find(pid) for pid in sorted(others) if name_of(pid).startswith("rocker")]
    return [one for one in found if one is not None]


@contextmanager
def only_run() -> Iterator[Callable[[], bool]]:
    """Whether this run of tests is the only one on this machine: all hold a lock on one directory meanwhile."""
    descriptor = os.open(CGROUPS, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def alone() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        return True

    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield alone
    finally:
        os.close(descriptor)
