"""`rocker stop`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.parse.number import parse_int
from rocker.parse.signal import parse_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


FLAGS = [
    Flag("-s", "--signal", kind="string", parse=parse_signal, help="Signal to send to the container"),
    Flag(
        "-t",
        "--timeout",
        "--time",
        kind="int",
        parse=parse_int,
        help="Seconds to wait before killing the container",
    ),
]


def stop(app: App, values: Values, arguments: list[str]) -> int:
    """Stop one or more running containers."""
    timeout, signal = values["timeout"], values["signal"]
    return app.each(arguments, lambda name: app.engine.containers.get(name).stop(timeout, signal=signal))


COMMAND = DockerCommand(
    "stop",
    stop,
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Stop one or more running containers",
    aliases=["rocker container stop", "rocker stop"],
    flags=FLAGS,
    least=1,
)
