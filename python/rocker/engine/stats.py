"""`stats`: the counters of a container's cgroup."""

from __future__ import annotations

from rocker.engine.namespaces import network_mode
from rocker.engine.state import alive, restarting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.container import Container

_RECEIVED = ("rx_bytes", "rx_packets", "rx_errors", "rx_dropped")
_SENT = ("tx_bytes", "tx_packets", "tx_errors", "tx_dropped")
_SENT_FROM = 8
"""Number of columns before the first of what was sent."""


def stats(container: Container) -> dict[str, Any]:
    """Return the counters; see `Container.stats`."""
    state = alive(container)
    if state["status"] == "restarting":
        raise restarting(container)
    found = container.engine.core.cgroup_stats(state["cgroup"])
    mode = network_mode(container.options)
    # With the host's network it has no counters of its own, as in Docker.
    return {**found, "networks": {} if mode == "host" else networks(state["pid"])}


def networks(pid: int) -> dict[str, dict[str, int]]:
    """Return the counters of each link but loopback in a process's network namespace (proc_pid_net(5), `dev`)."""
    try:
        with open(f"/proc/{pid}/net/dev", encoding="ascii", errors="replace") as file:
            lines = file.read().splitlines()[2:]
    except OSError:  # it has just ended
        return {}
    found = {}
    for line in lines:
        name, _, numbers = line.partition(":")
        values = [int(number) for number in numbers.split()]
        if name.strip() != "lo":
            found[name.strip()] = dict(zip(_RECEIVED, values, strict=False)) | dict(
                zip(_SENT, values[_SENT_FROM:], strict=False)
            )
    return found
