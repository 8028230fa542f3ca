"""`pause`: freeze all processes of a container."""

from __future__ import annotations

from rocker.engine.requests import call
from rocker.engine.state import alive
from rocker.errors import ConflictError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container


def pause(container: Container) -> None:
    """Freeze it; see `Container.pause`."""
    if alive(container, "pause")["status"] == "paused":
        raise ConflictError(f"Container {container.id} is already paused")
    call(container, "pause")
