"""`rename`: another name for a container."""

from __future__ import annotations

import contextlib

from rocker.engine import emit
from rocker.engine.names import check
from rocker.engine.requests import call
from rocker.errors import GoneError, InvalidArgumentError, NotRunningError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container


def rename(container: Container, name: str) -> None:
    """Rename it; see `Container.rename`."""
    if not name.strip("/"):
        raise InvalidArgumentError("Neither old nor new names may be empty")
    bare = check(name)
    if bare == container.name:
        raise InvalidArgumentError("Renaming a container with the same name as its current name")
    container.engine.catalog.rename_container(container.id, bare)
    former, container.name = container.name, bare
    with contextlib.suppress(NotRunningError, GoneError):
        call(container, "rename", name=bare)
    if container.config.options.network not in {"none", "host"}:
        from rocker.network.rename import rename as rename_records

        rename_records(container.engine, container.id, bare, container.config)
    attributes = emit.attributes_of(bare, container.config)
    emit.container(container.engine, "rename", container.id, {**attributes, "oldName": f"/{former}"})
