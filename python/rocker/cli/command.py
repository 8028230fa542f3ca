"""Commands and groups with Docker's help and messages."""

from __future__ import annotations

import importlib
import sys

from rocker.cli.flags import Flag, FlagError, FlagParser, HelpRequested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from rocker.cli.app import App

    Values = dict[str, Any]
    Body = Callable[["App", Values, list[str]], int]
else:
    Values = dict

_UNLIMITED = 1 << 30


class UsageError(FlagError):
    """The number of arguments is wrong. Exit code 1, as Docker's."""


class DockerCommand:
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
        self.name = name
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

    def run(self, app: App, path: str, words: list[str]) -> int:
        """Read the words behind the command's path and do what they say; the exit code.

        Raises:
            FlagError: they are wrong.
        """
        parser = FlagParser(self.flags, interspersed=self._interspersed)
        try:
            arguments = parser.parse(words)
        except HelpRequested:
            return show(self.get_help(path))
        except FlagError as error:
            raise FlagError(f"{error}\nSee '{path} --help'.", hint=error.hint) from error
        self._check_count(path, len(arguments))
        app.command, app.failure, app.given = path, self.failure, parser.given
        app.runs_programs = self.runs_programs
        return self.body(app, parser.values, arguments)

    def _check_count(self, path: str, count: int) -> None:
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
            f"\"{path}\" {wanted}.\nSee '{path} --help'.\n\nUsage:  {path} {self.usage}\n\n{self.summary}"
        )

    def get_help(self, path: str) -> str:
        """The help in Docker's layout."""
        parts = [f"Usage:  {path} {self.usage}", self.summary]
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


class LazyGroup:
    """A group whose commands are imported when they are used."""

    def __init__(
        self,
        name: str,
        summary: str,
        entries: Mapping[str, Entry],
        *,
        flags: Sequence[Flag] = (),
        accept: Callable[[App, Values], bool] | None = None,
    ) -> None:
        self.name = name
        self.flags = list(flags)
        self.summary = summary
        self.entries = entries
        self._accept = accept

    def run(self, app: App, path: str, words: list[str]) -> int:
        """Read the flags before the command's name, and run the command, or show the help when none is named."""
        parser = FlagParser(self.flags, interspersed=False)
        try:
            rest = parser.parse(words)
        except HelpRequested:
            return show(self.get_help(path))
        except FlagError as error:
            raise FlagError(f"{error}\nSee '{path} --help'.", hint=error.hint) from error
        if self._accept is not None and not self._accept(app, parser.values):
            return 0
        if not rest:
            return show(self.get_help(path))
        command = self.find(rest[0])
        if command is None:
            if " " in path:
                raise UsageError("\n" + self.get_help(path))
            raise UsageError(f"{path}: '{rest[0]}' is not a {path} command.\nSee '{path} --help'")
        return command.run(app, f"{path} {rest[0]}", rest[1:])

    def find(self, name: str) -> DockerCommand | LazyGroup | None:
        """Import the command's module and return its `COMMAND`; None when there is none of this name."""
        entry = self.entries.get(name)
        if entry is None:
            return None
        command: DockerCommand | LazyGroup = importlib.import_module(entry.module).COMMAND
        return command

    def get_help(self, path: str) -> str:
        """The help in Docker's layout."""
        root = " " not in path
        usage = f"Usage:  {path} {'[OPTIONS] ' if root else ''}COMMAND"
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
        parts.append(f"Run '{path} COMMAND --help' for more information on a command.")
        return "\n\n".join(parts)

    def _command_lines(self, names: set[str]) -> str:
        width = max(map(len, names))
        return "\n".join(f"  {name:<{width}}  {self.entries[name].summary}" for name in sorted(names))


def show(text: str) -> int:
    """Show a command's help on standard output; the exit code 0."""
    sys.stdout.write(text + "\n")
    return 0


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
