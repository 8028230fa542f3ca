"""Commands and groups with Docker's help and messages."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from rocker.cli.flags import Flag, FlagError, FlagParser, HelpRequested

if TYPE_CHECKING:
    from rocker.cli.app import App

Values = dict[str, Any]
Body = Callable[["App", Values, list[str]], int]

_UNLIMITED = 1 << 30


class UsageError(FlagError):
    """The number of arguments is wrong. Exit code 1, as Docker's."""


class DockerCommand(click.Command):
    """A command: flags, then arguments.

    Attributes:
        body: called with the application, the values of the flags by name, and the arguments; gives the
            exit code.
        usage: what follows the command's name, for example `[OPTIONS] CONTAINER`.
        failure: the exit code of an error that has no better one.
        runs_programs: whether its exit code is that of a program.
    """

    def __init__(
        self,
        name: str,
        body: Body,
        *,
        usage: str,
        summary: str,
        flags: Sequence[Flag] = (),
        least: int = 0,
        most: int | None = None,
        interspersed: bool = True,
        failure: int = 1,
        runs_programs: bool = False,
        aliases: Sequence[str] = (),
    ) -> None:
        super().__init__(name, params=list(flags), help=summary, short_help=summary, add_help_option=False)
        self.flags = list(flags)
        self.body = body
        self.usage = usage
        self.summary = summary
        self.failure = failure
        self.runs_programs = runs_programs
        self.aliases = list(aliases)
        self._least = least
        self._most = _UNLIMITED if most is None else most
        self._interspersed = interspersed

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line into `ctx.params`."""
        parser = FlagParser(self.flags, interspersed=self._interspersed)
        try:
            rest = parser.parse(args)
        except HelpRequested:
            show_help(ctx)
        except FlagError as error:
            if ctx.resilient_parsing:
                return args
            raise FlagError(f"{error}\nSee '{ctx.command_path} --help'.", hint=error.hint) from error
        if not ctx.resilient_parsing:
            self._check_count(ctx, len(rest))
        ctx.params = {"values": parser.values, "arguments": rest}
        ctx.args = []
        ctx.meta["rocker.given"] = parser.given
        return rest

    def invoke(self, ctx: click.Context) -> int:
        """Run the body; its exit code."""
        app: App = ctx.find_root().obj
        app.command, app.failure, app.given = ctx.command_path, self.failure, ctx.meta["rocker.given"]
        app.runs_programs = self.runs_programs
        return self.body(app, ctx.params["values"], ctx.params["arguments"])

    def _check_count(self, ctx: click.Context, count: int) -> None:
        if self._least <= count <= self._most:
            return
        number, verb = self._least, "requires at least"
        if self._most == 0:
            wanted = "accepts no arguments"
        else:
            if self._least == self._most:
                verb = "requires exactly"
            elif count > self._most:
                number, verb = self._most, "requires at most"
            wanted = f"{verb} {number} argument{'' if number == 1 else 's'}"
        raise UsageError(
            f"\"{ctx.command_path}\" {wanted}.\nSee '{ctx.command_path} --help'.\n\n"
            f"Usage:  {ctx.command_path} {self.usage}\n\n{self.summary}"
        )

    def get_help(self, ctx: click.Context) -> str:
        """The help in Docker's layout."""
        parts = [f"Usage:  {ctx.command_path} {self.usage}", self.summary]
        if self.aliases:
            parts.append("Aliases:\n  " + ", ".join(self.aliases))
        if options := flag_lines(self.flags):
            parts.append("Options:\n" + options)
        return "\n\n".join(parts)


