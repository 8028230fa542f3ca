"""`stats`: the counters of a container's cgroup."""

from __future__ import annotations

from rocker.engine.state import alive, restarting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.container import Container


def stats(container: Container) -> dict[str, Any]:
    """Return the counters; see `Container.stats`."""
    state = alive(container)
    if state["status"] == "restarting":
        raise restarting(container)
    return container.engine.core.cgroup_stats(state["cgroup"])
