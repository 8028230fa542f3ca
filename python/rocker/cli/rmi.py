"""`rocker rmi`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.errors import ImageNotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def rmi(app: App, values: Values, arguments: list[str]) -> int:
    """Remove names of images, and images with their last name."""

    def remove(name: str) -> None:
        try:
            steps = app.engine.images.remove(name, force=values["force"], prune=not values["no_prune"])
        except ImageNotFoundError as error:
            if not values["force"]:
                raise
            app.report(error)
            return
        for step in steps:
            for verb, what in step.items():
                app.out(f"{verb}: {what}")

    return app.each(arguments, remove, echo=False)


COMMAND = DockerCommand(
    "rmi",
    rmi,
    usage="[OPTIONS] IMAGE [IMAGE...]",
    summary="Remove one or more images",
    aliases=["rocker image rm", "rocker image remove", "rocker rmi"],
    flags=[
        Flag("-f", "--force", help="Force removal of the image"),
        Flag("--no-prune", help="Do not delete untagged parents"),
    ],
    least=1,
)
