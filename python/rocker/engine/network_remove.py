"""`network rm`: a network, its bridge and its rules."""

from __future__ import annotations

import contextlib
import os

from rocker.engine.emit import emit
from rocker.engine.network_collect import collect_all
from rocker.engine.network_inspect import users
from rocker.errors import ConflictError, DeniedError
from rocker.network import store
from rocker.network.hold import locked
from rocker.network.plan import table_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.engine import Engine
    from rocker.network.store import Network


def remove(engine: Engine, reference: str) -> None:
    """Remove it; see `Network.remove`."""
    network = store.get(engine.catalog, reference)
    if network.builtin:
        raise DeniedError(
            f"{network.name} is a pre-defined network and cannot be removed",
            hint="every engine has bridge, host and none",
        )
    collect_all(engine)
    with locked(engine, network.id, exclusive=True) as path:
        running = users(engine, network.id)
        if running:
            raise ConflictError(
                f"error while removing network: network {network.name} id {network.id} has active endpoints",
                hint="stop or disconnect "
                + ", ".join(_names(engine, [found.container for found in running])),
            )
        _forget(engine, network)
        _remove_directory(path)
    emit(engine, "network", "destroy", network.id, {"name": network.name, "type": network.driver})


def _forget(engine: Engine, network: Network) -> None:
    """Delete the rows and then the bridge, in one transaction: a bridge that stays keeps its row."""
    with engine.catalog.write() as db:
        if not store.delete(db, network.id):
            raise store.not_found(network.name)
        if network.config.parent:
            from rocker.network.parent import remove as remove_parent

            remove_parent(engine, network)
        else:
            engine.core.network_remove(network.bridge, table_of(engine))


def _names(engine: Engine, ids: list[str]) -> list[str]:
    names: dict[object, object] = dict(engine.catalog.query("SELECT id, name FROM containers"))  # type: ignore[arg-type]
    return [str(names.get(id, id[:12])) for id in ids]  # noqa: A001


def _remove_directory(path: str) -> None:
    """Remove the directory of name records, with those that killed shims have left."""
    with contextlib.suppress(OSError):
        for name in os.listdir(path):
            os.unlink(f"{path}/{name}")
        os.rmdir(path)
