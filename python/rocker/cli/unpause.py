"""`rocker unpause`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def unpause(app: App, _values: Values, arguments: list[str]) -> int:
    """Thaw containers."""
    return app.each(arguments, lambda name: app.engine.containers.get(name).unpause())


COMMAND = DockerCommand(
    "unpause",
    unpause,
    usage="CONTAINER [CONTAINER...]",
    summary="Unpause all processes within one or more containers",
    aliases=["rocker container unpause", "rocker unpause"],
    least=1,
)
