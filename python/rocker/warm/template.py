"""The template: imports everything once, forks workers, and leaves when nobody has asked for a minute.

It never serves a request itself, so that what one leaves behind never reaches another.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import time

from rocker.warm import worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

IDLE = 60.0
"""Seconds without a request after which template and workers go; `ROCKER_WARM_IDLE` in the template's environment."""
READY = 2
"""Workers that wait."""
_PAUSE = 0.02
"""Seconds after a request before its worker is replaced: a fork takes a processor from the work that has just begun."""
_MOST_FAILURES = 3
_STALE = 3
"""Exit code of a worker that found other sources on disk than it was made of."""
_COMMANDS = (
    "attach", "container_inspect", "create", "exec", "group_container", "group_image", "group_system", "history",
    "image_inspect", "images", "import_", "info", "inspect", "kill", "load", "logs", "pause", "ps", "rename", "restart",
    "rm", "rmi", "run", "save", "start", "stats", "stop", "tag", "top", "unpause", "version", "wait",
)  # fmt: skip
_ENGINE = (
    "rocker.engine.attach", "rocker.engine.create", "rocker.engine.donor", "rocker.engine.engine", "rocker.engine.exec",
    "rocker.engine.find_image", "rocker.engine.inspect", "rocker.engine.kill", "rocker.engine.launch",
    "rocker.engine.list", "rocker.engine.logs", "rocker.engine.names", "rocker.engine.reconcile",
    "rocker.engine.remove", "rocker.engine.run", "rocker.engine.session", "rocker.engine.spec", "rocker.engine.start",
    "rocker.engine.stop", "rocker.engine.times", "rocker.engine.wait", "rocker.images.config", "rocker.images.images",
    "rocker.images.reference", "rocker.formatting.table", "rocker.formatting.units",
    "rocker.formatting.template.functions", "rocker.formatting.template.parser",
)  # fmt: skip


class Template:
    """The state of the template: its socket, and its workers that wait."""

    def __init__(self, prefix: str) -> None:
        self.path = f"{prefix}.sock"
        self.listener = _listen(self.path)
        self.inode = os.stat(self.path).st_ino
        self.waiting: set[int] = set()
        self.failures = 0
        # Workers say here that they have work; the template's death is the end of the other.
        self.news, self._tell = os.pipe()
        self._life, self._hold = os.pipe()
        os.set_blocking(self.news, False)
        self.stale = _Sources()

    def run(self) -> None:
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
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            os.close(self._hold)
            os.close(self.news)
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
            if self.stale:
                worker.end(_STALE)  # the caller finds nobody and runs Python
            os.write(self._tell, os.getpid().to_bytes(4, "little"))
            # Nothing of the template's: its lock, held here, would keep another template from starting.
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
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if os.waitstatus_to_exitcode(status) == _STALE:
                self.leave()
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
                os.unlink(self.path)
                os.unlink(self.path.removesuffix(".sock") + ".lock")
        finally:
            worker.end()


class _Sources:
    """Whether the modules that were imported are no longer those on disk.

    Only an editable install changes under a process: `pip` replaces the native command too, whose callers then look for
    another socket.
    """

    def __init__(self) -> None:
        import rocker

        top = os.path.dirname(os.path.abspath(rocker.__file__))
        files = []
        if f"{os.sep}site-packages{os.sep}" not in top and f"{os.sep}dist-packages{os.sep}" not in top:
            loaded = [getattr(module, "__file__", None) for module in sys.modules.values()]
            files = [file for file in loaded if file and file.startswith(top)]
        self._times = {file: os.stat(file).st_mtime_ns for file in files}

    def __bool__(self) -> bool:
        try:
            return any(os.stat(file).st_mtime_ns != then for file, then in self._times.items())
        except OSError:
            return True


def main() -> NoReturn:
    """Become the template of the socket that the first argument names, without its suffix."""
    import_all()
    template = Template(sys.argv[1])
    # What there is now is shared by all workers: the collector must not write into it.
    gc.collect()
    gc.freeze()
    template.run()
    worker.end()


def import_all() -> None:
    """Import what commands import late."""
    import importlib

    for name in (*(f"rocker.cli.{name}" for name in _COMMANDS), *_ENGINE):
        importlib.import_module(name)


def _listen(path: str) -> socket.socket:
    """Listen at a path, which is there at once and whole: callers find either nothing or this socket."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    temporary = f"{path}.{os.getpid()}"
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
