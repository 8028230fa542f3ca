"""`rocker commit`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def commit(app: App, values: Values, arguments: list[str]) -> int:
    """Make an image of a container and print its id."""
    image_id = app.engine.containers.get(arguments[0]).commit(
        arguments[1] if len(arguments) > 1 else None,
        author=values["author"],
        message=values["message"],
        changes=values["change"],
        pause=values["pause"],
    )
    app.out(image_id)
    return 0


COMMAND = DockerCommand(
    "commit",
    commit,
    usage="[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    summary="Create a new image from a container's changes",
    aliases=["rocker container commit", "rocker commit"],
    flags=[
        Flag("-a", "--author", kind="string", default="",
             help='Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")'),
        Flag("-c", "--change", kind="list", many=True, help="Apply Dockerfile instruction to the created image"),
        Flag("-m", "--message", kind="string", default="", help="Commit message"),
        Flag("-p", "--pause", default=True, help="Pause container during commit (default true)"),
    ],
    least=1,
    most=2,
)  # fmt: skip
