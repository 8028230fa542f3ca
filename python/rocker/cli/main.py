"""The entry of the command `rocker`.

Read the global flags, load the command, report once, give the exit code.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from rocker.cli.app import App
from rocker.cli.command import LazyGroup, UsageError, Values
from rocker.cli.flags import Flag, FlagError
from rocker.cli.table import ROOT
from rocker.errors import RockerError

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEVELS = ("debug", "info", "warn", "error", "fatal")
_INTERRUPTED = 130
_SYNTAX = 64


class Rocker(LazyGroup):
    """The root group: also the place where errors become messages and exit codes."""

    def main(
        self, args: Sequence[str] | None = None, *_rest: Any, obj: App | None = None, **_more: Any
    ) -> NoReturn:
        """Run the command line and exit."""
        words = list(sys.argv[1:] if args is None else args)
        sys.exit(self._guarded(words, obj or App()))

    def _guarded(self, words: list[str], app: App) -> int:  # noqa: PLR0911 -- one line a kind of ending
        try:
            if "_ROCKER_COMPLETE" in os.environ:
                from click.shell_completion import shell_complete

                return shell_complete(
                    self, {"obj": app}, "rocker", "_ROCKER_COMPLETE", os.environ["_ROCKER_COMPLETE"]
                )
            with self.make_context("rocker", words, obj=app) as context:
                code = self.invoke(context)
            app.flush()
        except click.exceptions.Exit as request:
            return int(request.exit_code)
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
        except (KeyboardInterrupt, click.Abort):
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


def _accept(context: click.Context, values: Values) -> None:
    if values["version"]:
        from rocker.cli.version import short_version

        sys.stdout.write(short_version() + "\n")
        context.exit(0)
    if values["log_level"] not in _LEVELS:
        raise UsageError(f"unable to parse logging level: {values['log_level']}")
    app: App = context.obj or App()
    app.root, app.run = values["root"], values["run"]
    app.debug, app.log_level = values["debug"], values["log_level"]


cli = Rocker(
    "rocker",
    "A container engine without a daemon",
    ROOT,
    accept=_accept,
    flags=[
        Flag("--root", kind="string", help="Data root (default $ROCKER_ROOT or /var/lib/rocker)"),
        Flag("--run", kind="string", help="Run root, on a tmpfs (default $ROCKER_RUN or /run/rocker)"),
        Flag("-D", "--debug", help="Show where errors come from"),
        Flag("-l", "--log-level", kind="string", default="info",
             help='Set the logging level ("debug", "info", "warn", "error", "fatal") (default "info")'),
        Flag("-v", "--version", help="Print version information and quit"),
    ],
)  # fmt: skip


def main() -> NoReturn:
    """Run `rocker` with the arguments of this process."""
    cli.main()
