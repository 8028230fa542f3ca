"""`rocker stats`: what containers use."""

from __future__ import annotations

import time

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.errors import ConflictError, NotFoundError
from rocker.formatting.table import FORMAT_HELP, Listing
from rocker.formatting.units import binary_size, human_size, short_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from rocker.cli.app import App
    from rocker.engine.container import Container

_INTERVAL = 1.0
_HEADERS = {
    "BlockIO": "BLOCK I/O", "CPUPerc": "CPU %", "Container": "CONTAINER", "ID": "CONTAINER ID", "MemPerc": "MEM %",
    "MemUsage": "MEM USAGE / LIMIT", "Name": "NAME", "NetIO": "NET I/O", "PIDs": "PIDS",
}  # fmt: skip


def stats(app: App, values: Values, arguments: list[str]) -> int:
    """Show what containers use, once or until interrupted; the processor's share is over one second."""
    table = listing(truncate=not values["no_trunc"])
    named = [(name, app.engine.containers.get(name)) for name in dict.fromkeys(arguments)]
    while True:
        samples = _samples(app, named, everything=values["all"])
        lines = list(table.render(samples, values["format"]))
        if values["no_stream"]:
            for line in lines:
                app.out(line)
            return 0
        app.out(_screen("\n".join(lines)))
        app.flush()
        if not samples:
            time.sleep(_INTERVAL)


def _screen(text: str) -> str:
    """The text over what was there: each line takes away the rest of the old one, so that nothing flickers."""
    return "\033[H" + "\n".join(f"{line} \033[K" for line in text.split("\n")) + "\n\033[J"


def _samples(app: App, named: Sequence[tuple[str, Container]], *, everything: bool) -> list[dict[str, Any]]:
    """What those that were named use, else those that run or, with `everything`, all."""
    containers = named or [(short_id(one.id), one) for one in app.engine.containers.list(all=everything)]
    before = [(time.monotonic_ns(), _counters(container)) for _, container in containers]
    if containers:
        time.sleep(_INTERVAL)
    samples = []
    for (name, container), (then, first) in zip(containers, before, strict=True):
        second = _counters(container)
        used = (second["cpu"]["usage_ns"] - first["cpu"]["usage_ns"]) if first and second else 0
        share = 100.0 * max(0, used) / (time.monotonic_ns() - then)
        samples.append({"name": name, "container": container, "cpu": share, "counters": second})
    return samples


def _counters(container: Container) -> dict[str, Any] | None:
    """The counters, empty for a container that does not run, None for one that has gone."""
    try:
        return container.stats()
    except ConflictError:  # it has ended, or is between two starts
        return {}
    except NotFoundError:
        return None


def listing(*, truncate: bool) -> Listing:
    """The columns of `stats`."""
    fields: dict[str, Callable[[dict[str, Any]], str]] = {
        "ID": lambda row: short_id(row["container"].id) if truncate else row["container"].id,
        "Container": lambda row: row["name"],
        "Name": lambda row: row["container"].name,
        "CPUPerc": _valid(lambda row: f"{row['cpu']:.2f}%"),
        "MemUsage": _valid(_memory, "-- / --"),
        "MemPerc": _valid(_memory_share),
        "NetIO": _valid(_networks),
        "BlockIO": _valid(_blocks),
        "PIDs": _valid(lambda row: str(row["counters"].get("pids", {}).get("current", 0))),
    }
    return Listing(
        _HEADERS,
        fields,
        ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"],
        go_type="*container.statsContext",
    )


def _valid(make: Callable[[dict[str, Any]], str], otherwise: str = "--") -> Callable[[dict[str, Any]], str]:
    """A column that says nothing of a container that has gone."""
    return lambda row: otherwise if row["counters"] is None else make(row)


def _usage(row: dict[str, Any]) -> tuple[int, int]:
    """Bytes in use and at most; of one that does not run nothing is known, not even the limit, as in Docker."""
    memory = row["counters"].get("memory")
    if not memory:
        return 0, 0
    return max(0, memory["usage"] - memory.get("stat", {}).get("inactive_file", 0)), _limit(
        memory.get("limit")
    )


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
    return f"{100.0 * used / limit if limit else 0.0:.2f}%"


def _networks(row: dict[str, Any]) -> str:
    links = row["counters"].get("networks", {}).values()
    received, sent = (sum(link.get(name, 0) for link in links) for name in ("rx_bytes", "tx_bytes"))
    return f"{human_size(received, 3)} / {human_size(sent, 3)}"


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
