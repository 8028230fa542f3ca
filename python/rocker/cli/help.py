"""`rocker help [COMMAND...]`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from rocker.cli.command import DockerCommand, UsageError, Values

if TYPE_CHECKING:
    from rocker.cli.app import App


def show(_app: App, _values: Values, arguments: list[str]) -> int:
    """Show the help of a command, or the list of commands."""
    context = click.get_current_context().find_root()
    command: click.Command = context.command
    for name in arguments:
        found = command.get_command(context, name) if isinstance(command, click.Group) else None
        if found is None:
            raise UsageError(f"unknown help topic: {' '.join(arguments)}")
        context = click.Context(found, parent=context, info_name=name)
        command = found
    sys.stdout.write(command.get_help(context) + "\n")
    return 0


COMMAND = DockerCommand("help", show, usage="[COMMAND]", summary="Help about the command")
