"""`network connect`: one more network for a container, running or not, or between two starts."""

from __future__ import annotations

from rocker.engine.network_files import rewrite
from rocker.engine.requests import body
from rocker.engine.state import has_network
from rocker.errors import ConflictError, GoneError, NotRunningError
from rocker.network import attach, links, plan, store
from rocker.network.hold import hold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.container import Container
    from rocker.engine.engine import Engine
    from rocker.engine.options import Attachment
    from rocker.network.plan import Place


def connect(engine: Engine, reference: str, container: Container | str, wanted: Attachment) -> None:
    """Connect it; see `Network.connect`."""
    found = engine.containers.get(container) if isinstance(container, str) else container
    network = store.get(engine.catalog, reference)
    _check(found, network.driver)
    with hold(engine, [network.id]):
        network = attach.find(engine, wanted.replace(network=network.id))
        attach.refuse_twice(engine, found.id, found.name, network)
        with engine.catalog.write() as db:
            attach.insert(
                engine, db, found.id, [(network, wanted)], position=_next_position(engine, found.id)
            )
        state = engine.state(found.id)
        if not has_network(state):
            return
        try:
            _join(engine, found, network.id)
        except (NotRunningError, GoneError):  # it has ended meanwhile: its next start joins
            return
        except BaseException:
            with engine.catalog.write() as db:
                db.execute(
                    "DELETE FROM endpoints WHERE container_id = ? AND network_id = ?", (found.id, network.id)
                )
            raise


def _check(container: Container, driver: str) -> None:
    from rocker.engine.namespaces import network_mode

    mode = network_mode(container.options)
    if mode.startswith("container:") or mode == "host":
        raise ConflictError(
            "container sharing network namespace with another container or host "
            "cannot be connected to any other network"
        )
    if driver == "host":
        raise ConflictError("container cannot be disconnected from host network or connected to host network")
    if driver == "null" or mode == "none":
        raise ConflictError(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )


def _next_position(engine: Engine, container: str) -> int:
    """The lowest number that no interface of the container has."""
    used = {endpoint.position for endpoint in store.endpoints_of(engine.catalog, container)}
    return next(number for number in range(len(used) + 1) if number not in used)


def _join(engine: Engine, container: Container, network: str) -> None:
    """Have the shim make the interface; its resolver learns the links of this network."""
    places = plan.places(engine, container.id)
    place = next(found for found in places if found.network.id == network)
    document = plan.endpoint_document(
        container.id, container.name, container.config, place, leads=plan.first_out(places) is place
    )
    members: dict[str, Any] = {"endpoint": document, "table": plan.table_of(engine)}
    names = _links(engine, container, [place])
    if names:
        members["dns"] = {"hosts": names}
    engine.core.call(engine.run_root, container.id, body("connect", **members))
    rewrite(engine, container, places, added=place)


def _links(engine: Engine, container: Container, places: list[Place]) -> dict[str, list[str]]:
    if places[0].network.user_defined:
        return links.resolve(engine, container.config, places, container.name).names
    return {}
