"""`rocker load`."""

from __future__ import annotations

import os

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def load(app: App, values: Values, _arguments: list[str]) -> int:
    """Take the images of a `docker save` archive or an OCI layout into the store."""
    if values["input"] is None and os.isatty(0):
        raise InvalidArgumentError("requested load from stdin, but stdin is empty")
    for image in app.engine.images.load(0 if values["input"] is None else values["input"]):
        for line in image.lines():
            app.out(line)
    return 0


COMMAND = DockerCommand(
    "load",
    load,
    usage="[OPTIONS]",
    summary="Load an image from a tar archive or STDIN",
    aliases=["rocker image load", "rocker load"],
    flags=[
        Flag("-i", "--input", kind="string", help="Read from tar archive file, instead of STDIN"),
        Flag("-q", "--quiet", help="Suppress the load output"),
    ],
    most=0,
)
