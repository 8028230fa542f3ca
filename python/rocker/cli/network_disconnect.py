"""`rocker network disconnect`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def disconnect(app: App, values: Values, arguments: list[str]) -> int:
    """Disconnect a container from a network."""
    container = app.engine.containers.get(arguments[1])
    app.engine.networks.get(arguments[0]).disconnect(container, force=values["force"])
    return 0


COMMAND = DockerCommand(
    "disconnect",
    disconnect,
    usage="[OPTIONS] NETWORK CONTAINER",
    summary="Disconnect a container from a network",
    flags=[Flag("-f", "--force", help="Force the container to disconnect from a network")],
    least=2,
    most=2,
)
