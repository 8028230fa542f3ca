"""`rocker rm`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.errors import ContainerNotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def rm(app: App, values: Values, arguments: list[str]) -> int:
    """Remove containers."""
    force, volumes = values["force"], values["volumes"]

    def remove(name: str) -> None:
        try:
            app.engine.containers.get(name).remove(force=force, volumes=volumes)
        except ContainerNotFoundError:
            if not force:
                raise

    return app.each(arguments, remove)


COMMAND = DockerCommand(
    "rm",
    rm,
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Remove one or more containers",
    aliases=["rocker container rm", "rocker rm"],
    flags=[
        Flag("-f", "--force", help="Force the removal of a running container (uses SIGKILL)"),
        Flag("-v", "--volumes", help="Remove anonymous volumes associated with the container"),
    ],
    least=1,
)