class Entry:
    """A command that is not imported yet: where it is, and its line in the help."""

    __slots__ = ("hidden", "module", "summary")

    def __init__(self, module: str, summary: str, *, hidden: bool = False) -> None:
        self.module = module
        self.summary = summary
        self.hidden = hidden


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def __init__(
        self,
        name: str,
        summary: str,
        entries: Mapping[str, Entry],
        *,
        flags: Sequence[Flag] = (),
        accept: Callable[[click.Context, Values], None] | None = None,
    ) -> None:
        super().__init__(name, help=summary, add_help_option=False, invoke_without_command=True)
        self.flags = list(flags)
        self.summary = summary
        self.entries = entries
        self._accept = accept

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the flags before the command's name."""
        parser = FlagParser(self.flags, interspersed=False)
        try:
            rest = parser.parse(args)
        except HelpRequested:
            show_help(ctx)
        except FlagError as error:
            if ctx.resilient_parsing:
                return super().parse_args(ctx, [])
            raise FlagError(f"{error}\nSee '{ctx.command_path} --help'.", hint=error.hint) from error
        if self._accept is not None:
            self._accept(ctx, parser.values)
        return super().parse_args(ctx, ["--", *rest])

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click passes it
        """Every name, for completion."""
        return sorted(name for name, entry in self.entries.items() if not entry.hidden)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- as above
        """Import the command's module and return its `COMMAND`."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = importlib.import_module(entry.module).COMMAND
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named. Raises UsageError when there is none."""
        command = self.get_command(ctx, args[0])
        if command is None:
            if ctx.resilient_parsing:
                return None, None, args
            if ctx.parent is not None:
                raise UsageError("\n" + self.get_help(ctx))
            raise UsageError(
                f"{ctx.command_path}: '{args[0]}' is not a {ctx.command_path} command.\n"
                f"See '{ctx.command_path} --help'"
            )
        return args[0], command, args[1:]

    def invoke(self, ctx: click.Context) -> int:
        """Run the command, or show the help when none is named."""
        result = super().invoke(ctx)
        if ctx.invoked_subcommand is None:
            show_help(ctx)
        return int(result or 0)

    def get_help(self, ctx: click.Context) -> str:
        """The help in Docker's layout."""
        root = ctx.parent is None
        usage = f"Usage:  {ctx.command_path} {'[OPTIONS] ' if root else ''}COMMAND"
        groups = {
            name for name, entry in self.entries.items() if entry.module.startswith("rocker.cli.group_")
        }
        commands = {name for name, entry in self.entries.items() if not entry.hidden} - groups
        parts = [usage, self.summary]
        if groups:
            parts.append("Management Commands:\n" + self._command_lines(groups))
        parts.append("Commands:\n" + self._command_lines(commands))
        if options := flag_lines(self.flags):
            parts.append("Global Options:\n" + options)
        parts.append(f"Run '{ctx.command_path} COMMAND --help' for more information on a command.")
        return "\n\n".join(parts)

    def _command_lines(self, names: set[str]) -> str:
        width = max(map(len, names))
        return "\n".join(f"  {name:<{width}}  {self.entries[name].summary}" for name in sorted(names))


def show_help(ctx: click.Context) -> NoReturn:
    """Print a command's help on standard output and end with exit code 0."""
    sys.stdout.write(ctx.command.get_help(ctx) + "\n")
    ctx.exit(0)


def flag_lines(flags: Sequence[Flag], width: int = 80) -> str:
    """The flags of a command, sorted, in two columns; the second is wrapped at `width`."""
    import textwrap

    rows = []
    for flag in sorted(flags, key=lambda flag: flag.long):
        if flag.hidden:
            continue
        left = f"  {flag.short + ',' if flag.short else '   '} {flag.long}"
        if flag.kind:
            left += f" {flag.kind}"
        rows.append((left, flag.help or ""))
    column = max((len(left) for left, _ in rows), default=0) + 3
    lines: list[str] = []
    for left, text in rows:
        wrapped = textwrap.wrap(text, max(20, width - column)) or [""]
        lines.append(f"{left:<{column}}{wrapped[0]}".rstrip())
        lines += [" " * column + more for more in wrapped[1:]]
    return "\n".join(lines)
