"""What every command gets: the engine, made when first used, and the ways to write."""

from __future__ import annotations

import sys

from rocker.errors import RockerError, SystemCallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from rocker.engine.engine import Engine
    from rocker.images.progress import Progress
    from rocker.models.container import ExitEvent


class App:
    """One run of the command.

    Attributes:
        root: the data root, or None for the engine's default.
        run: the run root, or None for the engine's default.
        cdi_spec_dirs: where CDI specifications are, or None for the engine's default.
        debug: whether errors are shown with their traceback.
        command: the path of the command that runs, for messages.
        failure: the exit code of an error that has no better one.
        runs_programs: whether the exit codes 126 and 127 are this command's to give.
        given: names of the flags that were given.
        mouthpiece: in a warm worker, who joins the caller's streams to a process; see `streams.proxy`.
    """

    def __init__(self, engine: Engine | None = None) -> None:
        self.root: str | None = None
        self.run: str | None = None
        self.cdi_spec_dirs: list[str] | None = None
        self.debug = False
        self.log_level = "info"
        self.command = "rocker"
        self.failure = 1
        self.runs_programs = False
        self.given: set[str] = set()
        self.mouthpiece: Callable[..., ExitEvent] | None = None
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """The engine of the roots that were named."""
        if self._engine is None:
            from rocker.engine.engine import Engine

            self._engine = Engine(self.root, self.run, warn=self.warn, cdi_spec_dirs=self.cdi_spec_dirs)
        return self._engine

    def pull_progress(self) -> Progress:
        """What shows the pull of an image that a container needs: on standard error, as Docker's command does."""
        from rocker.cli.progress import on_stream

        return on_stream(sys.stderr)

    def close(self) -> None:
        """Let go of the engine, if one was made."""
        if self._engine is not None:
            self._engine.close()

    def out(self, text: str) -> None:
        """Write a line to standard output.

        Raises:
            BrokenPipeError: nobody reads it any more.
            SystemCallError: it cannot be written.
        """
        try:
            sys.stdout.write(text + "\n")
        except OSError as error:
            raise _unwritten(error) from error

    def err(self, text: str) -> None:
        """Write a line to standard error."""
        sys.stderr.write(text + "\n")

    def warn(self, text: str) -> None:
        """Warn of something that was accepted but is without effect."""
        if self.log_level not in ("error", "fatal"):
            self.err(f"WARNING: {text}")

    def flush(self) -> None:
        """Bring out what was written, before descriptors are used directly. Raises as `out` does."""
        try:
            sys.stdout.flush()
        except OSError as error:
            raise _unwritten(error) from error
        sys.stderr.flush()

    def report(self, error: RockerError) -> None:
        """The one place that shows an error: `rocker: MESSAGE`, then a hint."""
        if self.debug and error.__traceback__ is not None:
            import traceback

            self.err("".join(traceback.format_exception(error)).rstrip())
        self.err(f"rocker: {error.message}")
        if error.hint:
            self.err(f"hint: {error.hint}")

    def each(self, names: Iterable[str], action: Callable[[str], Any], *, echo: bool = True) -> int:
        """Do the action with each name and print the name.

        Go on after errors. Exit code 1 when one failed.
        """
        code = 0
        for name in names:
            try:
                action(name)
            except RockerError as error:
                self.report(error)
                code = 1
            else:
                if echo:
                    self.out(name)
        return code


def _unwritten(error: OSError) -> Exception:
    if isinstance(error, BrokenPipeError):
        return error
    return SystemCallError(
        f"write to standard output: {error.strerror}", errno=error.errno, step="write to standard output"
    )
