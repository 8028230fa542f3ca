"""`rocker network inspect`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.cli.inspect import find_network, inspect_flags, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def inspect(app: App, values: Values, arguments: list[str]) -> int:
    """Show networks."""
    return show(app, {**values, "size": False}, arguments, [find_network], "network")


COMMAND = DockerCommand(
    "inspect",
    inspect,
    usage="[OPTIONS] NETWORK [NETWORK...]",
    summary="Display detailed information on one or more networks",
    flags=[
        *(flag for flag in inspect_flags() if flag.long != "--size"),
        Flag("-v", "--verbose", help="Verbose output for diagnostics"),
    ],
    least=1,
)
