"""`rocker image inspect`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.inspect import find_image, inspect_flags, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def inspect(app: App, values: Values, arguments: list[str]) -> int:
    """Show images."""
    return show(app, values, arguments, [find_image], "image")


COMMAND = DockerCommand(
    "inspect",
    inspect,
    usage="[OPTIONS] IMAGE [IMAGE...]",
    summary="Display detailed information on one or more images",
    flags=inspect_flags(),
    least=1,
)
