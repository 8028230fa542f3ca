"""`rocker restart`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.stop import FLAGS

TYPE_CHECKING = False
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
    flags=FLAGS,
    least=1,
)
