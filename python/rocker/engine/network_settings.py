"""A container's networks as `inspect` and `ps` show them."""

from __future__ import annotations

from rocker.engine import namespaces
from rocker.engine.state import has_network, has_processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.config import ContainerConfig
    from rocker.engine.engine import Engine
    from rocker.network.plan import Place
    from rocker.network.view import View

_IPV4 = 4


def endpoint() -> dict[str, Any]:
    """Return one entry of `Networks` without an address."""
    return {
        "IPAMConfig": None,
        "Links": None,
        "Aliases": None,
        "MacAddress": "",
        "DriverOpts": None,
        "GwPriority": 0,
        "NetworkID": "",
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DNSNames": None,
    }


def document(
    engine: Engine,
    id: str,  # noqa: A002
    name: str,
    config: ContainerConfig,
    state: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return `NetworkSettings` of `inspect`."""
    running = has_network(state)
    from rocker.network.view import View

    networks = entries(View(engine), id, name, config, running=running)
    mode = namespaces.network_mode(config.options)
    first = networks.get("bridge", {})  # the old fields are those of the default network, as in Docker
    has_own = running and not mode.startswith("container:")
    ports: dict[str, Any] = {}
    if mode == "bridge":
        from rocker.network.ports import bindings

        ports = bindings(state, config)
    return {
        "Bridge": "",
        "SandboxID": id if has_own else "",
        "SandboxKey": f"/proc/{state['pid']}/ns/net" if has_own and has_processes(state) else "",
        "Ports": ports,
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        **{key: first.get(key, "") for key in ("EndpointID", "Gateway", "GlobalIPv6Address")},
        "GlobalIPv6PrefixLen": first.get("GlobalIPv6PrefixLen", 0),
        "IPAddress": first.get("IPAddress", ""),
        "IPPrefixLen": first.get("IPPrefixLen", 0),
        "IPv6Gateway": first.get("IPv6Gateway", ""),
        "MacAddress": first.get("MacAddress", ""),
        "Networks": networks,
    }


def entries(
    view: View,
    id: str,  # noqa: A002
    name: str,
    config: ContainerConfig,
    *,
    running: bool,
) -> dict[str, dict[str, Any]]:
    """Return `Networks`; addresses are shown while the container runs, as in Docker."""
    mode = namespaces.network_mode(config.options)
    if mode.startswith("container:"):
        return {}
    if mode != "bridge":
        return {mode: {**endpoint(), "NetworkID": view.id_of(mode) if running else ""}}
    known = view.networks()
    gone = {found.name: endpoint() for found in view.endpoints(id) if found.network not in known}
    shown = {
        place.network.name: _entry(place, id, name, config, running=running) for place in view.places(id)
    }
    return dict(sorted({**gone, **shown}.items()))


def _entry(
    place: Place,
    id: str,  # noqa: A002
    name: str,
    config: ContainerConfig,
    *,
    running: bool,
) -> dict[str, Any]:
    from rocker.network import plan
    from rocker.network.address import shown

    said = place.endpoint.config
    fixed = {
        key: said[field] for key, field in (("IPv4Address", "ip"), ("IPv6Address", "ip6")) if said.get(field)
    }
    found = {
        **endpoint(),
        "IPAMConfig": fixed or None,
        "Links": list(said.get("links", ())) or None,
        "Aliases": list(said.get("aliases", ())) or None,
        "DriverOpts": said.get("driver_opts") or None,
        "GwPriority": said.get("gw_priority", 0),
        "MacAddress": said.get("mac_address", ""),
    }
    if not running:
        return found
    found.update(
        NetworkID=place.network.id, EndpointID=place.endpoint.id, MacAddress=plan.mac_of(place),
        DNSNames=plan.names_of(id, name, config, place.endpoint) if place.network.user_defined else None,
    )  # fmt: skip
    internal = place.network.internal
    for address in place.endpoint.addresses:
        within = next(one for one in place.ranges if address in one.subnet)
        gateway = "" if internal else shown(within.gateway)
        if len(address) == _IPV4:
            found.update(Gateway=gateway, IPAddress=shown(address), IPPrefixLen=within.subnet.prefix)
        else:
            found.update(
                IPv6Gateway=gateway,
                GlobalIPv6Address=shown(address),
                GlobalIPv6PrefixLen=within.subnet.prefix,
            )
    return found


def summary_ports(config: ContainerConfig, state: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return `Ports` of a row of `ps`."""
    if not config.exposed_ports or namespaces.network_mode(config.options) != "bridge":
        return []
    network = state.get("network") if has_processes(state) else None
    if not network:
        return []
    published: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for text in config.exposed_ports:
        number, _, protocol = text.partition("/")
        published[int(number), protocol] = []
    for port in network.get("ports", ()):
        number, protocol = port["container_port"], port["protocol"]
        published.setdefault((number, protocol), []).append(
            {"IP": port["host_ip"], "PrivatePort": number, "Type": protocol, "PublicPort": port["host_port"]}
        )
    return [
        entry
        for (number, protocol), bound in sorted(published.items())
        for entry in bound or ({"PrivatePort": number, "Type": protocol},)
    ]
