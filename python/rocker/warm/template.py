"""The template: imports everything once, forks workers, and leaves when nobody has asked for a minute.

It never serves a request itself, so that what one leaves behind never reaches another.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import select
import shutil
import signal
import socket
import sys
import time

from rocker.engine import capabilities
from rocker.warm import worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

IDLE = 60.0
"""Seconds without a request after which template and workers go; `ROCKER_WARM_IDLE` in the template's environment."""
READY = 2
"""Workers that wait."""
_PAUSE = 0.02
"""Seconds after a request before its worker is replaced: a fork takes a processor from the work that has just begun."""
_LOCK = 3
"""The descriptor that the native command starts a template with."""
_PATIENT = 10
"""The nice value of a rehearsal: callers come first."""
_MOST_FAILURES = 3
_COMMANDS = (
    "attach", "container_inspect", "create", "events", "exec", "group_container", "group_image", "group_network",
    "group_system", "history", "image_inspect", "images", "import_", "info", "inspect", "kill", "load", "logs",
    "network_connect", "network_create", "network_disconnect", "network_inspect", "network_ls", "network_prune",
    "network_rm", "pause", "port", "ps", "rename", "restart", "rm", "rmi", "run", "save", "start", "stats", "stop",
    "tag", "top", "unpause", "version", "wait",
)  # fmt: skip
_ENGINE = (
    "binascii", "encodings.ascii", "fractions", "hashlib", "json", "rocker._core",
    "rocker.cdi.directories", "rocker.cdi.registry",
    *(
        f"rocker.engine.{name}"
        for name in (
            "attach", "attachments", "catalog", "container", "containers", "create", "donor", "emit", "engine",
            "events", "exec", "find_image", "info", "inspect", "kill", "launch", "list", "logs", "names", "network",
            "network_connect", "network_create", "network_disconnect", "network_files", "network_inspect",
            "network_list", "network_prune", "network_remove", "network_settings", "networks", "pause", "reconcile",
            "remove", "rename", "requests", "restart", "run", "session", "settings", "size", "spec", "start", "stats",
            "stop", "suggest", "times", "top", "unpause", "version", "wait",
        )
    ),
    *(f"rocker.images.{name}" for name in ("config", "describe", "images", "reference", "users")),
    *(
        f"rocker.network.{name}"
        for name in (
            "attach", "default", "files", "hold", "links", "plan", "pools", "ports", "rename", "renew", "view",
        )
    ),
    *(f"rocker.parse.{name}" for name in ("link", "network", "port", "restart")),
    *(f"rocker.formatting.{name}" for name in ("table", "template", "units")),
)  # fmt: skip


class Template:
    """The state of the template: its socket, and its workers that wait."""

    def __init__(self, prefix: str) -> None:
        self.path = f"{prefix}.sock"
        self.stage = f"{prefix}.stage"
        _sweep(prefix)
        worker.rehearse(self.stage)
        self.listener = _listen(self.path)
        self.inode = os.stat(self.path).st_ino
        self.waiting: set[int] = set()
        self.failures = 0
        self.nice = os.getpriority(os.PRIO_PROCESS, 0)
        # Workers say here that they have work; the template's death is the end of the other.
        self.news, self._tell = os.pipe()
        self._life, self._hold = os.pipe()
        os.set_blocking(self.news, False)
        _watch_sources(self.leave)

    def run(self) -> NoReturn:
        """Fork workers until nobody has asked for long enough, or there is another version to import."""
        children, wake = os.pipe()
        os.set_blocking(children, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self.leave())
        poll = select.poll()
        for fd in (self.news, children):
            poll.register(fd, select.POLLIN)
        last = time.monotonic()
        while self.failures < _MOST_FAILURES:
            # The first is forked at once where all have work; the others wait until the work has begun.
            wanted = READY if time.monotonic() - last >= _PAUSE or not self.waiting else 1
            while len(self.waiting) < wanted:
                self.fork()
            pause = _PAUSE if len(self.waiting) < READY else last + _idle() - time.monotonic()
            if not poll.poll(max(pause, 0) * 1000) and time.monotonic() - last >= _idle():
                break
            _empty(children)
            if self._hear():
                last = time.monotonic()
            self._reap()
        self.leave()

    def fork(self) -> None:
        """Make a worker that waits."""
        pid = os.fork()
        if pid:
            self.waiting.add(pid)
            return
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGIO):
                signal.signal(number, signal.SIG_DFL)
            # The lock says that there is a template: held by one that it left, it would keep the next from starting.
            for fd in (_LOCK, self._hold, self.news):
                os.close(fd)
            if self.waiting:  # else the next caller has nobody but this one
                # Without the privilege there is no way back.
                patient = "CAP_SYS_NICE" in capabilities.held()
                if patient:
                    os.setpriority(os.PRIO_PROCESS, 0, _PATIENT)
                worker.rehearse(self.stage)
                if patient:
                    os.setpriority(os.PRIO_PROCESS, 0, self.nice)
            self._wait_for_work()
        except BaseException:  # noqa: BLE001 -- a worker never becomes another template, whatever happens
            worker.end(1)

    def _wait_for_work(self) -> NoReturn:
        poll = select.poll()
        poll.register(self.listener, select.POLLIN)
        poll.register(self._life, select.POLLIN)
        while True:
            ready = dict(poll.poll())
            if self._life in ready:
                worker.end()
            try:
                connection, _ = self.listener.accept()
            except OSError:  # another worker was faster, or the caller has gone
                continue
            os.write(self._tell, os.getpid().to_bytes(4, "little"))
            os.closerange(3, connection.fileno())
            os.closerange(connection.fileno() + 1, 1 << 16)
            connection.setblocking(True)
            worker.serve(connection)
            worker.end()

    def _hear(self) -> bool:
        """Read which workers have work."""
        heard = b""
        try:
            heard = os.read(self.news, 4096)
        except BlockingIOError:
            return False
        for at in range(0, len(heard), 4):
            self.waiting.discard(int.from_bytes(heard[at : at + 4], "little"))
        self.failures = 0
        return bool(heard)

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self._hear()
            if pid in self.waiting:  # it died without having had work
                self.waiting.discard(pid)
                self.failures += 1

    def leave(self) -> NoReturn:
        """Take the socket away; workers that wait go when this process has gone.

        Somebody may be about to lock the file that goes here. Then there are two templates for a while: the socket is
        that of the second, and the first has no work and leaves.
        """
        try:
            if os.stat(self.path).st_ino == self.inode:
                _forget(self.path.removesuffix(".sock"))
        finally:
            worker.end()


