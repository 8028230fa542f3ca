"""`rocker help [COMMAND...]`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, LazyGroup, UsageError, Values, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def help_(_app: App, _values: Values, arguments: list[str]) -> int:
    """Show the help of a command, or the list of commands."""
    from rocker.cli.main import cli

    command: DockerCommand | LazyGroup = cli
    for name in arguments:
        found = command.find(name) if isinstance(command, LazyGroup) else None
        if found is None:
            raise UsageError(f"unknown help topic: {' '.join(arguments)}")
        command = found
    return show(command.get_help(" ".join(["rocker", *arguments])))


COMMAND = DockerCommand("help", help_, usage="[COMMAND]", summary="Help about the command")
