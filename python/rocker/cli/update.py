"""`rocker update`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, UsageError, Values
from rocker.cli.flags import Flag
from rocker.parse.cpus import parse_cpus
from rocker.parse.number import parse_int
from rocker.parse.restart import parse_restart
from rocker.parse.size import parse_size, parse_swap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.cli.app import App

_DECIMAL = 1_000_000_000
_SAME_NAME = (
    "memory", "memory_swap", "memory_reservation", "cpu_shares", "cpu_period", "cpu_quota", "cpuset_cpus",
    "cpuset_mems", "pids_limit", "blkio_weight",
)  # fmt: skip


def update(app: App, values: Values, arguments: list[str]) -> int:
    """Change limits and restart policies."""
    if not app.given:
        raise UsageError("you must provide one or more flags when using this command")
    changes: dict[str, Any] = {name: values[name] for name in _SAME_NAME}
    if values["cpus"] is not None:
        changes["cpus"] = values["cpus"] / _DECIMAL
    if values["restart"]:
        parse_restart(values["restart"])
        changes["restart_policy"] = values["restart"]
    return app.each(arguments, lambda name: app.engine.containers.get(name).update(**changes))


COMMAND = DockerCommand(
    "update",
    update,
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Update configuration of one or more containers",
    aliases=["rocker container update", "rocker update"],
    flags=[
        Flag("--blkio-weight", kind="uint16", parse=parse_int,
             help="Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)"),
        Flag("--cpu-period", kind="int", parse=parse_int, help="Limit CPU CFS (Completely Fair Scheduler) period"),
        Flag("--cpu-quota", kind="int", parse=parse_int, help="Limit CPU CFS (Completely Fair Scheduler) quota"),
        Flag("-c", "--cpu-shares", kind="int", parse=parse_int, help="CPU shares (relative weight)"),
        Flag("--cpus", kind="decimal", parse=parse_cpus, help="Number of CPUs"),
        Flag("--cpuset-cpus", kind="string", help="CPUs in which to allow execution (0-3, 0,1)"),
        Flag("--cpuset-mems", kind="string", help="MEMs in which to allow execution (0-3, 0,1)"),
        Flag("-m", "--memory", kind="bytes", parse=parse_size, help="Memory limit"),
        Flag("--memory-reservation", kind="bytes", parse=parse_size, help="Memory soft limit"),
        Flag("--memory-swap", kind="bytes", parse=parse_swap,
             help="Swap limit equal to memory plus swap: -1 to enable unlimited swap"),
        Flag("--pids-limit", kind="int", parse=parse_int, help="Tune container pids limit (set -1 for unlimited)"),
        Flag("--restart", kind="string", help="Restart policy to apply when a container exits"),
    ],
    least=1,
)  # fmt: skip
