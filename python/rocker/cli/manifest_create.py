"""`rocker manifest create`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def create(app: App, values: Values, arguments: list[str]) -> int:
    """Begin a list of manifests."""
    lists = app.engine.images.manifests(insecure=values["insecure"])
    made = lists.create(arguments[0], arguments[1:], amend=values["amend"])
    app.out(f"Created manifest list {made.familiar}")
    return 0


COMMAND = DockerCommand(
    "create",
    create,
    usage="MANIFEST_LIST MANIFEST [MANIFEST...]",
    summary="Create a local manifest list for annotating and pushing to a registry",
    flags=[
        Flag("-a", "--amend", help="Amend an existing manifest list"),
        Flag("--insecure", help="Allow communication with an insecure registry"),
    ],
    least=2,
)
