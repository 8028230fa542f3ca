"""`network create`: a name, subnets, a bridge or a parent interface."""

from __future__ import annotations

import os
import time

from rocker.engine.emit import emit
from rocker.errors import ConflictError, InvalidArgumentError, NameInUseError, UnsupportedError
from rocker.models.struct import Struct
from rocker.network import default, store
from rocker.network.address import IPV4, Subnet, packed, plus, shown
from rocker.network.plan import OPTION, bridge_document, table_of
from rocker.network.store import Network, NetworkConfig, Range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from rocker.engine.engine import Engine

_PREDEFINED = frozenset({"bridge", "host", "none", "default", "container"})
_SMALLEST = {4: 30, 16: 126}
_LONGEST_NAME = 15  # IFNAMSIZ less the NUL
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_REST = _FIRST | frozenset("_.-")
_PARENTED = ("macvlan", "ipvlan")
_DRIVERS = ("bridge", *_PARENTED)


class NetworkOptions(Struct):
    """What `network create` takes; see `Networks.create`.

    Attributes:
        name, driver, ipv6, internal, attachable, labels, options: see there.
        subnets, gateways, ranges: texts; gateways and ranges find their subnet by themselves.
        aux_addresses: addresses by name.
        ipam_driver: `default`.
        ipam_options: kept for `inspect`.
    """

    name: str
    driver: str = "bridge"
    subnets: Sequence[str] = ()
    gateways: Sequence[str] = ()
    ranges: Sequence[str] = ()
    aux_addresses: Mapping[str, str] = {}
    ipv6: bool = False
    internal: bool = False
    attachable: bool = False
    labels: Mapping[str, str] = {}
    options: Mapping[str, str] = {}
    ipam_driver: str = "default"
    ipam_options: Mapping[str, str] = {}


def create(engine: Engine, wanted: NetworkOptions) -> Network:
    """Make a network; see `Networks.create`."""
    _check_name(wanted.name)
    _check_driver(wanted)
    check_options(wanted.options)
    ranges = named_ranges(wanted)
    id = os.urandom(32).hex()  # noqa: A001
    config = NetworkConfig(
        wanted.internal,
        wanted.attachable,
        wanted.ipv6 or any(found.subnet.family != IPV4 for found in ranges),
        wanted.labels,
        wanted.options,
        wanted.ipam_options,
    )
    bridge = wanted.options.get(OPTION + "bridge.name") or f"rk-{id[:12]}"
    network = Network(id, wanted.name, wanted.driver, False, bridge, time.time_ns(), config)
    with default.sole():
        if network.driver in _PARENTED:
            from rocker.network.parent import describe

            network = describe(engine, network)
        _make(engine, network, ranges)
    emit(engine, "network", "create", id, {"name": network.name, "type": network.driver})
    return network


def _make(engine: Engine, network: Network, ranges: list[Range]) -> None:
    """Choose what was not named, write the rows and make the bridge: all or nothing.

    The rows come first: who is killed in between leaves a network whose bridge is made by its first container, and not
    a bridge that nobody knows.
    """
    named = network.driver == "bridge" and OPTION + "bridge.name" in network.config.options
    if named and network.bridge in engine.core.links():
        raise ConflictError(
            f"cannot create network {network.name}: a link {network.bridge} exists already",
            hint=f"choose another {OPTION}bridge.name",
        )
    with engine.catalog.write() as db:
        if engine.catalog.query("SELECT 1 FROM networks WHERE name = ?", (network.name,)):
            raise NameInUseError(f"network with name {network.name} already exists")
        _refuse_overlaps(engine, ranges)
        if not any(found.subnet.family == IPV4 for found in ranges):
            ranges.insert(0, default.whole(default.free_subnet(engine)))
        if network.config.ipv6 and all(found.subnet.family == IPV4 for found in ranges):
            ranges.append(default.whole(default.free_subnet6(engine)))
        store.insert(db, network, ranges)
    try:
        engine.core.network_create({"bridge": bridge_document(network, ranges), "table": table_of(engine)})
    except BaseException:
        with engine.catalog.write() as db:
            store.delete(db, network.id)
        raise


