"""`rocker system prune`."""

from __future__ import annotations

from rocker.cli import container_prune, image_prune, network_prune, volume_prune
from rocker.cli.command import DockerCommand, Values
from rocker.cli.confirm import confirm
from rocker.cli.flags import Flag
from rocker.engine.prune import FILTERS
from rocker.errors import InvalidArgumentError
from rocker.formatting.table import gather_filters, parse_filter
from rocker.formatting.units import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def prune(app: App, values: Values, _arguments: list[str]) -> int:
    """Remove unused data."""
    filters = gather_filters(values["filter"], FILTERS)
    if values["volumes"] and "until" in filters:
        raise InvalidArgumentError('ERROR: The "until" filter is not supported with "--volumes"')
    if not values["force"] and not confirm(app, _warning(values, filters)):
        return 0
    # Containers first: what they used is free then.
    space = container_prune.remove(app, filters)
    network_prune.remove(app, filters)
    if values["volumes"]:
        space += volume_prune.remove(app, filters, everything=False)
    space += image_prune.remove(app, filters, everything=values["all"])
    app.out(f"Total reclaimed space: {human_size(space, 4)}")
    return 0


def _warning(values: Values, filters: dict[str, list[str]]) -> str:
    items = ["all stopped containers", network_prune.UNUSED]
    if values["volumes"]:
        items.append(volume_prune.ANONYMOUS)
    items.append(image_prune.UNUSED if values["all"] else image_prune.DANGLING)
    lines = ["WARNING! This will remove:", *(f"  - {item}" for item in items), ""]
    if filters:
        given = [f"  - {name}={value}" for name, all_of in sorted(filters.items()) for value in all_of]
        lines[-1:] = ["", "  Items to be pruned will be filtered with:", *given, ""]
    return "\n".join(lines)


COMMAND = DockerCommand(
    "prune",
    prune,
    usage="[OPTIONS]",
    summary="Remove unused data",
    aliases=["rocker system prune"],
    flags=[
        Flag("-a", "--all", help="Remove all unused images not just dangling ones"),
        Flag("--filter", kind="filter", parse=parse_filter, many=True, offers=FILTERS,
             help='Provide filter values (e.g. "label=<key>=<value>")'),
        Flag("-f", "--force", help="Do not prompt for confirmation"),
        Flag("--volumes", help="Prune anonymous volumes"),
    ],
    most=0,
)  # fmt: skip
