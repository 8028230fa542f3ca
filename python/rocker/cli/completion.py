"""`rocker completion bash|zsh|fish`: a script for the shell to source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from rocker.cli.command import DockerCommand, Values
from rocker.errors import InvalidArgumentError

if TYPE_CHECKING:
    from rocker.cli.app import App

VARIABLE = "_ROCKER_COMPLETE"
"""The environment variable by which the script asks for completions."""


def completion(app: App, _values: Values, arguments: list[str]) -> int:
    """Print the script."""
    kind = get_completion_class(arguments[0])
    if kind is None:
        raise InvalidArgumentError(f"unknown shell: {arguments[0]}", hint="one of bash, zsh, fish")
    root = click.get_current_context().find_root().command
    app.out(kind(root, {}, "rocker", VARIABLE).source())
    return 0


COMMAND = DockerCommand(
    "completion",
    completion,
    usage="SHELL",
    summary="Generate the autocompletion script for a shell",
    least=1,
    most=1,
)