def _refuse_overlaps(engine: Engine, ranges: Sequence[Range]) -> None:
    others = store.all_networks(engine.catalog) if ranges else []
    for network in others:
        for other in store.ranges_of(engine.catalog, network.id):
            for found in ranges:
                if found.subnet.overlaps(other.subnet):
                    raise ConflictError(
                        "Pool overlaps with other one on this address space",
                        hint=f"network {network.name} has {other.subnet}",
                    )


def _check_name(name: str) -> None:
    if name in _PREDEFINED:
        raise InvalidArgumentError(f"operation is not permitted on predefined {name} network")
    if not name or name[0] not in _FIRST or not _REST.issuperset(name):
        raise InvalidArgumentError(
            f"invalid network name: {name!r}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
            hint="a name begins with a letter or a digit",
        )


def _check_driver(wanted: NetworkOptions) -> None:
    if wanted.driver == "overlay":
        raise UnsupportedError(
            f"network driver {wanted.driver} is not offered yet", hint=f"drivers are {', '.join(_DRIVERS)}"
        )
    if wanted.driver in {"host", "null"}:
        raise InvalidArgumentError(f'only one instance of "{wanted.driver}" network is allowed')
    if wanted.driver not in _DRIVERS:
        raise InvalidArgumentError(
            f'plugin "{wanted.driver}" not found', hint=f"drivers are {', '.join(_DRIVERS)}"
        )
    if wanted.ipam_driver != "default":
        raise InvalidArgumentError(
            f'plugin "{wanted.ipam_driver}" not found', hint="the driver offered is default"
        )


def check_options(options: Mapping[str, str]) -> None:
    """Refuse driver options with a wrong value, and those of Docker's that are not offered.

    Others are kept for `inspect`, as Docker keeps them.

    Raises:
        InvalidArgumentError, UnsupportedError: so it is.
    """
    for key, value in options.items():
        if not key.startswith(OPTION):
            continue
        check = _OPTIONS.get(key.removeprefix(OPTION))
        if check is None:
            raise UnsupportedError(
                f"network option {key} is not offered",
                hint="offered are " + ", ".join(OPTION + name for name in _OPTIONS),
            )
        check(key, value)


def _is_switch(key: str, value: str) -> None:
    from rocker.parse.number import parse_bool

    try:
        parse_bool(value)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"failed to parse {key} value: {value} ({error})") from None


def _is_mtu(key: str, value: str) -> None:
    from rocker.parse.number import quote

    if not (value.isascii() and value.isdecimal()):
        raise InvalidArgumentError(
            f"failed to parse {key} value: {value} (strconv.Atoi: parsing {quote(value)}: invalid syntax)"
        )
    if not 68 <= int(value) <= 65535:  # noqa: PLR2004 -- RFC 791; bridges take 16 bits
        raise InvalidArgumentError(f"invalid MTU {value}", hint="68 to 65535; IPv6 needs 1280")


def _is_binding(key: str, value: str) -> None:
    if packed(value, IPV4) is None:
        raise InvalidArgumentError(
            f"failed to parse {key} value: {value}", hint="an IPv4 address of the host"
        )


def _is_link(key: str, value: str, longest: int = _LONGEST_NAME) -> None:
    if not 0 < len(value) <= longest or value[0] not in _FIRST or not _REST.issuperset(value):
        raise InvalidArgumentError(
            f"failed to parse {key} value: {value}",
            hint=f"a name of at most {longest} letters, digits, `_`, `.`, `-`",
        )


def _is_prefix(key: str, value: str) -> None:
    _is_link(key, value, _LONGEST_NAME - 3)


_OPTIONS: dict[str, Callable[[str, str], None]] = {
    "bridge.name": _is_link,
    "bridge.enable_icc": _is_switch,
    "bridge.enable_ip_masquerade": _is_switch,
    "bridge.host_binding_ipv4": _is_binding,
    "driver.mtu": _is_mtu,
    "container_iface_prefix": _is_prefix,
}


