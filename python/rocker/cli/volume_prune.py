"""`rocker volume prune`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.confirm import confirm
from rocker.cli.flags import Flag
from rocker.formatting.table import parse_filter
from rocker.formatting.units import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def volume_prune(app: App, values: Values, _arguments: list[str]) -> int:
    """Remove the volumes that no container uses, once that has been agreed to."""
    filters: dict[str, list[str]] = {}
    for name, value in values["filter"]:
        filters.setdefault(name, []).append(value)
    everything = values["all"] or "true" in filters.get("all", [])
    what = "all volumes" if everything else "anonymous local volumes"
    if not values["force"] and not confirm(
        app, f"WARNING! This will remove {what} not used by at least one container."
    ):
        return 0
    done = app.engine.volumes.prune(all=everything, filters=filters)
    if done["VolumesDeleted"]:
        app.out("Deleted Volumes:\n" + "\n".join(done["VolumesDeleted"]) + "\n")
    app.out(f"Total reclaimed space: {human_size(done['SpaceReclaimed'], 4)}")
    return 0


COMMAND = DockerCommand(
    "prune",
    volume_prune,
    usage="[OPTIONS]",
    summary="Remove unused local volumes",
    flags=[
        Flag("-a", "--all", help="Remove all unused volumes, not just anonymous ones"),
        Flag("--filter", kind="filter", parse=parse_filter, many=True,
             help='Provide filter values (e.g. "label=<label>")'),
        Flag("-f", "--force", help="Do not prompt for confirmation"),
    ],
    most=0,
)  # fmt: skip
