"""`rocker top`: the processes of a container."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.formatting.table import render_columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App

_WIDTH = 20


def top(app: App, _values: Values, arguments: list[str]) -> int:
    """List the processes of a container, with ps(1)'s options."""
    container = app.engine.containers.get(arguments[0])
    found = container.top(" ".join(arguments[1:])) if arguments[1:] else container.top()
    app.out(render_columns([found["Titles"], *found["Processes"]], least=_WIDTH))
    return 0


COMMAND = DockerCommand(
    "top",
    top,
    usage="CONTAINER [ps OPTIONS]",
    summary="Display the running processes of a container",
    aliases=["rocker container top", "rocker top"],
    least=1,
    interspersed=False,
)
