"""`rocker wait`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def wait(app: App, _values: Values, arguments: list[str]) -> int:
    """Wait for each container in turn and print its exit code."""
    return app.each(arguments, lambda name: app.out(str(app.engine.containers.get(name).wait())), echo=False)


COMMAND = DockerCommand(
    "wait",
    wait,
    usage="CONTAINER [CONTAINER...]",
    summary="Block until one or more containers stop, then print their exit codes",
    aliases=["rocker container wait", "rocker wait"],
    least=1,
)
