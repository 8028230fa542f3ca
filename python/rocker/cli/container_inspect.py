"""`rocker container inspect`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.inspect import find_container, inspect_flags, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def inspect(app: App, values: Values, arguments: list[str]) -> int:
    """Show containers."""
    return show(app, values, arguments, [find_container], "container")


COMMAND = DockerCommand(
    "inspect",
    inspect,
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Display detailed information on one or more containers",
    flags=inspect_flags(),
    least=1,
)
