"""`rocker pull`: images from a registry."""

from __future__ import annotations

import sys

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def pull(app: App, values: Values, arguments: list[str]) -> int:
    """Get an image, or all tags of its repository."""
    from rocker.cli.progress import on_stream
    from rocker.images.progress import Progress
    from rocker.images.reference import Reference

    bare = Reference.parse(arguments[0], default_tag=False)
    with Progress() if values["quiet"] else on_stream(sys.stdout) as progress:
        if bare.tag is None and bare.digest is None and not values["all_tags"]:
            progress.line("Using default tag: latest")
        found = app.engine.images.pull(
            arguments[0],
            platform=values["platform"],
            all_tags=values["all_tags"],
            progress=progress,
        )
        if values["all_tags"]:
            news = "Downloaded newer image" if any(one.is_new for one in found) else "Image is up to date"
            progress.line(f"Status: {news} for {found[0].reference.familiar_name}")
        else:
            progress.line(found[0].status)
    app.out(found[0].reference.name if values["all_tags"] else str(found[0].reference))
    return 0


COMMAND = DockerCommand(
    "pull",
    pull,
    usage="[OPTIONS] NAME[:TAG|@DIGEST]",
    summary="Download an image from a registry",
    aliases=["rocker image pull", "rocker pull"],
    flags=[
        Flag("-a", "--all-tags", help="Download all tagged images in the repository"),
        Flag("--disable-content-trust", default=True, help="Skip image verification", hidden=True),
        Flag("--platform", kind="string", help="Get the image of this platform: [OS/]ARCHITECTURE[/VARIANT]"),
        Flag("-q", "--quiet", help="Suppress verbose output"),
    ],
    least=1,
    most=1,
)
