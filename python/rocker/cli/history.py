"""`rocker history`: the steps an image was made by."""

from __future__ import annotations

import time

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.formatting.table import FORMAT_HELP, Listing
from rocker.formatting.units import ago, ellipsis, human_size, short_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App

_HEADERS = {
    "Comment": "COMMENT", "CreatedAt": "CREATED AT", "CreatedBy": "CREATED BY", "CreatedSince": "CREATED",
    "ID": "IMAGE", "Size": "SIZE",
}  # fmt: skip
_WIDTH = 45


def history(app: App, values: Values, arguments: list[str]) -> int:
    """Show the steps of an image, newest first."""
    items = app.engine.images.history(arguments[0])
    table = listing(time.time(), truncate=not values["no_trunc"], human=values["human"])
    for line in table.render(items, values["format"], quiet="ID" if values["quiet"] else ""):
        app.out(line)
    return 0


def listing(now: float, *, truncate: bool, human: bool) -> Listing:
    """The columns of `history`, as of `now` in seconds since the epoch."""
    fields = {
        "ID": lambda item: short_id(item["Id"]) if truncate else item["Id"],
        "CreatedSince": lambda item: ago(item["Created"], now) if human else _stamp(item["Created"]),
        "CreatedAt": lambda item: _stamp(item["Created"]),
        "CreatedBy": lambda item: (
            ellipsis(_line(item["CreatedBy"]), _WIDTH) if truncate else _line(item["CreatedBy"])
        ),
        "Size": lambda item: human_size(item["Size"], 3) if human else str(item["Size"]),
        "Comment": lambda item: item["Comment"],
    }
    return Listing(
        _HEADERS,
        fields,
        ["ID", "CreatedSince", "CreatedBy", "Size", "Comment"],
        go_type="*image.historyContext",
    )


def _line(text: str) -> str:
    return text.replace("\t", " ")


def _stamp(seconds: int) -> str:
    moment = time.localtime(seconds)
    zone = time.strftime("%z", moment)
    offset = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    return time.strftime("%Y-%m-%dT%H:%M:%S", moment) + offset


COMMAND = DockerCommand(
    "history",
    history,
    usage="[OPTIONS] IMAGE",
    summary="Show the history of an image",
    aliases=["rocker image history", "rocker history"],
    flags=[
        Flag("--format", kind="string", default="", help=FORMAT_HELP),
        Flag(
            "-H",
            "--human",
            default=True,
            help="Print sizes and dates in human readable format (default true)",
        ),
        Flag("--no-trunc", help="Don't truncate output"),
        Flag("-q", "--quiet", help="Only show image IDs"),
    ],
    least=1,
    most=1,
)
