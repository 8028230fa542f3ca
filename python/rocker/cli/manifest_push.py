"""`rocker manifest push`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def push(app: App, values: Values, arguments: list[str]) -> int:
    """Push a list with its manifests."""
    lists = app.engine.images.manifests(insecure=values["insecure"])
    parts, digest = lists.push(arguments[0])
    for part in parts:
        app.out(f"Pushed ref {part} with digest: {part.partition('@')[2]}")
    app.out(digest)
    if values["purge"]:
        lists.remove(arguments[0])
    return 0


COMMAND = DockerCommand(
    "push",
    push,
    usage="[OPTIONS] MANIFEST_LIST",
    summary="Push a manifest list to a repository",
    flags=[
        Flag("--insecure", help="Allow push to an insecure registry"),
        Flag("-p", "--purge", help="Remove the local manifest list after push"),
    ],
    least=1,
    most=1,
)
