"""`rocker pause`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def pause(app: App, _values: Values, arguments: list[str]) -> int:
    """Freeze containers."""
    return app.each(arguments, lambda name: app.engine.containers.get(name).pause())


COMMAND = DockerCommand(
    "pause",
    pause,
    usage="CONTAINER [CONTAINER...]",
    summary="Pause all processes within one or more containers",
    aliases=["rocker container pause", "rocker pause"],
    least=1,
)
