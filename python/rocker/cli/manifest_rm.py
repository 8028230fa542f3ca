"""`rocker manifest rm`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def rm(app: App, _values: Values, arguments: list[str]) -> int:
    """Forget lists of manifests."""
    return app.each(arguments, app.engine.images.manifests().remove, echo=False)


COMMAND = DockerCommand(
    "rm",
    rm,
    usage="MANIFEST_LIST [MANIFEST_LIST...]",
    summary="Delete one or more manifest lists from local storage",
    least=1,
)
