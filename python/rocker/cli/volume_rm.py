"""`rocker volume rm`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def volume_rm(app: App, values: Values, arguments: list[str]) -> int:
    """Remove volumes."""
    from rocker.engine.volumes.remove import remove

    force = values["force"]
    return app.each(arguments, lambda name: remove(app.engine, name, force=force))


COMMAND = DockerCommand(
    "rm",
    volume_rm,
    usage="[OPTIONS] VOLUME [VOLUME...]",
    summary="Remove one or more volumes. You cannot remove a volume that is in use by a container.",
    aliases=["rocker volume rm", "rocker volume remove"],
    flags=[Flag("-f", "--force", help="Force the removal of one or more volumes")],
    least=1,
)
