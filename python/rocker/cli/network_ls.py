"""`rocker network ls`: list networks."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.formatting.table import FORMAT_HELP, Listing, gather_filters, parse_filter
from rocker.formatting.units import short_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App

_FILTERS = ("dangling", "driver", "id", "label", "name", "scope", "type")
_HEADERS = {
    "CreatedAt": "CREATED AT", "Driver": "DRIVER", "ID": "NETWORK ID", "IPv4": "IPV4", "IPv6": "IPV6",
    "Internal": "INTERNAL", "Labels": "LABELS", "Name": "NAME", "Scope": "SCOPE",
}  # fmt: skip


def ls(app: App, values: Values, _arguments: list[str]) -> int:
    """List networks by name."""
    filters = gather_filters(values["filter"], _FILTERS)
    rows = app.engine.networks.rows(filters=filters or None)
    table = listing(truncate=not values["no_trunc"])
    for line in table.render(rows, values["format"], quiet="ID" if values["quiet"] else ""):
        app.out(line)
    return 0


def listing(*, truncate: bool) -> Listing:
    """The columns of `network ls`."""
    fields = {
        "ID": lambda row: short_id(row["Id"]) if truncate else row["Id"],
        "Name": lambda row: row["Name"],
        "Driver": lambda row: row["Driver"],
        "Scope": lambda row: row["Scope"],
        "IPv4": lambda row: str(row["EnableIPv4"]).lower(),
        "IPv6": lambda row: str(row["EnableIPv6"]).lower(),
        "Internal": lambda row: str(row["Internal"]).lower(),
        "Labels": lambda row: ",".join(f"{name}={value}" for name, value in sorted(row["Labels"].items())),
        "Label": lambda row: lambda name: row["Labels"].get(name, ""),
        "CreatedAt": lambda row: _created(row["Created"]),
    }
    return Listing(_HEADERS, fields, ["ID", "Name", "Driver", "Scope"])


def _created(text: str) -> str:
    """As Go prints a time: `2026-11-26 15:48:13.926904252 +0000 UTC`."""
    return text.replace("T", " ").removesuffix("Z") + " +0000 UTC"


COMMAND = DockerCommand(
    "ls",
    ls,
    usage="[OPTIONS]",
    summary="List networks",
    aliases=["rocker network ls", "rocker network list"],
    flags=[
        Flag("-f", "--filter", kind="filter", parse=parse_filter, many=True, offers=_FILTERS,
             help='Provide filter values (e.g. "driver=bridge")'),
        Flag("--format", kind="string", default="", help=FORMAT_HELP),
        Flag("--no-trunc", help="Do not truncate the output"),
        Flag("-q", "--quiet", help="Only display network IDs"),
    ],
    most=0,
)  # fmt: skip
