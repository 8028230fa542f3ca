"""`rocker network prune`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.confirm import confirm
from rocker.cli.flags import Flag
from rocker.formatting.table import gather_filters, parse_filter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App

_FILTERS = ("label", "label!", "until")
_WARNING = "WARNING! This will remove all custom networks not used by at least one container."
UNUSED = "all networks not used by at least one container"
"""What the question of `system prune` says of them."""


def prune(app: App, values: Values, _arguments: list[str]) -> int:
    """Remove the networks that nobody uses."""
    filters = gather_filters(values["filter"], _FILTERS)
    if not values["force"] and not confirm(app, _WARNING):
        return 0
    remove(app, filters)
    return 0


def remove(app: App, filters: dict[str, list[str]]) -> None:
    """Remove them and list them."""
    names = app.engine.networks.prune(filters=filters or None)
    if names:
        app.out("\n".join(["Deleted Networks:", *names, ""]))


COMMAND = DockerCommand(
    "prune",
    prune,
    usage="[OPTIONS]",
    summary="Remove all unused networks",
    flags=[
        Flag("--filter", kind="filter", parse=parse_filter, many=True, offers=_FILTERS,
             help='Provide filter values (e.g. "until=<timestamp>")'),
        Flag("-f", "--force", help="Do not prompt for confirmation"),
    ],
    most=0,
)  # fmt: skip
