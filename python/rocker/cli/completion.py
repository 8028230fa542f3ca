"""`rocker completion bash|zsh|fish`: a script for the shell to source; and what that script asks for."""

from __future__ import annotations

from functools import partial

import click
from click.shell_completion import get_completion_class, shell_complete

from rocker.cli.candidates import candidates, has_values, place, values
from rocker.cli.command import DockerCommand, LazyGroup, Values
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App
    from rocker.cli.flags import Flag
    from rocker.engine.engine import Engine

VARIABLE = "_ROCKER_COMPLETE"
"""The environment variable by which the script asks for completions."""


def completion(app: App, _values: Values, arguments: list[str]) -> int:
    """Print the script."""
    from rocker.cli.main import cli

    kind = get_completion_class(arguments[0])
    if kind is None:
        raise InvalidArgumentError(f"unknown shell: {arguments[0]}", hint="one of bash, zsh, fish")
    app.out(kind(_Group(cli), {}, "rocker", VARIABLE).source())
    return 0


def complete(root: LazyGroup, instruction: str) -> int:
    """Answer the script: what fits at the cursor."""
    return shell_complete(_Group(root), {}, "rocker", VARIABLE, instruction)


class _Group(click.Group):
    """A group as click sees it, which knows how shells complete."""

    def __init__(self, group: LazyGroup) -> None:
        super().__init__(group.name, params=_options(group), help=group.summary, add_help_option=False)
        self._group = group

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click passes it
        return sorted(name for name, entry in self._group.entries.items() if not entry.hidden)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- as above
        found = self._group.find(cmd_name)
        if isinstance(found, LazyGroup):
            return _Group(found)
        if found is None:
            return None
        names = click.Argument(["names"], nargs=-1, required=False, shell_complete=partial(_names, found))
        return click.Command(
            found.name,
            params=[*_options(found), names],
            help=found.summary,
            short_help=found.summary,
            add_help_option=False,
        )


def _names(command: DockerCommand, context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Names that begin as what is typed does, but those that are there already."""
    given: tuple[str, ...] = context.params.get("names") or ()
    word = place(command.usage, len(given))
    if not word:
        return []
    with _engine(context) as engine:
        found = candidates(engine, command.name, word, given)
    return sorted(name for name in found if name.startswith(begun) and name not in given)


def _values(command: str, flag: Flag, context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """What the value of a flag may be, as far as it is typed."""
    with _engine(context) as engine:
        found = values(engine, command, flag, begun)
    return sorted(value for value in found if value.startswith(begun))


def _engine(context: click.Context) -> Engine:
    from rocker.engine.engine import Engine

    roots = context.find_root().params
    return Engine(roots.get("root"), roots.get("run"), warn=lambda _: None)


def _options(command: DockerCommand | LazyGroup) -> list[click.Parameter]:
    return [
        click.Option(
            flag.names,
            help=flag.help,
            type=click.UNPROCESSED,
            is_flag=not flag.kind,
            hidden=flag.hidden,
            shell_complete=partial(_values, command.name, flag) if has_values(flag) else None,
        )
        for flag in command.flags
    ]


COMMAND = DockerCommand(
    "completion",
    completion,
    usage="SHELL",
    summary="Generate the autocompletion script for a shell",
    least=1,
    most=1,
)
