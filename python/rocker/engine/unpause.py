"""`unpause`: let the processes of a container go on."""

from __future__ import annotations

from rocker.engine.requests import call
from rocker.engine.state import alive
from rocker.errors import ConflictError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container


def unpause(container: Container) -> None:
    """Thaw it; see `Container.unpause`."""
    if alive(container, "unpause")["status"] != "paused":
        raise ConflictError(f"Container {container.id} is not paused")
    call(container, "resume")
