"""`rocker image prune`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.confirm import confirm
from rocker.cli.flags import Flag
from rocker.engine.prune import FILTERS
from rocker.formatting.table import gather_filters, parse_filter
from rocker.formatting.units import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App

DANGLING = "all dangling images"
UNUSED = "all images without at least one container associated to them"


def prune(app: App, values: Values, _arguments: list[str]) -> int:
    """Remove unused images."""
    filters = gather_filters(values["filter"], (*FILTERS, "dangling"))
    what = UNUSED if values["all"] else DANGLING
    if not values["force"] and not confirm(app, f"WARNING! This will remove {what}."):
        return 0
    app.out(f"Total reclaimed space: {human_size(remove(app, filters, everything=values['all']), 4)}")
    return 0


def remove(app: App, filters: dict[str, list[str]], *, everything: bool) -> int:
    """Remove them and list them; the bytes that are free now."""
    report = app.engine.images.prune(filters, all=everything)
    lines = [
        f"untagged: {one['Untagged']}" if "Untagged" in one else f"deleted: {one['Deleted']}"
        for one in report["ImagesDeleted"]
    ]
    if lines:
        app.out("\n".join(["Deleted Images:", *lines, ""]))
    return report["SpaceReclaimed"]


COMMAND = DockerCommand(
    "prune",
    prune,
    usage="[OPTIONS]",
    summary="Remove unused images",
    aliases=["rocker image prune"],
    flags=[
        Flag("-a", "--all", help="Remove all unused images, not just dangling ones"),
        Flag("--filter", kind="filter", parse=parse_filter, many=True, offers=FILTERS,
             help='Provide filter values (e.g. "until=<timestamp>")'),
        Flag("-f", "--force", help="Do not prompt for confirmation"),
    ],
    most=0,
)  # fmt: skip
