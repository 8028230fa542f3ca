"""`rocker diff`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App

_LETTERS = ("C", "A", "D")


def diff(app: App, _values: Values, arguments: list[str]) -> int:
    """Print what a container has changed of its image."""
    for change in app.engine.containers.get(arguments[0]).diff():
        app.out(f"{_LETTERS[change['Kind']]} {change['Path']}")
    return 0


COMMAND = DockerCommand(
    "diff",
    diff,
    usage="CONTAINER",
    summary="Inspect changes to files or directories on a container's filesystem",
    aliases=["rocker container diff", "rocker diff"],
    least=1,
    most=1,
)
