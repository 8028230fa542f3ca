"""`rocker create`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.cli.options import run_flags, to_run_options
from rocker.cli.run import CidFile
from rocker.cli.run import create as create_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def create(app: App, values: Values, arguments: list[str]) -> int:
    """Create a container and print its id."""
    options = to_run_options(values, arguments)
    with CidFile(values["cidfile"]) as cidfile:
        container = create_container(app, options, cidfile, for_run=False, quiet=values["quiet"])
    app.out(container.id)
    return 0


COMMAND = DockerCommand(
    "create",
    create,
    usage="[OPTIONS] IMAGE [COMMAND] [ARG...]",
    summary="Create a new container",
    aliases=["rocker container create", "rocker create"],
    flags=[*run_flags(), Flag("-q", "--quiet", help="Suppress the pull output")],
    least=1,
    interspersed=False,
)
