"""`pause`: freeze all processes of a container."""

from __future__ import annotations

from rocker.engine.requests import call
from rocker.engine.state import alive, restarting
from rocker.errors import ConflictError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container


def pause(container: Container) -> None:
    """Freeze it; see `Container.pause`."""
    status = alive(container, "pause")["status"]
    if status == "paused":
        raise ConflictError(f"Container {container.id} is already paused")
    if status == "restarting":
        raise restarting(container)
    call(container, "pause")
