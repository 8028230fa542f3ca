"""Networks as one look at the catalogue finds them, for listings: each row is read once."""

from __future__ import annotations

from rocker.network import store
from rocker.network.plan import Place, interface_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocker.engine.engine import Engine
    from rocker.network.store import Endpoint, Network, Range


class View:
    """See the module. With `everything` the endpoints of all containers are read at once."""

    def __init__(self, engine: Engine, *, everything: bool = False) -> None:
        self._catalog = engine.catalog
        self._networks: dict[str, Network] | None = None
        self._ranges: dict[str, list[Range]] = {}
        self._endpoints = store.all_endpoints(engine.catalog) if everything else None

    def networks(self) -> dict[str, Network]:
        """All networks by id."""
        if self._networks is None:
            self._networks = {network.id: network for network in store.all_networks(self._catalog)}
        return self._networks

    def endpoints(self, container: str) -> Sequence[Endpoint]:
        """The endpoints of a container, those of networks that have gone too."""
        if self._endpoints is None:
            return store.endpoints_of(self._catalog, container)
        return self._endpoints.get(container, ())

    def places(self, container: str) -> list[Place]:
        """The endpoints of a container on networks that are there."""
        networks = self.networks()
        return [
            Place(found, networks[found.network], self.ranges(found.network), interface_of(found, networks))
            for found in self.endpoints(container)
            if found.network in networks
        ]

    def ranges(self, network: str) -> list[Range]:
        """The subnets of a network."""
        if network not in self._ranges:
            self._ranges[network] = store.ranges_of(self._catalog, network)
        return self._ranges[network]

    def id_of(self, name: str) -> str:
        """The id of the network of this name, or nothing."""
        return next((network.id for network in self.networks().values() if network.name == name), "")
