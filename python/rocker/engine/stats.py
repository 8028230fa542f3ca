"""`stats`: the counters of a container's cgroup."""

from __future__ import annotations

from rocker.engine.state import alive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.container import Container


def stats(container: Container) -> dict[str, Any]:
    """Return the counters; see `Container.stats`."""
    return container.engine.core.cgroup_stats(alive(container)["cgroup"])