def named_ranges(wanted: NetworkOptions) -> list[Range]:
    """Return the subnets that were named, IPv4 first, with their gateways, ranges and auxiliary addresses.

    Raises:
        InvalidArgumentError: they do not fit each other.
    """
    if len(wanted.subnets) < max(len(wanted.ranges), len(wanted.gateways)):
        raise InvalidArgumentError(
            "every ip-range or gateway must have a corresponding subnet", hint="name it with --subnet"
        )
    subnets = [_subnet(text) for text in wanted.subnets]
    for position, subnet in enumerate(subnets):
        if any(subnet.overlaps(other) for other in subnets[:position]):
            raise InvalidArgumentError("multiple overlapping subnet configuration is not supported")
        if any(subnet.family == other.family for other in subnets[:position]):
            raise InvalidArgumentError(f"{wanted.driver} driver doesn't support multiple subnets")
    said: list[dict[str, Any]] = [{} for _ in subnets]
    for text in wanted.ranges:
        part = Subnet.parse(text)
        if part is None:
            raise InvalidArgumentError(f"invalid CIDR address: {text}", hint="as 10.0.0.128/25")
        _put(said, subnets, "range", str(part), [s for s in subnets if s.covers(part)], f"range {text}")
    for text in wanted.gateways:
        _put(said, subnets, "gateway", text, _holding(subnets, text), f"gateway {text}")
    for name, text in wanted.aux_addresses.items():
        holders = _holding(subnets, text)
        if not holders:
            raise InvalidArgumentError(f"no matching subnet for aux-address {text}")
        said[subnets.index(holders[0])].setdefault("aux", {})[name] = text
    found = [_range(subnet, words) for subnet, words in zip(subnets, said, strict=True)]
    return sorted(found, key=lambda each: each.subnet.family)


def _subnet(text: str) -> Subnet:
    subnet = Subnet.parse(text)
    if subnet is None:
        raise InvalidArgumentError(
            f"Invalid subnet {text} : invalid CIDR address: {text}", hint="as 10.0.0.0/24"
        )
    if subnet.prefix > _SMALLEST[subnet.family]:
        raise InvalidArgumentError(
            f"Invalid subnet {text} : no room for a gateway and a container",
            hint=f"the longest prefix is /{_SMALLEST[subnet.family]}",
        )
    return subnet


def _holding(subnets: Sequence[Subnet], text: str) -> list[Subnet]:
    address = packed(text)
    if address is None:
        raise InvalidArgumentError(f"invalid IP address: {text}")
    return [subnet for subnet in subnets if address in subnet]


def _put(  # noqa: PLR0917
    said: list[dict[str, Any]],
    subnets: list[Subnet],
    key: str,
    text: str,
    holders: list[Subnet],
    what: str,
) -> None:
    if not holders:
        raise InvalidArgumentError(f"no matching subnet for {what}")
    words = said[subnets.index(holders[0])]
    if key in words:
        raise InvalidArgumentError(
            f"cannot configure multiple {key}s ({text}, {words[key]}) on the same subnet ({holders[0]})"
        )
    words[key] = text


def _range(subnet: Subnet, said: dict[str, Any]) -> Range:
    """The first address of the range is the gateway's unless another was named, as in Docker."""
    part = Subnet.parse(said["range"]) if "range" in said else None
    within = default.whole(subnet)
    low, high = within.low, within.high
    if part is not None:
        low, high = max(low, part.base), min(high, part.last)
    gateway = packed(said["gateway"]) if "gateway" in said else low
    taken = {packed(text) for text in said.get("aux", {}).values()}
    while "gateway" not in said and gateway in taken and gateway is not None and gateway < high:
        gateway = plus(gateway, 1)
    if gateway is None or gateway in taken or gateway in {subnet.base, plus(within.high, 1)}:
        raise ConflictError(
            "Address already in use",
            hint=f"the gateway of {subnet} needs an address of its own, not {shown(gateway or subnet.base)}",
        )
    return Range(subnet, gateway, low, high, low, True, said)
