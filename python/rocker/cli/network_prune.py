"""`rocker network prune`."""

from __future__ import annotations

import sys

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.formatting.table import gather_filters, parse_filter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App

_FILTERS = ("label", "label!", "until")
_QUESTION = (
    "WARNING! This will remove all custom networks not used by at least one container.\n"
    "Are you sure you want to continue? [y/N] "
)


def prune(app: App, values: Values, _arguments: list[str]) -> int:
    """Remove the networks that nobody uses."""
    filters = gather_filters(values["filter"], _FILTERS)
    if not values["force"] and not confirmed(_QUESTION):
        return 0
    names = app.engine.networks.prune(filters=filters or None)
    if names:
        app.out("\n".join(["Deleted Networks:", *names, ""]))
    return 0


def confirmed(question: str) -> bool:
    """Ask on standard output, and read the answer from standard input: `y` and nothing else is yes."""
    sys.stdout.write(question)
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() == "y"


COMMAND = DockerCommand(
    "prune",
    prune,
    usage="[OPTIONS]",
    summary="Remove all unused networks",
    flags=[
        Flag("--filter", kind="filter", parse=parse_filter, many=True,
             help='Provide filter values (e.g. "until=<timestamp>")'),
        Flag("-f", "--force", help="Do not prompt for confirmation"),
    ],
    most=0,
)  # fmt: skip
