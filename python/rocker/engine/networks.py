"""`engine.networks`: find networks, list them, make one."""

from __future__ import annotations

from rocker.engine.network import Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping, Sequence

    from rocker.engine.engine import Engine
    from rocker.engine.network_create import NetworkOptions
    from rocker.models.network import NetworkInspect

    Filters = Mapping[str, Sequence[str] | str]


class Networks:
    """The networks of one engine."""

    __slots__ = ("_engine",)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, reference: str) -> Network:
        """Find a network by id, name or the beginning of an id.

        Raises:
            NetworkNotFoundError: there is none.
            InvalidArgumentError: several ids begin so.
        """
        from rocker.network import store

        return Network(self._engine, store.get(self._engine.catalog, reference))

    def list(self, *, filters: Filters | None = None) -> list[Network]:
        """List networks by name.

        Args:
            filters: by `driver`, `id`, `label`, `name`, `scope`, `type` (`custom` or `builtin`) and `dangling`.

        Raises:
            InvalidArgumentError: a filter is unknown.
        """
        from rocker.engine.network_list import select

        return [Network(self._engine, row) for row in select(self._engine, filters)]

    def rows(self, *, filters: Filters | None = None) -> builtins.list[NetworkInspect]:
        """List them as Docker's `GET /networks` does."""
        from rocker.engine.network_list import rows

        return rows(self._engine, filters)

    def create(
        self,
        name: str,
        *,
        driver: str = "bridge",
        subnet: str | Sequence[str] = (),
        gateway: str | Sequence[str] = (),
        ip_range: str | Sequence[str] = (),
        aux_addresses: Mapping[str, str] | None = None,
        ipv6: bool = False,
        internal: bool = False,
        attachable: bool = False,
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Network:
        """Make a network. Its bridge, or its parent interface, is there when this returns.

        Args:
            name: unique.
            driver: `bridge`, `macvlan` or `ipvlan`.
            subnet: `10.0.0.0/24`, and one of IPv6; a free one of the address pools by default.
            gateway: the bridge's own address in each subnet, the router's with macvlan and ipvlan; by default the first
                of the range.
            ip_range: the part of each subnet that is given to containers without a fixed address.
            aux_addresses: addresses that are kept for others, by name.
            ipv6: whether containers have IPv6 addresses too; a unique local subnet where none is named.
            internal: whether it has no way out.
            attachable: kept for `inspect`.
            labels: for `inspect` and filters.
            options: `com.docker.network.…`, and those of macvlan and ipvlan: see docs/guide/networks.md.

        Raises:
            NameInUseError: another network has the name.
            ConflictError: the subnet overlaps another network's, or no subnet is free.
            InvalidArgumentError, UnsupportedError: something is wrong, or is not offered.
        """
        from rocker.engine.network_create import NetworkOptions

        wanted = NetworkOptions(
            name=name, driver=driver, subnets=_texts(subnet), gateways=_texts(gateway), ranges=_texts(ip_range),
            aux_addresses=dict(aux_addresses or {}), ipv6=ipv6, internal=internal, attachable=attachable,
            labels=dict(labels or {}), options=dict(options or {}),
        )  # fmt: skip
        return self.make(wanted)

    def make(self, options: NetworkOptions) -> Network:
        """Make a network from a record; raises as `create`."""
        from rocker.engine.network_create import create

        return Network(self._engine, create(self._engine, options))

    def prune(self, *, filters: Filters | None = None) -> builtins.list[str]:
        """Remove the networks of users that no running container is on; returns their names.

        Args:
            filters: by `until` (a time or an age), `label` and `label!`.

        Raises:
            InvalidArgumentError: a filter is unknown or cannot be read.
        """
        from rocker.engine.network_prune import prune

        return prune(self._engine, filters)


def _texts(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
