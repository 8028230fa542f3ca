"""`rocker export`."""

from __future__ import annotations

import os

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.cli.save import whole_file
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def export(app: App, values: Values, arguments: list[str]) -> int:
    """Write a container's root file system as a tar."""
    if not values["output"] and os.isatty(1):
        raise InvalidArgumentError("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    container = app.engine.containers.get(arguments[0])
    if values["output"]:
        whole_file(values["output"], container.export)
        return 0
    app.flush()
    container.export(1)
    return 0


COMMAND = DockerCommand(
    "export",
    export,
    usage="[OPTIONS] CONTAINER",
    summary="Export a container's filesystem as a tar archive",
    aliases=["rocker container export", "rocker export"],
    flags=[Flag("-o", "--output", kind="string", help="Write to a file, instead of STDOUT")],
    least=1,
    most=1,
)
