"""`network inspect`: everything about a network, as Docker's `GET /networks/{id}` has it."""

from __future__ import annotations

from rocker.engine.state import has_network
from rocker.network import plan, store
from rocker.network.address import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.engine import Engine
    from rocker.models.network import IPAMConfig, NetworkEndpoint, NetworkInspect
    from rocker.network.store import Endpoint, Network, Range


def inspect(engine: Engine, reference: str) -> NetworkInspect:
    """Return the document; see `Network.inspect`."""
    network = store.get(engine.catalog, reference)
    return document(engine, network, _containers(engine, network))


def users(engine: Engine, network: str) -> list[Endpoint]:
    """Return the endpoints of running containers on a network."""
    endpoints = store.endpoints_on(engine.catalog, network)
    states = engine.core.read_states(
        engine.run_root, engine.root, [endpoint.container for endpoint in endpoints]
    )
    return [endpoint for endpoint, state in zip(endpoints, states, strict=True) if has_network(state)]


def _containers(engine: Engine, network: Network) -> dict[str, NetworkEndpoint]:
    if not network.has_endpoints:
        return _without_endpoints(engine, network)
    ranges = store.ranges_of(engine.catalog, network.id)
    names: dict[object, object] = dict(engine.catalog.query("SELECT id, name FROM containers"))  # type: ignore[arg-type]
    found: dict[str, NetworkEndpoint] = {}
    for endpoint in users(engine, network.id):
        place = plan.Place(endpoint, network, ranges, "")
        four = [text for text in place.with_prefix() if ":" not in text]
        six = [text for text in place.with_prefix() if ":" in text]
        found[endpoint.container] = {
            "Name": str(names.get(endpoint.container, "")),
            "EndpointID": endpoint.id,
            "MacAddress": plan.mac_of(place),
            "IPv4Address": four[0] if four else "",
            "IPv6Address": six[0] if six else "",
        }
    return found


def _without_endpoints(engine: Engine, network: Network) -> dict[str, NetworkEndpoint]:
    found = engine.containers.list(filters={"network": network.name})
    return {
        container.id: {
            "Name": container.name,
            "EndpointID": "",
            "MacAddress": "",
            "IPv4Address": "",
            "IPv6Address": "",
        }
        for container in found
    }


def document(engine: Engine, network: Network, containers: dict[str, NetworkEndpoint]) -> NetworkInspect:
    """Return Docker's shape of a network."""
    from rocker.engine.times import format_rfc3339

    config = network.config
    ranges = store.ranges_of(engine.catalog, network.id)
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": format_rfc3339(network.created_ns),
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv4": True,
        "EnableIPv6": config.ipv6,
        "IPAM": {
            "Driver": "default",
            "Options": dict(config.ipam_options) if network.has_endpoints else None,
            "Config": [_ipam(found) for found in ranges],
        },
        "Internal": config.internal,
        "Attachable": config.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": containers,
        "Options": _options(network),
        "Labels": dict(config.labels),
    }


def _ipam(found: Range) -> IPAMConfig:
    config: IPAMConfig = {"Subnet": str(found.subnet)}
    if "range" in found.said:
        config["IPRange"] = found.said["range"]
    config["Gateway"] = shown(found.gateway)
    if found.said.get("aux"):
        config["AuxiliaryAddresses"] = dict(found.said["aux"])
    return config


def _options(network: Network) -> dict[str, str]:
    """What was given; the default network shows what it is like, as Docker's does."""
    if not network.builtin or network.driver != "bridge":
        return dict(network.config.options)
    document = plan.bridge_document(network, [])
    return {
        "com.docker.network.bridge.default_bridge": "true",
        "com.docker.network.bridge.enable_icc": str(document["icc"]).lower(),
        "com.docker.network.bridge.enable_ip_masquerade": str(document["masquerade"]).lower(),
        "com.docker.network.bridge.host_binding_ipv4": document["host_binding"],
        "com.docker.network.bridge.name": network.bridge,
        "com.docker.network.driver.mtu": str(document["mtu"]),
    }
