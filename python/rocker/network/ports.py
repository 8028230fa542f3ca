"""Which ports of a container are published where."""

from __future__ import annotations

from rocker.engine.state import has_network
from rocker.network.address import IPV6, packed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.config import ContainerConfig
    from rocker.engine.options import Port
    from rocker.network.plan import Place

_EVERYWHERE = "0.0.0.0"  # noqa: S104 -- Docker's default


def published(config: ContainerConfig, place: Place | None) -> list[dict[str, Any]]:
    """Return `ports` of the launch request; none where the container has no way out."""
    if place is None:
        return []
    found: list[dict[str, Any]] = []
    for port in wanted(config):
        for address in _addresses(port, place):
            entry: dict[str, Any] = {
                "protocol": port.protocol,
                "host_ip": address,
                "host_port": port.host_port or 0,
                "container_port": port.container_port,
            }
            if port.host_port and port.host_port_end and port.host_port_end > port.host_port:
                entry["host_port_end"] = port.host_port_end
            if entry not in found:
                found.append(entry)
    return found


def wanted(config: ContainerConfig) -> list[Port]:
    """Return the published ports, with `-P` those that are exposed and not published otherwise."""
    from rocker.engine.options import Port

    ports = list(config.options.ports)
    if config.options.publish_all:
        have = {f"{port.container_port}/{port.protocol}" for port in ports}
        for text in config.exposed_ports:
            number, _, protocol = text.partition("/")
            if text not in have and number.isdecimal():
                ports.append(Port(int(number), protocol))
    return ports


def _addresses(port: Port, place: Place) -> list[str]:
    """The addresses of the host: the one that was said, else the network's, and all of IPv6 where it has that."""
    if port.host_ip:
        return [port.host_ip]
    binding = place.network.config.options.get("com.docker.network.bridge.host_binding_ipv4", _EVERYWHERE)
    six = any(found.subnet.family == IPV6 for found in place.ranges)
    return [binding, "::"] if six and packed(binding) == bytes(4) else [binding]


def bindings(state: dict[str, Any] | None, config: ContainerConfig) -> dict[str, list[dict[str, str]] | None]:
    """Return `NetworkSettings.Ports` of `inspect`: the real ports of a running container, by `80/tcp`.

    An exposed port that is not published is None; without an own network there are none, as in Docker.
    """
    if not has_network(state):
        return {}
    network = state.get("network")
    if not network:
        return {}
    found: dict[str, list[dict[str, str]] | None] = dict.fromkeys(config.exposed_ports)
    for port in network.get("ports", ()):
        entry = {"HostIp": port["host_ip"], "HostPort": str(port["host_port"])}
        key = f"{port['container_port']}/{port['protocol']}"
        found[key] = [*(found.get(key) or ()), entry]
    return dict(sorted(found.items(), key=lambda item: _order(item[0])))


def _order(key: str) -> tuple[int, str]:
    number, _, protocol = key.partition("/")
    return (int(number) if number.isdecimal() else 0, protocol)
