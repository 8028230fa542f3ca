"""`rocker volume ls`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.engine.volumes.list import FILTERS
from rocker.formatting.table import FORMAT_HELP, Listing, parse_filter
from rocker.formatting.units import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App

_HEADERS = {
    "Availability": "AVAILABILITY", "Driver": "DRIVER", "Group": "GROUP", "Labels": "LABELS", "Links": "LINKS",
    "Mountpoint": "MOUNTPOINT", "Name": "VOLUME NAME", "Scope": "SCOPE", "Size": "SIZE", "Status": "STATUS",
}  # fmt: skip


def volume_ls(app: App, values: Values, _arguments: list[str]) -> int:
    """List volumes."""
    filters: dict[str, list[str]] = {}
    for name, value in values["filter"]:
        filters.setdefault(name, []).append(value)
    rows = [volume.inspect() for volume in app.engine.volumes.list(filters=filters)]
    for line in listing().render(rows, values["format"], quiet="Name" if values["quiet"] else ""):
        app.out(line)
    return 0


def listing() -> Listing:
    """The columns of `volume ls`. What only clusters have, and what only `system df` counts, is `N/A`, as in Docker."""
    absent = {name: lambda _row: "N/A" for name in ("Availability", "Group", "Status")}
    fields = {
        **absent,
        "Driver": lambda row: row["Driver"],
        "Links": lambda row: str(row["UsageData"]["RefCount"]) if "UsageData" in row else "N/A",
        "Size": lambda row: human_size(row["UsageData"]["Size"], 4) if "UsageData" in row else "N/A",
        "Name": lambda row: row["Name"],
        "Scope": lambda row: row["Scope"],
        "Mountpoint": lambda row: row["Mountpoint"],
        "Labels": lambda row: ",".join(
            f"{name}={value}" for name, value in sorted((row["Labels"] or {}).items())
        ),
        "Label": lambda row: lambda name: (row["Labels"] or {}).get(name, ""),
    }
    return Listing(_HEADERS, fields, ["Driver", "Name"], go_type="*formatter.volumeContext")


COMMAND = DockerCommand(
    "ls",
    volume_ls,
    usage="[OPTIONS]",
    summary="List volumes",
    aliases=["rocker volume ls", "rocker volume list"],
    flags=[
        Flag("-f", "--filter", kind="filter", parse=parse_filter, many=True, offers=FILTERS,
             help='Provide filter values (e.g. "dangling=true")'),
        Flag("--format", kind="string", default="", help=FORMAT_HELP),
        Flag("-q", "--quiet", help="Only display volume names"),
    ],
    most=0,
)  # fmt: skip
