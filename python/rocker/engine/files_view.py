"""What the core is told of a container whose files are looked at: see `_core.pyi`, files of containers."""

from __future__ import annotations

from functools import partial

from rocker.engine import mounts
from rocker.engine.launch import rootfs
from rocker.engine.state import HAS_PROCESSES
from rocker.errors import NotFoundError
from rocker.models.jsontext import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.container import Container

_OWN = frozenset({"bind", "image", "volume"})


def request(container: Container, *, mounted: bool) -> bytes:
    """Return the request; with `mounted` with what is mounted in it, which only one that does not run needs.

    Raises:
        NotFoundError: the source of a bind has gone.
    """
    found: list[dict[str, Any]] = []
    if mounted:
        try:
            found = _mounts(container)
        except NotFoundError:
            # A running one has it all the same.
            if container.status not in HAS_PROCESSES:
                raise
    document = {
        "id": container.id,
        "rootfs": rootfs(container.engine.root, container.config),
        "mounts": found,
    }
    return encode(document).encode()


def _mounts(container: Container) -> list[dict[str, Any]]:
    from rocker.engine.volumes.mounts import document

    config = container.config
    resolved = mounts.resolve(
        config.all_mounts, privileged=config.options.privileged, volume=partial(document, container.engine)
    )
    return [mount for mount in resolved if mount["type"] in _OWN]
