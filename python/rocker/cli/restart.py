"""`rocker restart`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.parse.number import parse_int
from rocker.parse.signal import parse_signal

if TYPE_CHECKING:
    from rocker.cli.app import App


def restart(app: App, values: Values, arguments: list[str]) -> int:
    """Restart one or more containers."""
    timeout, signal = values["timeout"], values["signal"]
    return app.each(arguments, lambda name: app.engine.containers.get(name).restart(timeout, signal=signal))


COMMAND = DockerCommand(
    "restart",
    restart,
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Restart one or more containers",
    aliases=["rocker container restart", "rocker restart"],
    flags=[
        Flag("-s", "--signal", kind="string", parse=parse_signal, help="Signal to send to the container"),
        Flag(
            "-t",
            "--timeout",
            "--time",
            kind="int",
            parse=parse_int,
            help="Seconds to wait before killing the container",
        ),
    ],
    least=1,
)
