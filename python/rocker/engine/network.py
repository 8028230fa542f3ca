"""One network, as an object with the verbs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rocker.engine.container import Container
    from rocker.engine.engine import Engine
    from rocker.models.network import NetworkInspect
    from rocker.network.store import Network as Row


class Network:
    """A network; made by `engine.networks`.

    Every method raises NetworkNotFoundError when the network has gone.

    Attributes:
        engine: where it lives.
        id: 64 hex digits.
        name: unique.
        driver: `bridge`, `macvlan`, `ipvlan`, `host` or `null`.
        labels: as they were given.
    """

    def __init__(self, engine: Engine, row: Row) -> None:
        self.engine = engine
        self.id = row.id
        self.name = row.name
        self.driver = row.driver
        self.labels: Mapping[str, str] = row.config.labels
        self.row = row

    def __repr__(self) -> str:
        return f"<Network {self.short_id} {self.name}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def short_id(self) -> str:
        """First twelve digits of the id."""
        return self.id[:12]

    @property
    def containers(self) -> list[Container]:
        """The running containers on it."""
        return self.engine.containers.list(filters={"network": self.name})

    def inspect(self) -> NetworkInspect:
        """Return Docker's `GET /networks/{id}`."""
        from rocker.engine.network_inspect import inspect

        return inspect(self.engine, self.id)

    def connect(
        self,
        container: Container | str,
        *,
        aliases: Sequence[str] = (),
        ip: str | None = None,
        ip6: str | None = None,
        mac_address: str | None = None,
        links: Sequence[str] = (),
        driver_opts: Mapping[str, str] | None = None,
        gw_priority: int = 0,
    ) -> None:
        """Put a container on this network too, at once when it runs.

        Args:
            container: itself, its name or id.
            aliases: more names by which containers of this network find it.
            ip: fixed IPv4 address, where the subnet was named at the network's creation.
            ip6: the same for IPv6.
            mac_address: by default it follows from the IPv4 address.
            links: `CONTAINER:ALIAS`, names that this container alone uses.
            driver_opts: options of the endpoint.
            gw_priority: the network with the highest one has the default route.

        Raises:
            ConflictError: it is on it already, its other network allows no more, or an address is taken.
            ContainerNotFoundError: there is no such container. InvalidArgumentError: an address does not fit.
        """
        from rocker.engine.network_connect import connect
        from rocker.engine.options import Attachment

        wanted = Attachment(
            self.name,
            tuple(aliases),
            ip,
            ip6,
            mac_address,
            tuple(links),
            (),
            dict(driver_opts or {}),
            gw_priority,
        )
        connect(self.engine, self.id, container, wanted)

    def disconnect(self, container: Container | str, *, force: bool = False) -> None:
        """Take a container off this network, at once when it runs.

        Args:
            container: itself, its name or id.
            force: whether a container that does not answer counts as disconnected.

        Raises:
            ConflictError: it is not on it. ContainerNotFoundError: there is no such container.
        """
        from rocker.engine.network_disconnect import disconnect

        disconnect(self.engine, self.id, container, force=force)

    def remove(self) -> None:
        """Remove it and its bridge.

        Raises:
            ConflictError: running containers are on it.
            DeniedError: it is one of those that every engine has.
        """
        from rocker.engine.network_remove import remove

        remove(self.engine, self.id)
