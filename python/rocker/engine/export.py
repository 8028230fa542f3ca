"""`export`: a container's root file system as a tar."""

from __future__ import annotations

from rocker.engine.files_view import request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container


def export(container: Container, destination: int) -> int:
    """Write it to a descriptor; see `Container.export`."""
    engine = container.engine
    return engine.core.export(engine.run_root, engine.root, request(container, mounted=False), destination)
