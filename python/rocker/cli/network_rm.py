"""`rocker network rm`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.errors import NetworkNotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def rm(app: App, values: Values, arguments: list[str]) -> int:
    """Remove networks."""
    force = values["force"]

    def remove(name: str) -> None:
        try:
            app.engine.networks.get(name).remove()
        except NetworkNotFoundError:
            if not force:
                raise

    return app.each(arguments, remove)


COMMAND = DockerCommand(
    "rm",
    rm,
    usage="NETWORK [NETWORK...]",
    summary="Remove one or more networks",
    aliases=["rocker network rm", "rocker network remove"],
    flags=[Flag("-f", "--force", help="Do not error if the network does not exist")],
    least=1,
)
