"""Endpoints of a stopped container whose network was removed: they go to the network that has its name now."""

from __future__ import annotations

from rocker.engine.options import Attachment
from rocker.network import attach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.engine import Engine
    from rocker.network.store import Endpoint


def renew(engine: Engine, container: str, endpoints: list[Endpoint]) -> None:
    """Attach each to the network of its name, with what was said of it.

    Raises:
        NetworkNotFoundError: there is none of its name. ConflictError: its fixed address is taken.
    """
    for endpoint in endpoints:
        wanted = Attachment(endpoint.name, **endpoint.config)
        network = attach.find(engine, wanted)
        with engine.catalog.write() as db:
            db.execute("DELETE FROM endpoints WHERE id = ?", (endpoint.id,))
            attach.insert(engine, db, container, [(network, wanted)], position=endpoint.position)
