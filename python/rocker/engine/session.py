"""A front end's connection to a container or to a process in it."""

from __future__ import annotations

from rocker.models.result import Result, Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

    from rocker.engine.engine import Engine
    from rocker.engine.ports import CoreSession
    from rocker.models.container import ExitEvent


class Session:
    """Streams, signals and the end of one process. Letting go of it does not affect the process.

    Args:
        engine: the engine.
        core: the connection.
        container: id of the container that it is the main process of; None for an exec.
        auto_remove: whether the catalogue forgets the container once it has exited.
    """

    __slots__ = ("_auto_remove", "_core", "_engine", "container")

    def __init__(
        self, engine: Engine, core: CoreSession, container: str | None, *, auto_remove: bool
    ) -> None:
        self._engine = engine
        self._core = core
        self.container = container
        self._auto_remove = auto_remove

    @property
    def pid(self) -> int:
        """Host pid of the process; 0 before it started."""
        return self._core.pid

    @property
    def stdin(self) -> int | None:
        """Write end of its standard input, owned by the session; None when not attached."""
        return self._core.stdin

    @property
    def stdout(self) -> int | None:
        """Read end of its standard output."""
        return self._core.stdout

    @property
    def stderr(self) -> int | None:
        """Read end of its standard error."""
        return self._core.stderr

    def detach_fd(self, name: str) -> int:
        """Give up the descriptor `stdin`, `stdout` or `stderr`: the caller closes it."""
        return self._core.detach_fd(name)

    def fileno(self) -> int:
        """Return the control socket, readable when an event waits."""
        return self._core.fileno()

    def wait(self, timeout: float | None = None) -> ExitEvent | None:
        """Wait for the end; None after `timeout` seconds.

        Raises:
            GoneError: the shim died.
        """
        event = self._core.wait(timeout)
        return None if event is None else self.ended(event)

    def communicate(
        self,
        input: bytes | None = None,  # noqa: A002 -- subprocess's word
        *,
        timeout: float | None = None,
        max_output: int | None = None,
    ) -> tuple[bytes, bytes, ExitEvent]:
        """Feed stdin and collect stdout and stderr until the end; a budget that is exceeded ends the process."""
        stdout, stderr, event = self._core.communicate(input, timeout=timeout, max_output=max_output)
        return stdout, stderr, self.ended(event)

    def proxy(
        self,
        stdin: int = 0,
        stdout: int = 1,
        stderr: int = 2,
        *,
        tty: bool = False,
        detach_keys: bytes = b"\x10\x11",
        sig_proxy: bool = True,
    ) -> ExitEvent:
        """Copy the streams and forward signals and window sizes until the end, or until the detach keys."""
        event = self._core.proxy(stdin, stdout, stderr, tty=tty, detach_keys=detach_keys, sig_proxy=sig_proxy)
        return self.ended(event)

    def resize(self, width: int, height: int) -> None:
        """Tell the terminal its size in characters."""
        self._core.resize(width, height)

    def signal(self, number: int) -> None:
        """Send a signal to the process."""
        self._core.signal(number)

    def close(self) -> None:
        """Let go."""
        self._core.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ended(self, event: Any) -> ExitEvent:
        """Take note of the event that ended it; whoever hears it elsewhere brings it here."""
        if self._auto_remove and self.container is not None and event.get("event", "exited") == "exited":
            from rocker.engine.remove import forget

            forget(self._engine, self.container)
        ended: ExitEvent = event
        return ended


def result_of(stdout: bytes, stderr: bytes, event: ExitEvent, container: str) -> Result:
    """Return the result that an `exited` event describes."""
    from rocker.engine.times import parse_rfc3339_ns

    usage = event["usage"]
    return Result(
        exit_code=event["exit_code"],
        stdout=stdout,
        stderr=stderr,
        oom_killed=event["oom_killed"],
        timed_out=event["timed_out"],
        truncated=event.get("truncated", False),
        duration=(parse_rfc3339_ns(event["finished_at"]) - parse_rfc3339_ns(event["started_at"])) / 1e9,
        usage=Usage(usage["cpu_ns"], usage["memory_peak"], usage["user_us"], usage["system_us"]),
        container_id=container,
    )
