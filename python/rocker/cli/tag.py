"""`rocker tag`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def tag(app: App, _values: Values, arguments: list[str]) -> int:
    """Give an image another name."""
    app.engine.images.tag(arguments[0], arguments[1])
    return 0


COMMAND = DockerCommand(
    "tag",
    tag,
    usage="SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    summary="Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    aliases=["rocker image tag", "rocker tag"],
    least=2,
    most=2,
)
