"""The launch request's `network` (docs/protocol.md), from a container's endpoints in the catalogue."""

from __future__ import annotations

from rocker.network import files, store
from rocker.network.address import IPV4, shown
from rocker.network.ports import published

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from rocker.engine.config import ContainerConfig
    from rocker.engine.engine import Engine
    from rocker.network.store import Endpoint, Network, Range

OPTION = "com.docker.network."
_MTU = 1500
_SYSCTLS = OPTION + "endpoint.sysctls"


class Place:
    """An endpoint with its network and the network's subnets.

    Attributes:
        endpoint, network: the rows.
        ranges: the network's subnets.
        interface: name of the interface in the container.
    """

    __slots__ = ("endpoint", "interface", "network", "ranges")

    def __init__(self, endpoint: Endpoint, network: Network, ranges: list[Range], interface: str) -> None:
        self.endpoint = endpoint
        self.network = network
        self.ranges = ranges
        self.interface = interface

    def address(self, family: int) -> bytes | None:
        """The endpoint's address of this family, if it has one."""
        return next((found for found in self.endpoint.addresses if len(found) == family), None)

    def with_prefix(self) -> list[str]:
        """The endpoint's addresses as `172.18.0.2/16`."""
        return [
            f"{shown(address)}/{found.subnet.prefix}"
            for address in self.endpoint.addresses
            for found in self.ranges
            if address in found.subnet
        ]

    def gateways(self) -> list[str]:
        """The addresses of the bridge."""
        return [shown(found.gateway) for found in self.ranges]


def complete(
    engine: Engine,
    id: str,  # noqa: A002
    config: ContainerConfig,
    request: dict[str, Any],
    *,
    name: str | None = None,
) -> None:
    """Fill in `network` and `files` of a launch request, and the variables of links. `name` is looked up when None.

    Raises:
        NetworkNotFoundError: a network of the container has gone.
        RockerError: a link's container is not there, or does not run.
    """
    from rocker.network import links

    if name is None:
        name = engine.catalog.get_by_ref(id).name
    found = places(engine, id)
    options = config.options
    hostname = request["spec"].get("hostname") or options.hostname or id[:12]
    linked = links.resolve(engine, config, found, name)
    request["network"] = {
        "mode": "bridge",
        "table": table_of(engine),
        "endpoints": endpoint_documents(id, name, config, found),
        # With macvlan a container has all of its ports to itself: nothing of the host leads there, as in Docker.
        "ports": published(config, first_out([place for place in found if not place.network.config.parent])),
        "dns": {"servers": list(options.dns), "hosts": linked.names},
    }
    request["files"] = files.of_bridge(engine, options, hostname, found, linked.hosts)
    if linked.environment:
        add_environment(request["spec"]["process"], linked.environment)


def add_environment(process: dict[str, Any], more: dict[str, str]) -> None:
    """Put variables behind the defaults; the container's own win."""
    present = {entry.partition("=")[0] for entry in process["env"]}
    process["env"] += [f"{name}={value}" for name, value in more.items() if name not in present]


def places(engine: Engine, container: str) -> list[Place]:
    """Return a container's endpoints with their networks. One whose network was made anew is attached to that.

    Raises:
        NetworkNotFoundError: a network has gone, and there is none of its name.
    """
    endpoints = store.endpoints_of(engine.catalog, container)
    networks = store.of_ids(engine.catalog, {endpoint.network for endpoint in endpoints})
    if len(networks) < len(endpoints):
        from rocker.network.renew import renew

        renew(engine, container, [endpoint for endpoint in endpoints if endpoint.network not in networks])
        return places(engine, container)
    return with_interfaces(engine, endpoints, networks)


def with_interfaces(
    engine: Engine, endpoints: Sequence[Endpoint], networks: dict[str, Network]
) -> list[Place]:
    """Join endpoints with their networks; interfaces are numbered by position."""
    return [
        Place(
            endpoint,
            networks[endpoint.network],
            store.ranges_of(engine.catalog, endpoint.network),
            interface_of(endpoint, networks),
        )
        for endpoint in endpoints
    ]


def interface_of(endpoint: Endpoint, networks: dict[str, Network]) -> str:
    """Return the name of an endpoint's interface in the container: `eth0` unless its network says otherwise."""
    options = networks[endpoint.network].config.options
    return options.get(OPTION + "container_iface_prefix", "eth") + str(endpoint.position)


