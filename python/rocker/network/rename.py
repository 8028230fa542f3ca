"""Name records of a running container that has another name now."""

from __future__ import annotations

import contextlib

from rocker.engine.requests import body
from rocker.engine.state import has_network
from rocker.errors import RockerError
from rocker.network import store
from rocker.network.plan import names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.config import ContainerConfig
    from rocker.engine.engine import Engine


def rename(engine: Engine, container: str, name: str, config: ContainerConfig) -> None:
    """Have the shim write the new names; a container that does not run has none."""
    state = engine.state(container)
    if not has_network(state):
        return
    for endpoint in store.endpoints_of(engine.catalog, container):
        names = names_of(container, name, config, endpoint)
        with contextlib.suppress(RockerError):  # it has ended meanwhile
            engine.core.call(engine.run_root, container, body("names", network=endpoint.network, names=names))
