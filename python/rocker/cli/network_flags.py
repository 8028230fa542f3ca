# ruff: noqa: E501 -- one flag a line
"""The flags of `run` and `create` that concern networks. Their parsers are imported when a value is given."""

from __future__ import annotations

from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def late(module: str, name: str) -> Callable[[str], Any]:
    """A parser that is imported when it is called."""

    def parse(text: str) -> Any:
        from importlib import import_module

        return getattr(import_module(f"rocker.parse.{module}"), name)(text)

    return parse


def _checked(module: str, name: str) -> Callable[[str], str]:
    """Keep the text as typed, once the parser has found nothing wrong with it."""
    check = late(module, name)

    def parse(text: str) -> str:
        check(text)
        return text

    return parse


def _network(text: str) -> Any:
    """A plain name needs no parser."""
    return late("network", "parse_network")(text) if "=" in text else text


def network_flags() -> list[Flag]:
    """The flags."""
    return [
        Flag("--add-host", kind="list", parse=late("network", "parse_extra_host"), many=True,
             help="Add a custom host-to-IP mapping (host:ip)"),
        Flag("--dns", kind="list", parse=late("network", "parse_address"), many=True, help="Set custom DNS servers"),
        Flag("--dns-option", "--dns-opt", kind="list", many=True, help="Set DNS options"),
        Flag("--dns-search", kind="list", parse=late("network", "parse_search"), many=True, help="Set custom DNS search domains"),
        Flag("--expose", kind="list", many=True, help="Expose a port or a range of ports"),
        Flag("--ip", kind="string", help="IPv4 address (e.g., 172.30.100.104)"),
        Flag("--ip6", kind="string", help="IPv6 address (e.g., 2001:db8::33)"),
        Flag("--link", kind="list", parse=_checked("link", "parse_link"), many=True, help="Add link to another container"),
        Flag("--link-local-ip", kind="list", many=True, help="Container IPv4/IPv6 link-local addresses"),
        Flag("--mac-address", kind="string", help="Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
        Flag("--network", "--net", kind="network", parse=_network, many=True, help="Connect a container to a network"),
        Flag("--network-alias", "--net-alias", kind="list", many=True, help="Add network-scoped alias for the container"),
        Flag("-p", "--publish", kind="list", many=True, help="Publish a container's port(s) to the host"),
        Flag("-P", "--publish-all", help="Publish all exposed ports to random ports"),
    ]  # fmt: skip


_BESIDE = ("network_alias", "ip", "ip6", "mac_address", "link", "link_local_ip")


def network_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `RunOptions` that these flags give. Raises InvalidArgumentError."""
    found: dict[str, Any] = {
        "dns": values["dns"],
        "dns_search": values["dns_search"],
        "dns_options": values["dns_option"],
        "extra_hosts": values["add_host"],
        "publish_all": values["publish_all"],
    }
    networks = values["network"]
    plain = len(networks) <= 1 and all(isinstance(one, str) for one in networks)
    if plain and not any(values[name] for name in _BESIDE):
        name = networks[0] if networks else None
        found["network"] = "bridge" if name == "default" else name
    else:
        found.update(_attachments(values))
    if values["publish"]:
        from rocker.parse.port import parse_publish

        found["ports"] = tuple(port for text in values["publish"] for port in parse_publish(text))
    if values["expose"]:
        from rocker.parse.port import parse_expose

        found["expose"] = tuple(port for text in values["expose"] for port in parse_expose(text))
    return found


def _attachments(values: Mapping[str, Any]) -> dict[str, Any]:
    from rocker.engine.attachments import combine
    from rocker.engine.options import Attachment

    if values["mac_address"]:
        from rocker.network.attach import check_mac

        check_mac(values["mac_address"])
    return combine(
        [Attachment(one) if isinstance(one, str) else one for one in values["network"]],
        aliases=values["network_alias"],
        ip=values["ip"],
        ip6=values["ip6"],
        mac_address=values["mac_address"],
        links=values["link"],
        link_local_ips=values["link_local_ip"],
    )
