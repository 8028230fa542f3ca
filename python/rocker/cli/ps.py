"""`rocker ps`: list containers."""

from __future__ import annotations

import time

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.formatting.table import FORMAT_HELP, Listing, gather_filters, parse_filter
from rocker.formatting.units import ago, ellipsis, human_size, short_id
from rocker.parse.number import parse_int, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.cli.app import App
    from rocker.models.container import ContainerSummary

_FILTERS = (
    "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name", "network",
    "publish", "since", "status", "volume",
)  # fmt: skip
_HEADERS = {
    "Command": "COMMAND", "CreatedAt": "CREATED AT", "HealthStatus": "HEALTH STATUS", "ID": "CONTAINER ID",
    "Image": "IMAGE", "Labels": "LABELS",
    "LocalVolumes": "LOCAL VOLUMES", "Mounts": "MOUNTS", "Names": "NAMES", "Networks": "NETWORKS", "Ports": "PORTS",
    "RunningFor": "CREATED", "Size": "SIZE", "State": "STATE", "Status": "STATUS",
}  # fmt: skip
_BLANK = {
    "Id": "", "Names": [], "Image": "", "Command": "", "Created": 0, "Ports": [], "Labels": {}, "State": "",
    "Status": "", "Mounts": [], "NetworkSettings": {}, "Health": {"Status": "none"},
}  # fmt: skip
_COMMAND_WIDTH, _MOUNT_WIDTH = 20, 15


def ps(app: App, values: Values, _arguments: list[str]) -> int:
    """List containers: the running ones, or all."""
    form = values["format"]
    if values["quiet"] and form:
        app.err("WARNING: Ignoring custom format, because both --format and --quiet are set.")
        form = ""
    filters = gather_filters(values["filter"], _FILTERS)
    limit = 1 if values["latest"] and values["last"] in {None, -1} else values["last"]
    limit = limit if limit and limit > 0 else None
    size = values["size"] or ("{{" in form and ".Size" in form)
    import gc

    # Nothing here makes cycles, and the collector would walk over all rows again and again.
    gc.disable()
    try:
        rows = app.engine.containers.rows(
            all=values["all"], filters=filters or None, limit=limit, size=size, brief=form in ("", "table")
        )
    finally:
        gc.enable()
    table = listing(time.time(), truncate=not values["no_trunc"], size=values["size"])
    if not rows:
        table.check(form, _BLANK)
    for line in table.render(rows, form, quiet="ID" if values["quiet"] else ""):
        app.out(line)
    return 0


def listing(now: float, *, truncate: bool, size: bool) -> Listing:
    """The columns of `ps`, as of `now` in seconds since the epoch."""
    fields = {
        "ID": lambda row: short_id(row["Id"]) if truncate else row["Id"],
        "Image": lambda row: _image(row, truncate=truncate),
        "Command": lambda row: quote(
            ellipsis(row["Command"], _COMMAND_WIDTH) if truncate else row["Command"]
        ),
        "CreatedAt": lambda row: time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(row["Created"])),
        "RunningFor": lambda row: ago(row["Created"], now),
        "Ports": lambda row: _ports(row["Ports"]),
        "State": lambda row: row["State"],
        "Status": lambda row: row["Status"],
        "HealthStatus": lambda row: row["Health"]["Status"].replace("none", ""),
        "Size": _size,
        "Names": lambda row: ",".join(name.removeprefix("/") for name in row["Names"]),
        "Labels": lambda row: ",".join(
            f"{name}={value}" for name, value in sorted((row["Labels"] or {}).items())
        ),
        "Label": lambda row: lambda name: (row["Labels"] or {}).get(name, ""),
        "Mounts": lambda row: _mounts(row, truncate=truncate),
        "LocalVolumes": lambda row: str(sum(mount.get("Driver") == "local" for mount in row["Mounts"])),
        "Networks": lambda row: ",".join(row["NetworkSettings"].get("Networks") or {}),
    }
    columns = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"]
    return Listing(
        _HEADERS, fields, [*columns, "Size"] if size else columns, go_type="*formatter.ContainerContext"
    )


def _image(row: ContainerSummary, *, truncate: bool) -> str:
    if not row["Image"]:
        return "<no image>"
    return short_id(row["Image"]) if truncate and row["Image"].startswith("sha256:") else row["Image"]


def _ports(ports: list[dict[str, Any]]) -> str:
    """`0.0.0.0:8080->80/tcp, 9000-9002/tcp`: neighbours with one number on both sides are a range, as in Docker."""
    groups: dict[tuple[str, str], list[int]] = {}
    done: list[str] = []
    others: list[str] = []
    for port in sorted(ports, key=_order):
        number, address = port["PrivatePort"], host_of(port.get("IP", ""))
        if address and port["PublicPort"] != number:
            others.append(f"{address}:{port['PublicPort']}->{number}/{port['Type']}")
            continue
        group = groups.get((address, port["Type"]))
        if group is not None and number == group[1] + 1:
            group[1] = number
            continue
        if group is not None:
            done.append(_range(address, port["Type"], group))
            del groups[address, port["Type"]]
        groups[address, port["Type"]] = [number, number]
    done += [_range(address, kind, group) for (address, kind), group in groups.items()]
    return ", ".join([*done, *others])


def _order(port: dict[str, Any]) -> tuple[int, str, int, str]:
    return (port["PrivatePort"], port.get("IP", ""), port.get("PublicPort", 0), port["Type"])


def host_of(address: str) -> str:
    """An address before a port: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def _range(address: str, kind: str, group: list[int]) -> str:
    text = str(group[0]) if group[0] == group[1] else f"{group[0]}-{group[1]}"
    return f"{address}:{text}->{text}/{kind}" if address else f"{text}/{kind}"


def _size(row: ContainerSummary) -> str:
    text = human_size(row.get("SizeRw") or 0, 3)
    virtual = row.get("SizeRootFs") or 0
    return f"{text} (virtual {human_size(virtual, 3)})" if virtual > 0 else text


def _mounts(row: ContainerSummary, *, truncate: bool) -> str:
    names = [mount.get("Name") or mount["Source"] for mount in row["Mounts"]]
    return ",".join(ellipsis(name, _MOUNT_WIDTH) if truncate else name for name in names)


COMMAND = DockerCommand(
    "ps",
    ps,
    usage="[OPTIONS]",
    summary="List containers",
    aliases=["rocker container ls", "rocker container list", "rocker container ps", "rocker ps"],
    flags=[
        Flag("-a", "--all", help="Show all containers (default shows just running)"),
        Flag(
            "-f",
            "--filter",
            kind="filter",
            parse=parse_filter,
            many=True,
            offers=_FILTERS,
            help="Filter output based on conditions provided",
        ),
        Flag("--format", kind="string", default="", help=FORMAT_HELP),
        Flag(
            "-n",
            "--last",
            kind="int",
            parse=parse_int,
            help="Show n last created containers (includes all states)",
        ),
        Flag("-l", "--latest", help="Show the latest created container (includes all states)"),
        Flag("--no-trunc", help="Don't truncate output"),
        Flag("-q", "--quiet", help="Only display container IDs"),
        Flag("-s", "--size", help="Display total file sizes"),
    ],
    most=0,
)
