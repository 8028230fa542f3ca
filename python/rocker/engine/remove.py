"""`remove`: a container, its row and its files."""

from __future__ import annotations

import os

from rocker.engine.state import RUNS
from rocker.errors import (
    ConflictError,
    ContainerNotFoundError,
    NoSpaceError,
    NotFoundError,
    NotRunningError,
    RockerError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.catalog import ContainerRow
    from rocker.engine.container import Container
    from rocker.engine.engine import Engine

GRAVE = "rm-"
"""How the names of removed containers' directories begin, below `tmp/` of the data root."""


def remove(container: Container, *, force: bool, volumes: bool = False) -> None:
    """Remove it; see `Container.remove`."""
    engine = container.engine
    state = engine.state(container.id)
    status = state["status"] if state is not None else "created"
    if status in RUNS:
        if not force:
            raise _refusal(container, status)
        _kill(container)
    if not discard(engine, container.id, volumes=volumes or container.options.auto_remove):
        if force and container.options.auto_remove:
            return  # it went by itself when it was killed
        raise ContainerNotFoundError(f"No such container: {container.id}")


def _refusal(container: Container, status: str) -> ConflictError:
    advice = (
        "Unpause and then stop the container before attempting removal or force remove"
        if status == "paused"
        else "Stop the container before attempting removal or force remove"
    )
    return ConflictError(
        f"You cannot remove a {status} container {container.id}. {advice}",
        hint=f"rocker rm --force {container.name}",
    )


def _kill(container: Container) -> None:
    from rocker.engine.kill import end

    try:
        end(container)
    except NotRunningError:
        pass


def discard(engine: Engine, id: str, *, volumes: bool = False) -> bool:  # noqa: A002
    """Take away the row and the files of a container that does not run; False when there was no row.

    With `volumes` those that were made for it go too, unless another container uses them.

    A shim that is about to leave is waited for: the run directory names its cgroup, should it be killed meanwhile.
    The directory is renamed in the transaction that deletes the row, and removed afterwards: when this process dies in
    between, what is left below `tmp/` is collected by the next listing.
    """
    engine.core.settle(engine.run_root, engine.root, id)
    row = _row(engine, id)
    # Its shim, or whoever found that killed, tells of the removal of one with `auto_remove` that has run.
    tells = row is not None and os.path.isdir(engine.directory(id))
    try:
        found = _delete(engine, id, volumes=volumes)
    except NoSpaceError:
        # Its own files may be what fills the disk. A row without a directory stands for nothing, so that they can go
        # before it.
        move_away(engine, id)
        bury(engine, id)
        found = _delete(engine, id, volumes=volumes)
    bury(engine, id)
    if row is not None and found and tells:
        from rocker.engine import emit
        from rocker.engine.config import ContainerConfig

        attributes = emit.attributes_of(row.name, ContainerConfig.decode(row.config))
        emit.container(engine, "destroy", id, attributes)
    return found


def _row(engine: Engine, id: str) -> ContainerRow | None:  # noqa: A002
    try:
        return engine.catalog.get_by_ref(id)
    except ContainerNotFoundError:
        return None


def abandon(engine: Engine, id: str) -> None:  # noqa: A002
    """Remove a container whose start has failed, or was interrupted and goes on."""
    from rocker.engine.requests import body

    try:
        engine.core.call(engine.run_root, id, body("stop", signal=9, timeout=0, kill=True))
    except RockerError:
        pass
    try:
        discard(engine, id, volumes=True)
    except RockerError:  # the start's own failure is what is told
        pass


def _delete(engine: Engine, id: str, *, volumes: bool, files: bool = True) -> bool:  # noqa: A002
    graves: list[str] = []
    with engine.catalog.write() as db:
        orphans = db.execute(_ORPHANS, (id,)).fetchall() if volumes else []
        found = engine.catalog.delete_container(id)
        if orphans:
            from rocker.engine.volumes.remove import forget as forget_volumes

            graves = forget_volumes(engine, db, [name for (name,) in orphans])
        if files:
            move_away(engine, id)
    if orphans:
        from rocker.engine.volumes.create import tell

        tell(engine, "destroy", [name for (name,) in orphans])
    for grave in graves:
        try:
            engine.core.remove_tree(grave)
        except NotFoundError:  # two may remove at once
            pass
    return found


_ORPHANS = (
    "SELECT DISTINCT volume FROM volume_uses AS mine WHERE container_id = ?1 AND mine.own AND NOT EXISTS "
    "(SELECT 1 FROM volume_uses WHERE volume = mine.volume AND container_id <> ?1)"
)
"""Volumes that were made for a container, or for one that lent it its own, and that no other uses."""


def move_away(engine: Engine, id: str) -> None:  # noqa: A002
    """Take a container's directory out of sight; `bury` removes it."""
    try:
        os.rename(engine.directory(id), f"{engine.root}/tmp/{GRAVE}{id}")
    except FileNotFoundError:
        pass


def forget(engine: Engine, id: str) -> None:  # noqa: A002
    """Delete the row of a container whose shim has removed its files."""
    _delete(engine, id, volumes=True, files=False)


def bury(engine: Engine, id: str) -> None:  # noqa: A002
    """Remove the files of a container that has no row any more; its grave last, by which the rest is found again."""
    for path in (f"{engine.run_root}/containers/{id}", f"{engine.root}/tmp/{GRAVE}{id}"):
        if os.path.lexists(path):
            try:
                engine.core.remove_tree(path)
            except (NotFoundError, FileNotFoundError):  # two may remove at once
                pass
