"""`rocker stats`: what containers use."""

from __future__ import annotations

import time

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.errors import ConflictError
from rocker.formatting.table import FORMAT_HELP, Listing
from rocker.formatting.units import binary_size, human_size, short_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.cli.app import App
    from rocker.engine.container import Container

_INTERVAL = 1.0
_CLEAR = "\033[H\033[J"
_HEADERS = {
    "BlockIO": "BLOCK I/O", "CPUPerc": "CPU %", "Container": "CONTAINER", "ID": "CONTAINER ID", "MemPerc": "MEM %",
    "MemUsage": "MEM USAGE / LIMIT", "Name": "NAME", "NetIO": "NET I/O", "PIDs": "PIDS",
}  # fmt: skip


def stats(app: App, values: Values, arguments: list[str]) -> int:
    """Show what containers use, once or until interrupted; the processor's share is over one second."""
    table = listing(truncate=not values["no_trunc"])
    while True:
        samples = _samples(app, arguments, everything=values["all"])
        if not values["no_stream"]:
            app.out(_CLEAR + "\n".join(table.render(samples, values["format"])))
            app.flush()
            continue
        for line in table.render(samples, values["format"]):
            app.out(line)
        return 0


def _samples(app: App, names: list[str], *, everything: bool) -> list[dict[str, Any]]:
    containers = [app.engine.containers.get(name) for name in names] or app.engine.containers.list(
        all=everything
    )
    before = [(time.monotonic_ns(), _counters(container)) for container in containers]
    if containers:
        time.sleep(_INTERVAL)
    samples = []
    for container, (then, first) in zip(containers, before, strict=True):
        second = _counters(container)
        used = (second["cpu"]["usage_ns"] - first["cpu"]["usage_ns"]) if first and second else 0
        share = 100.0 * max(0, used) / (time.monotonic_ns() - then)
        samples.append({"container": container, "cpu": share, "counters": second})
    return samples


def _counters(container: Container) -> dict[str, Any]:
    """The counters, empty for a container that does not run."""
    try:
        return container.stats()
    except ConflictError:  # it has ended, or is between two starts
        return {}


def listing(*, truncate: bool) -> Listing:
    """The columns of `stats`."""
    fields = {
        "ID": lambda row: short_id(row["container"].id) if truncate else row["container"].id,
        "Container": lambda row: short_id(row["container"].id) if truncate else row["container"].id,
        "Name": lambda row: row["container"].name,
        "CPUPerc": lambda row: f"{row['cpu']:.2f}%",
        "MemUsage": _memory,
        "MemPerc": _memory_share,
        "NetIO": lambda _row: "0B / 0B",
        "BlockIO": _blocks,
        "PIDs": lambda row: str(row["counters"].get("pids", {}).get("current", 0)),
    }
    return Listing(
        _HEADERS,
        fields,
        ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"],
        go_type="*container.statsContext",
    )


def _usage(row: dict[str, Any]) -> tuple[int, int]:
    memory = row["counters"].get("memory", {})
    used = max(0, memory.get("usage", 0) - memory.get("stat", {}).get("inactive_file", 0))
    return used, _limit(memory.get("limit"))


def _limit(limit: int | None) -> int:
    """The container's limit, or the machine's memory where that is less."""
    import os

    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(limit, machine) if limit else machine


def _memory(row: dict[str, Any]) -> str:
    used, limit = _usage(row)
    return f"{binary_size(used)} / {binary_size(limit)}"


def _memory_share(row: dict[str, Any]) -> str:
    used, limit = _usage(row)
    return f"{100.0 * used / limit:.2f}%"


def _blocks(row: dict[str, Any]) -> str:
    devices = row["counters"].get("io", [])
    read = sum(device["read_bytes"] for device in devices)
    written = sum(device["write_bytes"] for device in devices)
    return f"{human_size(read, 3)} / {human_size(written, 3)}"


COMMAND = DockerCommand(
    "stats",
    stats,
    usage="[OPTIONS] [CONTAINER...]",
    summary="Display a live stream of container(s) resource usage statistics",
    aliases=["rocker container stats", "rocker stats"],
    flags=[
        Flag("-a", "--all", help="Show all containers (default shows just running)"),
        Flag("--format", kind="string", default="", help=FORMAT_HELP),
        Flag("--no-stream", help="Disable streaming stats and only pull the first result"),
        Flag("--no-trunc", help="Do not truncate output"),
    ],
)
