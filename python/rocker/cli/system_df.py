"""`rocker system df`: what lies on the disk."""

from __future__ import annotations

from functools import partial

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.engine.state import RUNS
from rocker.formatting.table import FORMAT_HELP, Listing
from rocker.formatting.units import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App
    from rocker.models.prune import DiskUsage

_HEADERS = {
    "Active": "ACTIVE", "Reclaimable": "RECLAIMABLE", "Size": "SIZE", "TotalCount": "TOTAL", "Type": "TYPE",
}  # fmt: skip


def df(app: App, values: Values, _arguments: list[str]) -> int:
    """Show disk usage."""
    usage = app.engine.disk_usage()
    if values["verbose"]:
        from rocker.cli.system_df_verbose import render

        app.out(render(usage, values["format"]))
        return 0
    fields = {name: partial(_cell, name) for name in _HEADERS}
    table = Listing(
        _HEADERS,
        fields,
        ["Type", "TotalCount", "Active", "Size", "Reclaimable"],
        go_type="*formatter.diskUsageContext",
    )
    for line in table.render(summary(usage), values["format"]):
        app.out(line)
    return 0


def _cell(name: str, row: dict[str, str]) -> str:
    return row[name]


def summary(usage: DiskUsage) -> list[dict[str, str]]:
    """A row for each kind of object."""
    images, containers, volumes = usage["Images"], usage["Containers"], usage["Volumes"]
    used = [image for image in images if image["Containers"] > 0]
    kept = sum(image["Size"] - image["SharedSize"] for image in used)
    alive = [one for one in containers if one["State"] in RUNS]
    written = sum(one["SizeRw"] for one in containers)
    counted = [volume["UsageData"] for volume in volumes]
    idle = sum(one["Size"] for one in counted if not one["RefCount"])
    mounted = sum(one["RefCount"] > 0 for one in counted)
    return [
        _row("Images", len(images), len(used), usage["LayersSize"], usage["LayersSize"] - kept),
        _row(
            "Containers", len(containers), len(alive), written, written - sum(one["SizeRw"] for one in alive)
        ),
        _row("Local Volumes", len(volumes), mounted, sum(one["Size"] for one in counted), idle),
        _row("Build Cache", 0, 0, 0, 0),
    ]


def _row(kind: str, total: int, active: int, size: int, free: int) -> dict[str, str]:
    share = f" ({100 * free // size}%)" if size else ""
    return {
        "Type": kind,
        "TotalCount": str(total),
        "Active": str(active),
        "Size": human_size(size, 4),
        "Reclaimable": human_size(free, 4) + share,
    }


COMMAND = DockerCommand(
    "df",
    df,
    usage="[OPTIONS]",
    summary="Show disk usage",
    aliases=["rocker system df"],
    flags=[
        Flag("--format", kind="string", default="", help=FORMAT_HELP),
        Flag("-v", "--verbose", help="Show detailed information on space usage"),
    ],
    most=0,
)
