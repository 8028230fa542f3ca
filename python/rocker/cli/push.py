"""`rocker push`: images to a registry."""

from __future__ import annotations

import sys

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def push(app: App, values: Values, arguments: list[str]) -> int:
    """Bring an image, or all tags of its repository, to its registry."""
    from rocker.cli.progress import on_stream
    from rocker.images.progress import Progress
    from rocker.images.reference import Reference

    bare = Reference.parse(arguments[0], default_tag=False)
    with Progress() if values["quiet"] else on_stream(sys.stdout) as progress:
        if bare.tag is None and not values["all_tags"]:
            progress.line("Using default tag: latest")
        found = app.engine.images.push(arguments[0], all_tags=values["all_tags"], progress=progress)
    if values["quiet"]:
        app.out(bare.name if values["all_tags"] else str(found[0].reference))
    return 0


COMMAND = DockerCommand(
    "push",
    push,
    usage="[OPTIONS] NAME[:TAG]",
    summary="Upload an image to a registry",
    aliases=["rocker image push", "rocker push"],
    flags=[
        Flag("-a", "--all-tags", help="Push all tags of an image to the repository"),
        Flag("--disable-content-trust", default=True, help="Skip image signing", hidden=True),
        Flag("-q", "--quiet", help="Suppress verbose output"),
    ],
    least=1,
    most=1,
)