def _watch_sources(changed: Callable[[], object]) -> None:
    """Have `changed` called when a source of this package changes on disk (fcntl(2), F_NOTIFY).

    Only an editable install changes under a process: `pip` replaces the native command too, whose callers then look for
    another socket.
    """
    import rocker

    top = os.path.dirname(os.path.abspath(rocker.__file__))
    if f"{os.sep}site-packages{os.sep}" in top or f"{os.sep}dist-packages{os.sep}" in top:
        return
    events = fcntl.DN_MODIFY | fcntl.DN_CREATE | fcntl.DN_DELETE | fcntl.DN_RENAME | fcntl.DN_ATTRIB
    signal.signal(signal.SIGIO, lambda *_: changed())
    for directory, _, _ in os.walk(top):
        if os.path.basename(directory) != "__pycache__":
            # Open for as long as this process lives: closed, it would be watched no more.
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.fcntl(fd, fcntl.F_NOTIFY, events | fcntl.DN_MULTISHOT)


def main() -> NoReturn:
    """Become the template of the socket that the first argument names, without its suffix."""
    import_all()
    template = Template(sys.argv[1])
    # What there is now is shared by all workers: the collector must not write into it.
    gc.collect()
    gc.freeze()
    template.run()


def import_all() -> None:
    """Import what commands import late."""
    import importlib

    for name in (*(f"rocker.cli.{name}" for name in _COMMANDS), *_ENGINE):
        importlib.import_module(name)


def _sweep(prefix: str) -> None:
    """Remove what templates that were killed have left: of this name, whose lock is held here, and of others."""
    directory = os.path.dirname(prefix)
    for name in os.listdir(directory):
        key, kind = os.path.splitext(name)
        if kind != ".lock" or key == os.path.basename(prefix):
            continue
        with contextlib.suppress(OSError), open(f"{directory}/{name}", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: it lives
            _forget(f"{directory}/{key}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{prefix}.new")
    shutil.rmtree(f"{prefix}.stage", ignore_errors=True)


def _forget(prefix: str) -> None:
    """Remove a template's files. The lock goes last: with it, nobody would look for the others again."""
    for name in ("sock", "new"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{prefix}.{name}")
    shutil.rmtree(f"{prefix}.stage", ignore_errors=True)
    os.unlink(f"{prefix}.lock")


def _listen(path: str) -> socket.socket:
    """Listen at a path, which is there at once and whole: callers find either nothing or this socket."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    temporary = f"{path.removesuffix('.sock')}.new"
    listener.bind(temporary)
    listener.listen(64)
    listener.setblocking(False)
    os.rename(temporary, path)
    return listener


def _idle() -> float:
    try:
        return float(os.environ["ROCKER_WARM_IDLE"])
    except (KeyError, ValueError):
        return IDLE


def _empty(fd: int) -> None:
    try:
        while os.read(fd, 4096):
            pass
    except BlockingIOError:
        pass
