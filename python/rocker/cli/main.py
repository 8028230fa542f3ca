"""The entry of the command `rocker`.

Read the global flags, load the command, report once, give the exit code.
"""

from __future__ import annotations

import os
import sys

from rocker.cli.app import App
from rocker.cli.command import LazyGroup, UsageError
from rocker.cli.flags import Flag, FlagError
from rocker.cli.table import ROOT
from rocker.errors import RockerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from rocker.cli.command import Values

_LEVELS = ("debug", "info", "warn", "error", "fatal")
_INTERRUPTED = 130
_SYNTAX = 64


class Rocker(LazyGroup):
    """The root group: also the place where errors become messages and exit codes."""

    def main(self, words: Sequence[str] | None = None, *, app: App | None = None) -> NoReturn:
        """Run the command line and exit."""
        sys.exit(self.code(sys.argv[1:] if words is None else words, app or App()))

    def code(self, words: Sequence[str], app: App) -> int:
        """Run the command line; its exit code, once all that it wrote is out."""
        code = self._guarded(list(words), app)
        try:
            app.flush()
        except (OSError, RockerError):  # it has been reported, or an error with more to say has been
            return code or 1
        return code

    def _guarded(self, words: list[str], app: App) -> int:  # noqa: PLR0911 -- one line a kind of ending
        try:
            if "_ROCKER_COMPLETE" in os.environ:
                from rocker.cli.completion import complete

                return complete(self, os.environ["_ROCKER_COMPLETE"])
            code = self.run(app, "rocker", words)
            app.flush()
        except UsageError as error:
            return self._show(error, 1)
        except FlagError as error:
            return self._show(error, error.exit_code)
        except RockerError as error:
            app.report(error)
            return _exit_code(error, app)
        except BrokenPipeError:
            # What is still buffered would fail again at exit: give it nowhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 1
        except KeyboardInterrupt:
            return _INTERRUPTED
        return code

    @staticmethod
    def _show(error: FlagError, code: int) -> int:
        sys.stderr.write(error.message + "\n")
        if error.hint:
            sys.stderr.write(f"hint: {error.hint}\n")
        return code


def _exit_code(error: RockerError, app: App) -> int:
    """The command's own exit code, unless the error's says more.

    A template's syntax, a program that cannot be run.
    """
    if error.exit_code == _SYNTAX or (error.exit_code in (126, 127) and app.runs_programs):
        return error.exit_code
    return app.failure


def _accept(app: App, values: Values) -> bool:
    """Take note of the global flags; whether there is more to do."""
    if values["version"]:
        from rocker.cli.version import short_version

        app.out(short_version())
        return False
    if values["log_level"] not in _LEVELS:
        raise UsageError(f"unable to parse logging level: {values['log_level']}")
    app.root, app.run = values["root"], values["run"]
    app.cdi_spec_dirs = values["cdi_spec_dir"] or None
    app.debug, app.log_level = values["debug"], values["log_level"]
    return True


cli = Rocker(
    "rocker",
    "A container engine without a daemon",
    ROOT,
    accept=_accept,
    flags=[
        Flag("--root", kind="string", help="Data root (default $ROCKER_ROOT or /var/lib/rocker)"),
        Flag("--run", kind="string", help="Run root, on a tmpfs (default $ROCKER_RUN or /run/rocker)"),
        Flag("--cdi-spec-dir", kind="list", many=True,
             help="Directory with CDI specifications (default /etc/cdi and /var/run/cdi)"),
        Flag("-D", "--debug", help="Show where errors come from"),
        Flag("-l", "--log-level", kind="string", default="info",
             help='Set the logging level ("debug", "info", "warn", "error", "fatal") (default "info")'),
        Flag("-v", "--version", help="Print version information and quit"),
    ],
)  # fmt: skip


def main() -> NoReturn:
    """Run `rocker` with the arguments of this process."""
    app = App()
    code = cli.code(sys.argv[1:], app)
    app.close()
    # An interpreter's own way out takes 2 ms: it frees one by one what the kernel takes back at once.
    os._exit(code)
