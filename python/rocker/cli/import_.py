"""`rocker import`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def import_(app: App, values: Values, arguments: list[str]) -> int:
    """Make an image of a root file system: a tar, a directory, or `-` for standard input. Prints its id."""
    source = 0 if arguments[0] == "-" else arguments[0]
    image = app.engine.images.import_(
        source,
        arguments[1] if len(arguments) > 1 else None,
        changes=values["change"],
        message=values["message"],
        platform=values["platform"],
    )
    app.out(image.id)
    return 0


COMMAND = DockerCommand(
    "import",
    import_,
    usage="[OPTIONS] file|directory|- [REPOSITORY[:TAG]]",
    summary="Import the contents from a tarball to create a filesystem image",
    aliases=["rocker image import", "rocker import"],
    flags=[
        Flag(
            "-c", "--change", kind="list", many=True, help="Apply Dockerfile instruction to the created image"
        ),
        Flag("-m", "--message", kind="string", help="Set commit message for imported image"),
        Flag("--platform", kind="string", help="Set platform of the image"),
    ],
    least=1,
    most=2,
)
