"""`diff`: what a container has changed of its image."""

from __future__ import annotations

import os

from rocker.engine.files_view import request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container
    from rocker.models.container import Change


def diff(container: Container) -> list[Change]:
    """Return the changes; see `Container.diff`."""
    engine = container.engine
    found = engine.core.changes(engine.run_root, engine.root, request(container, mounted=False))
    return [{"Path": os.fsdecode(path), "Kind": kind} for kind, path in found]
