"""`rocker volume inspect`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.inspect import find_volume, inspect_flags, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def volume_inspect(app: App, values: Values, arguments: list[str]) -> int:
    """Show volumes."""
    return show(app, values, arguments, [find_volume], "volume", missing="rocker: get {}: no such volume")


COMMAND = DockerCommand(
    "inspect",
    volume_inspect,
    usage="[OPTIONS] VOLUME [VOLUME...]",
    summary="Display detailed information on one or more volumes",
    flags=[flag for flag in inspect_flags() if flag.long == "--format"],
    least=1,
)
