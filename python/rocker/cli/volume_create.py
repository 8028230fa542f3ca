"""`rocker volume create`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.parse.keyvalue import parse_label, to_dict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def volume_create(app: App, values: Values, arguments: list[str]) -> int:
    """Make a volume and print its name."""
    name = arguments[0] if arguments and arguments[0] else None
    volume = app.engine.volumes.create(
        name, driver=values["driver"], options=to_dict(values["opt"]), labels=to_dict(values["label"])
    )
    app.out(volume.name)
    return 0


COMMAND = DockerCommand(
    "create",
    volume_create,
    usage="[OPTIONS] [VOLUME]",
    summary="Create a volume",
    flags=[
        Flag("-d", "--driver", kind="string", default="local",
             help='Specify volume driver name (default "local")'),
        Flag("--label", kind="list", parse=parse_label, many=True, help="Set metadata for a volume"),
        Flag("-o", "--opt", kind="map", many=True, help="Set driver specific options (default map[])"),
    ],
    most=1,
)  # fmt: skip
