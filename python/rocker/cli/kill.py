"""`rocker kill`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.parse.signal import parse_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def kill(app: App, values: Values, arguments: list[str]) -> int:
    """Send a signal to containers."""
    signal = parse_signal(values["signal"])
    return app.each(arguments, lambda name: app.engine.containers.get(name).kill(signal))


COMMAND = DockerCommand(
    "kill",
    kill,
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Kill one or more running containers",
    aliases=["rocker container kill", "rocker kill"],
    flags=[Flag("-s", "--signal", kind="string", default="KILL", help="Signal to send to the container")],
    least=1,
)
