"""One command, done as its caller: with its arguments, environment, directory, files, limits and mask."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import io
import json
import os
import resource
import signal
import sys
import time

from rocker.cli.app import App
from rocker.cli.flags import FlagParser
from rocker.cli.main import cli
from rocker.cli.options import to_run_options
from rocker.cli.run import COMMAND as RUN
from rocker.engine import launch, remove
from rocker.engine.engine import Engine
from rocker.errors import GoneError, RockerError
from rocker.network import default, store
from rocker.network.address import Subnet
from rocker.warm import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any, NoReturn, TextIO

    from rocker.engine.session import Session
    from rocker.models.container import ExitEvent


class Work:
    """A request whose token has been taken: whoever has that does the work, and nobody else."""

    def __init__(
        self, connection: socket.socket, head: dict[str, Any], texts: list[bytes], token: int, directory: int
    ) -> None:
        self.connection = connection
        self.head = head
        self.arguments = [os.fsdecode(text) for text in texts[: head["arguments"]]]
        self.environment = [text.partition(b"=")[::2] for text in texts[head["arguments"] :]]
        self.token = token
        self.directory = directory

    @classmethod
    def read(cls, connection: socket.socket) -> Work | None:
        """Read a request; None where none comes."""
        frame = wire.receive(connection)
        if frame is None:
            return None
        body, (token, directory) = frame
        head, *texts = body.split(b"\0")
        return cls(connection, json.loads(head), texts, token, directory)

    def take(self) -> bool:
        """Take the token; False when the caller has taken it back, or has gone."""
        # From here on this process ends with its caller: the end of the other side of the pipe is a signal.
        fcntl.fcntl(self.token, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(self.token, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(self.token, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
        try:
            if os.read(self.token, 1) != b"t":
                return False
        except BlockingIOError:
            return False
        try:
            os.read(self.token, 1)
        except BlockingIOError:
            return True
        return False  # the caller had gone before the signal was set up

    def become_caller(self) -> None:
        """Take on what can be taken on; the rest is the same, or the caller would not have found this worker."""
        for number in self.head["ignored"]:
            signal.signal(number, signal.SIG_IGN)
        os.umask(self.head["umask"])
        os.fchdir(self.directory)
        if self.head["nice"] != os.getpriority(os.PRIO_PROCESS, 0):
            os.setpriority(os.PRIO_PROCESS, 0, self.head["nice"])
        os.environb.clear()
        os.environb.update(self.environment)
        time.tzset()
        self._take_files()
        for number, soft, hard in self.head["limits"]:
            resource.setrlimit(number, (_limit(soft), _limit(hard)))
        sys.stdin, sys.stdout, sys.stderr = (_text(number) for number in range(3))
        sys.argv = ["rocker", *self.arguments]

    def _take_files(self) -> None:
        """Give each descriptor of the caller its number; the two that stay are moved out of the way first.

        They come only now, when the work has begun: in the queue of a worker that has been stopped they would keep a
        pipe open that the caller's reader waits to see closed.
        """
        frame = wire.receive(self.connection)
        if frame is None:
            raise OSError("the caller has gone")
        body, files = frame
        numbers = json.loads(body)
        above = max(numbers, default=2) + 1
        moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above) for fd in files]
        token, connection = (
            fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above) for fd in (self.token, self.connection.fileno())
        )
        for fd in (*files, self.token, self.directory, self.connection.detach()):
            os.close(fd)
        for fd, number in zip(moved, numbers, strict=True):
            os.dup2(fd, number)
            os.close(fd)
        import socket

        self.token, self.connection = token, socket.socket(fileno=connection)

    def do(self, app: App) -> int:
        """Do the work; its exit code."""
        app.mouthpiece = self.mouthpiece
        return cli.code(self.arguments, app)

    def mouthpiece(self, session: Session, *, tty: bool, keys: bytes, sig_proxy: bool) -> ExitEvent:
        """Let the native command be the mouthpiece of a process; returns how that ended. See `streams.proxy`."""
        ends = {name: getattr(session, name) for name in ("stdin", "stdout", "stderr")}
        streams = [name for name, fd in ends.items() if fd is not None]
        message = {
            "op": "proxy",
            "streams": streams,
            "tty": tty,
            "detach_keys": list(keys),
            "sig_proxy": sig_proxy,
        }
        wire.send(self.connection, message, [session.fileno(), *(ends[name] for name in streams)])
        # An end of a pipe that stayed open here would keep the other side from seeing it closed.
        session.close()
        answer = wire.receive(self.connection)
        if answer is None:
            raise GoneError("the command has gone")
        told = json.loads(answer[0])
        if "error" in told:
            raise _error(told["error"])
        return session.ended(told["event"])


def serve(connection: socket.socket) -> None:
    """Do what a caller asks for, once; nothing where it has gone, or has taken its token back."""
    work = Work.read(connection)
    if work is None or not work.take():
        return
    wire.send(connection, {"op": "begun", "pid": os.getpid()})
    try:
        work.become_caller()
    except (OSError, ValueError):
        wire.send(work.connection, {"op": "declined"})
        return
    app = App()
    try:
        code = work.do(app)
    except BaseException:  # noqa: BLE001 -- a defect: shown, and the exit code given, as Python itself would
        sys.excepthook(*sys.exc_info())
        code = 1
    app.close()
    wire.send(work.connection, {"op": "exit", "code": code & 0xFF})


def rehearse(stage: str) -> None:
    """Do what commands do, on roots of no consequence: a list, and a `run` but for the start of the container.

    After a fork the first write to a page copies it, and the first use of most of Python's pages is a write (of a
    reference count): some 3 ms for a `run`, which are spent here, where nobody waits.
    """
    roots = ["--root", f"{stage}/d", "--run", f"{stage}/r"]
    with contextlib.suppress(RockerError, OSError):  # where it cannot be rehearsed it is only slower
        _rehearse_request([*roots, "ps", "--all"])
        parser = FlagParser(RUN.flags, interspersed=False)
        words = parser.parse(["--rm", "-i", "--network", "none", "-e", "A=b", "--rootfs", "/", "true"])
        options = to_run_options({**parser.values, "detach": False}, words)
        with Engine(roots[1], roots[3]) as engine:
            _pretend_bridge(engine)
            for chosen in (options, options.replace(network=None)):
                container = engine.create(chosen)
                launch.build(engine, container.id, container.config)
                remove.discard(engine, container.id)
    # What was opened is closed here, not by a collection later: these numbers are others' files then.
    gc.collect()


def _pretend_bridge(engine: Engine) -> None:
    """Have the default network of these roots look as if it were in use: no bridge is made for a rehearsal."""
    with engine.catalog.write() as db:
        network = store.get(engine.catalog, store.DEFAULT)
        if not network.bridge:
            subnet = Subnet.parse("192.0.2.0/24")  # TEST-NET-1 of RFC 5737
            store.insert_ranges(db, network.id, [default.whole(subnet)] if subnet else [])
            store.set_bridge(db, network.id, "rehearsal")


def _rehearse_request(arguments: list[str]) -> None:
    """Become a caller that is like this process, and run its command; what it says goes where the template's goes."""
    import socket

    head = {
        "arguments": len(arguments),
        "umask": 0o022,
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "limits": [(number, *resource.getrlimit(number)) for number in range(16)],
        "ignored": [],
    }
    environment = [name + b"=" + value for name, value in os.environb.items()]
    directory, token = (os.open("/", os.O_PATH | os.O_CLOEXEC) for _ in range(2))
    ours, theirs = socket.socketpair()
    work = Work(ours, head, [*map(os.fsencode, arguments), *environment], token, directory)
    with theirs:
        wire.send(theirs, [0, 1, 2], [0, 1, 2])
        work.become_caller()
        app = App()
        work.do(app)
        app.close()
        work.connection.close()
        os.close(work.token)


def end(code: int = 0) -> NoReturn:
    """End at once: nothing of the template's is this process's to tidy up."""
    os._exit(code)


def _limit(value: int) -> int:
    """Linux's RLIM64_INFINITY is Python's -1."""
    return resource.RLIM_INFINITY if value == (1 << 64) - 1 else value


def _text(number: int) -> TextIO:
    """A standard stream as Python makes it in UTF-8 mode (PEP 540)."""
    errors = "backslashreplace" if number == 2 else "surrogateescape"  # noqa: PLR2004 -- standard error
    raw = io.FileIO(number, "r" if number == 0 else "w", closefd=False)
    if number == 0:
        return io.TextIOWrapper(io.BufferedReader(raw), encoding="utf-8", errors=errors)
    lines = number == 2 or raw.isatty()  # noqa: PLR2004
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors=errors, line_buffering=lines)


def _error(members: dict[str, Any]) -> RockerError:
    """The exception of an error of the core; commands show its words and do not ask for its class."""
    return RockerError(members["message"], hint=members.get("hint"))
