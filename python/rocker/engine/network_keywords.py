"""The keyword arguments of `Engine.run` that concern networks."""

from __future__ import annotations

from rocker.engine.attachments import combine
from rocker.engine.options import Attachment, Port
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

_BESIDE = {
    "network_aliases": "aliases",
    "ip": "ip",
    "ip6": "ip6",
    "mac_address": "mac_address",
    "links": "links",
}


def convert(found: dict[str, Any]) -> None:
    """Replace what concerns networks by fields of `RunOptions`.

    Raises:
        InvalidArgumentError: a value cannot be read, or values contradict each other.
    """
    beside = {field: found.pop(name) for name, field in _BESIDE.items() if name in found}
    given = found.pop("network", None)
    if isinstance(given, str) and not beside:
        found["network"] = given
    else:
        found.update(combine(attachments(given), **beside))
    if "ports" in found:
        found["ports"] = ports(found["ports"])
    if "expose" in found:
        from rocker.parse.port import parse_expose

        found["expose"] = tuple(port for text in found["expose"] for port in parse_expose(str(text)))
    if "extra_hosts" in found:
        from rocker.parse.network import parse_extra_host

        found["extra_hosts"] = tuple(parse_extra_host(text) for text in _pairs(found["extra_hosts"]))
    for name, parse in (("dns", "parse_address"), ("dns_search", "parse_search")):
        if name in found:
            from rocker.parse import network

            found[name] = tuple(getattr(network, parse)(text) for text in found[name])
    if "dns_options" in found:
        found["dns_options"] = tuple(found["dns_options"])


def attachments(given: str | Attachment | Sequence[str | Attachment] | None) -> list[Attachment]:
    """Return networks as records."""
    if given is None:
        return []
    items = [given] if isinstance(given, str | Attachment) else list(given)
    return [item if isinstance(item, Attachment) else Attachment(item) for item in items]


def ports(given: Mapping[str, Any] | Sequence[str | Port]) -> tuple[Port, ...]:
    """Return ports as records, of `{"80/tcp": 8080}` or of texts as for `-p`.

    Raises:
        InvalidArgumentError: one cannot be read.
    """
    from rocker.parse.port import parse_publish

    items = getattr(given, "items", None)
    if items is not None:
        return tuple(port for key, value in items() for port in _of_mapping(str(key), value))
    found: list[Port] = []
    for item in given:
        found += [item] if isinstance(item, Port) else parse_publish(str(item))
    return tuple(found)


def _of_mapping(key: str, value: Any) -> Iterable[Port]:
    from rocker.parse.port import parse_publish

    if isinstance(value, list):
        return [port for one in value for port in _of_mapping(key, one)]
    if value is None:
        return parse_publish(key)
    if isinstance(value, tuple):
        if len(value) != 2:  # noqa: PLR2004 -- address and port
            raise InvalidArgumentError(f"invalid port binding: {value!r}", hint='write ("127.0.0.1", 8080)')
        address, number = value
        shown = f"[{address}]" if ":" in str(address) else address
        return parse_publish(f"{shown}:{'' if number is None else number}:{key}")
    return parse_publish(f"{value}:{key}")


def _pairs(given: Mapping[str, str] | Sequence[str]) -> Iterable[str]:
    items = getattr(given, "items", None)
    return given if items is None else [f"{name}:{address}" for name, address in items()]
