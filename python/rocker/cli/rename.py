"""`rocker rename`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def rename(app: App, _values: Values, arguments: list[str]) -> int:
    """Give a container another name."""
    app.engine.containers.get(arguments[0]).rename(arguments[1])
    return 0


COMMAND = DockerCommand(
    "rename",
    rename,
    usage="CONTAINER NEW_NAME",
    summary="Rename a container",
    aliases=["rocker container rename", "rocker rename"],
    least=2,
    most=2,
)
