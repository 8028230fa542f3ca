"""`network disconnect`: a container off one of its networks, running or not."""

from __future__ import annotations

from rocker.engine.emit import emit
from rocker.engine.network_files import rewrite
from rocker.engine.requests import body
from rocker.engine.state import has_network
from rocker.errors import ConflictError, GoneError, NotRunningError, RockerError
from rocker.network import plan, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container
    from rocker.engine.engine import Engine
    from rocker.network.plan import Place


def disconnect(engine: Engine, reference: str, container: Container | str, *, force: bool) -> None:
    """Disconnect it; see `Network.disconnect`."""
    from rocker.engine.namespaces import network_mode

    found = engine.containers.get(container) if isinstance(container, str) else container
    network = store.get(engine.catalog, reference)
    mode = network_mode(found.options)
    if network.driver == "host" and mode == "host":
        raise ConflictError("container cannot be disconnected from host network or connected to host network")
    endpoints = store.endpoints_of(engine.catalog, found.id)
    if not any(endpoint.network == network.id for endpoint in endpoints):
        raise ConflictError(f"container {found.id} is not connected to network {network.name}")
    told = False
    state = engine.state(found.id)
    if has_network(state):
        try:
            _leave(engine, found, network.id)
            told = True
        except (NotRunningError, GoneError):  # it has ended meanwhile, and its interfaces with it
            pass
        except RockerError:
            if not force:
                raise
    with engine.catalog.write() as db:
        db.execute("DELETE FROM endpoints WHERE container_id = ? AND network_id = ?", (found.id, network.id))
    if not told:  # by its shim
        attributes = {"container": found.id, "name": network.name, "type": network.driver}
        emit(engine, "network", "disconnect", network.id, attributes)


def _leave(engine: Engine, container: Container, network: str) -> None:
    """Have the shim take the interface away; it gives the default route to another network that has a way out."""
    places = plan.places(engine, container.id)
    left = [place for place in places if place.network.id != network]
    engine.core.call(engine.run_root, container.id, body("disconnect", network=network))
    gone: Place = next(place for place in places if place.network.id == network)
    rewrite(engine, container, left, removed=gone)
