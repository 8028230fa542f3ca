"""`rocker container prune`."""

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


def prune(app: App, values: Values, _arguments: list[str]) -> int:
    """Remove all stopped containers."""
    filters = gather_filters(values["filter"], FILTERS)
    if not values["force"] and not confirm(app, "WARNING! This will remove all stopped containers."):
        return 0
    app.out(f"Total reclaimed space: {human_size(remove(app, filters), 4)}")
    return 0


def remove(app: App, filters: dict[str, list[str]]) -> int:
    """Remove them and list them; the bytes that are free now."""
    report = app.engine.containers.prune(filters)
    if report["ContainersDeleted"]:
        app.out("\n".join(["Deleted Containers:", *report["ContainersDeleted"], ""]))
    return report["SpaceReclaimed"]


COMMAND = DockerCommand(
    "prune",
    prune,
    usage="[OPTIONS]",
    summary="Remove all stopped containers",
    aliases=["rocker container prune"],
    flags=[
        Flag("--filter", kind="filter", parse=parse_filter, many=True, offers=FILTERS,
             help='Provide filter values (e.g. "until=<timestamp>")'),
        Flag("-f", "--force", help="Do not prompt for confirmation"),
    ],
    most=0,
)  # fmt: skip
