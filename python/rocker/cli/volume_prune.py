"""`rocker volume prune`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.confirm import confirm
from rocker.cli.flags import Flag
from rocker.engine.volumes.prune import FILTERS
from rocker.errors import InvalidArgumentError
from rocker.formatting.table import parse_filter
from rocker.formatting.units import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App

ANONYMOUS = "all anonymous volumes not used by at least one container"
"""What the question of `system prune` says of them."""


def volume_prune(app: App, values: Values, _arguments: list[str]) -> int:
    """Remove the volumes that no container uses, once that has been agreed to."""
    filters: dict[str, list[str]] = {}
    for name, value in values["filter"]:
        filters.setdefault(name, []).append(value)
    if values["all"] and "all" in filters:
        raise InvalidArgumentError("conflicting options: cannot specify both --all and --filter all=1")
    what = "all local volumes" if values["all"] else "anonymous local volumes"
    if not values["force"] and not confirm(
        app, f"WARNING! This will remove {what} not used by at least one container."
    ):
        return 0
    app.out(f"Total reclaimed space: {human_size(remove(app, filters, everything=values['all']), 4)}")
    return 0


def remove(app: App, filters: dict[str, list[str]], *, everything: bool) -> int:
    """Remove them and list them; the bytes that are free now."""
    done = app.engine.volumes.prune(all=everything, filters=filters)
    if done["VolumesDeleted"]:
        app.out("\n".join(["Deleted Volumes:", *done["VolumesDeleted"], ""]))
    return done["SpaceReclaimed"]


COMMAND = DockerCommand(
    "prune",
    volume_prune,
    usage="[OPTIONS]",
    summary="Remove unused local volumes",
    flags=[
        Flag("-a", "--all", help="Remove all unused volumes, not just anonymous ones"),
        Flag("--filter", kind="filter", parse=parse_filter, many=True, offers=FILTERS,
             help='Provide filter values (e.g. "label=<label>")'),
        Flag("-f", "--force", help="Do not prompt for confirmation"),
    ],
    most=0,
)  # fmt: skip
