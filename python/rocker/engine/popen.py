"""`Container.popen`: a process in a container in the shape of `subprocess.Popen`."""

from __future__ import annotations

import os

from rocker.engine.exec import session
from rocker.engine.keywords import environment, words
from rocker.engine.options import ExecOptions
from rocker.errors import InvalidArgumentError, TimeoutError, UnsupportedError  # noqa: A004 -- ours
from rocker.parse.signal import number_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import IO, Any, Self

    from rocker.engine.container import Container
    from rocker.models.container import ExitEvent

PIPE = -1
STDOUT = -2
DEVNULL = -3
_CHUNK = 1 << 16


class Popen:
    """A running command. Leaving its `with` block closes the pipes and waits, as in `subprocess`.

    Attributes:
        args: the command.
        pid: pid on the host.
        returncode: exit code, 128+n after signal n; None while it is not known to have ended.
        stdin, stdout, stderr: files where PIPE was asked for, else None.
        event: the whole `exited` event once it has ended: times, usage, whether it ran out of memory.
    """

    def __init__(
        self,
        container: Container,
        command: Sequence[str] | str,
        *,
        stdin: int | IO[Any] | None,
        stdout: int | IO[Any] | None,
        stderr: int | IO[Any] | None,
        text: bool,
        encoding: str | None,
        errors: str | None,
        env: Mapping[str, str] | Sequence[str],
        workdir: str | None,
        user: str | int | None,
    ) -> None:
        if STDOUT in (stdin, stdout, stderr):
            raise UnsupportedError(
                "STDOUT is not offered: the order of two pipes cannot be kept",
                hint="run `sh -c 'COMMAND 2>&1'`",
            )
        self.args = words(command)
        self.returncode: int | None = None
        self.event: ExitEvent | None = None
        self._text = (encoding or "utf-8", errors) if text or encoding or errors else None
        self._threads: list[Any] = []
        options = ExecOptions(
            self.args,
            env=environment(env),
            workdir=workdir,
            user=None if user is None else str(user),
            stdin_open=stdin not in (None, DEVNULL),
        )
        streams = (stdin not in (None, DEVNULL), stdout != DEVNULL, stderr != DEVNULL)
        self._session = session(container, options, streams)
        self.pid = self._session.pid
        self.stdin: IO[Any] | None = self._connect("stdin", stdin) if streams[0] else None
        self.stdout: IO[Any] | None = (
            self._connect("stdout", 1 if stdout is None else stdout) if streams[1] else None
        )
        self.stderr: IO[Any] | None = (
            self._connect("stderr", 2 if stderr is None else stderr) if streams[2] else None
        )

    def __repr__(self) -> str:
        return f"<Popen: returncode: {self.returncode} args: {self.args!r}>"

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code.

        Raises:
            TimeoutError: it runs on after `timeout` seconds. It is not killed.
        """
        code = self._wait(timeout)
        if code is None:
            raise TimeoutError(f"{self.args[0]} runs on after {timeout} s", hint="kill() ends it")
        for thread in self._threads:
            thread.join()
        return code

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:  # noqa: A002
        """Feed stdin, collect what goes to pipes, and wait for the end; bytes, or text when that was asked for.

        Raises:
            TimeoutError: it runs on after `timeout` seconds. It is not killed; what it wrote is lost.
        """
        import threading

        found: dict[str, Any] = {}

        def collect(name: str, file: IO[Any]) -> None:
            found[name] = file.read()

        readers = [
            threading.Thread(target=collect, args=(name, file), daemon=True)
            for name, file in (("stdout", self.stdout), ("stderr", self.stderr))
            if file is not None and not file.closed
        ]
        for reader in readers:
            reader.start()
        if self.stdin is not None:
            feeder = threading.Thread(target=self._feed, args=(input,), daemon=True)
            feeder.start()
            readers.append(feeder)
        self.wait(timeout)
        for reader in readers:
            reader.join()
        self._close_files()
        return found.get("stdout"), found.get("stderr")

    def send_signal(self, signal: int | str) -> None:
        """Send a signal; nothing happens once it has ended."""
        if self.poll() is None:
            self._session.signal(number_of(signal))

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(15)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(9)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_files()
        if kind is not None:
            self.kill()
        self.wait()
        self._session.close()

    def _wait(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            event = self._session.wait(timeout)
            if event is not None:
                self.event = event
                self.returncode = event["exit_code"]
        return self.returncode

    def _feed(self, data: Any) -> None:
        import contextlib

        assert self.stdin is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):  # it may end without reading
            if data:
                self.stdin.write(data)
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()

    def _close_files(self) -> None:
        import contextlib

        for file in (self.stdin, self.stdout, self.stderr):
            if file is not None:
                with contextlib.suppress(BrokenPipeError):
                    file.close()

    def _connect(self, name: str, target: int | IO[Any] | None) -> IO[Any] | None:
        """Give the session's end of a pipe to the caller, or copy between it and the caller's file."""
        end = self._session.detach_fd(name)
        if target == PIPE:
            mode = "wb" if name == "stdin" else "rb"
            if self._text is None:
                return os.fdopen(end, mode, buffering=0 if name == "stdin" else -1)
            return os.fdopen(end, mode[0], encoding=self._text[0], errors=self._text[1])
        number = target if isinstance(target, int) else None if target is None else target.fileno()
        if number is None or number < 0:
            os.close(end)
            raise InvalidArgumentError(
                f"{name}={target!r} is no stream", hint="give PIPE, DEVNULL, a file or a descriptor"
            )
        import threading

        # A copy of the caller's descriptor, so that closing it early does not hit a stranger's.
        other = os.dup(number)
        source, sink = (other, end) if name == "stdin" else (end, other)
        thread = threading.Thread(target=_copy, args=(source, sink), daemon=True, name=f"rocker-{name}")
        thread.start()
        if name != "stdin":
            self._threads.append(thread)
        return None


def _copy(source: int, sink: int) -> None:
    import contextlib

    with contextlib.suppress(OSError):  # the other side has gone: nobody is left to be told
        while chunk := os.read(source, _CHUNK):
            view = memoryview(chunk)
            while view:
                view = view[os.write(sink, view) :]
    os.close(source)
    os.close(sink)