def first_out(found: Sequence[Place]) -> Place | None:
    """Return the endpoint with the default route: of the highest gw-priority, then the first by name, as in Docker."""
    outside = [place for place in found if not place.network.internal]
    return min(
        outside,
        key=lambda place: (-place.endpoint.config.get("gw_priority", 0), place.network.name),
        default=None,
    )


def endpoint_documents(
    id: str,  # noqa: A002
    name: str,
    config: ContainerConfig,
    found: Sequence[Place],
) -> list[dict[str, Any]]:
    """Return `endpoints` of the launch request."""
    out = first_out(found)
    return [endpoint_document(id, name, config, place, leads=place is out) for place in found]


def endpoint_document(
    id: str,  # noqa: A002
    name: str,
    config: ContainerConfig,
    place: Place,
    *,
    leads: bool,
) -> dict[str, Any]:
    """Return one endpoint; with `leads` it has the default route."""
    return {
        "network": place.network.id,
        "name": place.network.name,
        "bridge": bridge_document(place.network, place.ranges),
        "interface": place.interface,
        "mac": mac_of(place) or None,
        "addresses": place.with_prefix(),
        "gateways": place.gateways() if leads else [],
        "names": names_of(id, name, config, place.endpoint),
        "resolver": place.network.user_defined,
        "sysctls": _sysctls(place),
    }


def names_of(id: str, name: str, config: ContainerConfig, endpoint: Endpoint) -> list[str]:  # noqa: A002
    """Return the names by which a container is found: its own, its aliases, its short id, its host name."""
    hostname = config.options.hostname or id[:12]
    return list(dict.fromkeys([name, *endpoint.config.get("aliases", ()), id[:12], hostname]))


def mac_of(place: Place) -> str:
    """Return the MAC address: the one that was said, else Docker's for an IPv4 address, so that it stays the same.

    With ipvlan it is the parent's, and nothing is said of it.
    """
    if place.network.driver == "ipvlan":
        return ""
    said = place.endpoint.config.get("mac_address")
    if said:
        return str(said)
    address = place.address(IPV4) or bytes.fromhex(place.endpoint.id[:8])
    return "02:42:" + address.hex(":")


def bridge_document(network: Network, ranges: Sequence[Range]) -> dict[str, Any]:
    """Return `bridge` of the launch request and of `_core.network_create`."""
    options = network.config.options
    if network.config.parent:
        return {
            "name": network.bridge,
            "addresses": [f"{shown(found.gateway)}/{found.subnet.prefix}" for found in ranges],
            "internal": network.internal,
            "mtu": int(options.get(OPTION + "driver.mtu", 0)),  # 0: the parent's
            "parent": dict(network.config.parent),
        }
    return {
        "name": network.bridge,
        "addresses": [f"{shown(found.gateway)}/{found.subnet.prefix}" for found in ranges],
        "internal": network.internal,
        "masquerade": _switch(options, "bridge.enable_ip_masquerade"),
        "icc": _switch(options, "bridge.enable_icc"),
        "mtu": int(options.get(OPTION + "driver.mtu", _MTU)),
        "host_binding": options.get(OPTION + "bridge.host_binding_ipv4", "0.0.0.0"),  # noqa: S104 -- Docker's default
    }


def _switch(options: Any, name: str) -> bool:
    from rocker.parse.number import parse_bool

    return parse_bool(options.get(OPTION + name, "true"))


def _sysctls(place: Place) -> dict[str, str]:
    """Return an interface's parameters: `net.ipv4.conf.IFNAME.log_martians=1,…`, as Docker's option has them."""
    text = place.endpoint.config.get("driver_opts", {}).get(_SYSCTLS, "")
    pairs = (word.partition("=") for word in text.split(",") if word)
    return {name.replace("IFNAME", place.interface): value for name, _, value in pairs}


def table_of(engine: Engine) -> str:
    """Return the name of this engine's nftables table: `rocker`, with 8 hex digits for other run roots."""
    from rocker.engine.engine import DEFAULT_RUN

    if engine.run_root == DEFAULT_RUN:
        return "rocker"
    return "rocker-" + engine.core.sha256(engine.run_root.encode())[:4].hex()
