"""`rocker system df`: what lies on the disk."""

from __future__ import annotations

import time
from functools import partial

from rocker.cli import images as images_command
from rocker.cli import ps as ps_command
from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.engine.state import RUNS
from rocker.errors import InvalidArgumentError
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
    if values["verbose"] and values["format"] not in ("", "table"):
        raise InvalidArgumentError("the verbose and the format options conflict")
    usage = app.engine.disk_usage()
    if values["verbose"]:
        app.out("\n\n".join(_verbose(usage)))
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
    images, containers = usage["Images"], usage["Containers"]
    used = [image for image in images if image["Containers"] > 0]
    kept = sum(image["Size"] - image["SharedSize"] for image in used)
    alive = [one for one in containers if one["State"] in RUNS]
    written = sum(one["SizeRw"] for one in containers)
    return [
        _row("Images", len(images), len(used), usage["LayersSize"], usage["LayersSize"] - kept),
        _row(
            "Containers", len(containers), len(alive), written, written - sum(one["SizeRw"] for one in alive)
        ),
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


def _verbose(usage: DiskUsage) -> list[str]:
    sections = [("Images space usage:", _images(usage)), ("Containers space usage:", _containers(usage))]
    return [f"{title}\n\n{text}" for title, text in sections]


def _images(usage: DiskUsage) -> str:
    listing = images_command.listing(time.time(), truncate=True, digests=False)
    fields = {
        **listing.fields,
        "SharedSize": lambda row: human_size(row["SharedSize"], 3),
        "UniqueSize": lambda row: human_size(row["Size"] - row["SharedSize"], 3),
    }
    columns = ["Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers"]
    rows = [
        name for image in usage["Images"] for name in images_command.names(dict(image), {}, digests=False)
    ]
    return "\n".join(Listing(listing.headers, fields, columns).render(rows))


def _containers(usage: DiskUsage) -> str:
    listing = ps_command.listing(time.time(), truncate=True, size=True)
    fields = {
        **listing.fields,
        "LocalVolumes": lambda row: sum(mount["Type"] == "volume" for mount in row["Mounts"]),
        "Size": lambda row: human_size(row["SizeRw"], 3),
    }
    columns = ["ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"]
    return "\n".join(Listing(listing.headers, fields, columns).render(usage["Containers"]))


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
