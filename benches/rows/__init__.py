"""One file for each group of rows. A group is a function of a `Bench` that returns results."""

from collections.abc import Callable

from benches.measure import Result
from benches.rows import (
    bridge,
    crowd,
    execs,
    images,
    life,
    logs,
    looks,
    memory,
    starts,
    stats,
    throughput,
    traffic,
)
from benches.rows.bench import Bench

GROUPS: dict[str, Callable[[Bench], list[Result]]] = {
    "starts": starts.measure,
    "throughput": throughput.measure,
    "bridge": bridge.measure,
    "iperf": traffic.iperf,
    "resolver": traffic.resolver,
    "execs": execs.measure,
    "looks": looks.measure,
    "life": life.measure,
    "memory": memory.measure,
    "stats": stats.measure,
    "logs": logs.measure,
    "images": images.measure,
    "crowd": crowd.measure,
}
