"""Networks of macvlan and ipvlan: no bridge, but a link of the host on which each container has a link of its own."""

from __future__ import annotations

from rocker.errors import ConflictError, InvalidArgumentError, UnsupportedError
from rocker.network import store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rocker.engine.engine import Engine
    from rocker.network.store import Network

_MODES = {"macvlan": ("bridge", "private", "vepa", "passthru"), "ipvlan": ("bridge", "private", "vepa")}
_LAST_VLAN = 4094
_LONGEST_NAME = 15


def describe(engine: Engine, network: Network) -> Network:
    """Return a new network with its parent chosen: the link that its options name, or one that is made for it.

    Raises:
        InvalidArgumentError: an option is wrong, or there is no such link.
        ConflictError: another network has the parent for itself alone.
        UnsupportedError: a mode of ipvlan that is not offered.
    """
    options = network.config.options
    mode = _mode(network.driver, options)
    name = options.get("parent", "")
    if name == "lo":
        raise InvalidArgumentError(f"loopback interface is not a valid {network.driver} parent link")
    # As Docker's: without a parent the network leads nowhere.
    name = name or f"dm-{network.id[:12]}"
    own: Any = _refuse_clash(engine, network.driver, name, mode)
    if own is None and name not in engine.core.links():
        own = {"vlan": _vlan(engine, name)} if options.get("parent") else "dummy"
    parent: dict[str, Any] = {"kind": network.driver, "mode": mode}
    if own is not None:
        parent["own"] = own
    return network.replace(bridge=name, config=network.config.replace(parent=parent))


def _mode(driver: str, options: Mapping[str, str]) -> str:
    if driver == "ipvlan":
        layer = options.get("ipvlan_mode") or "l2"
        if layer in {"l3", "l3s"}:
            raise UnsupportedError(f"the ipvlan mode {layer} is not offered", hint="leave it out: l2")
        if layer != "l2":
            raise InvalidArgumentError(
                f"requested ipvlan mode '{layer}' is not valid, 'l2' mode is the ipvlan driver default"
            )
    key = {"macvlan": "macvlan_mode", "ipvlan": "ipvlan_flag"}[driver]
    mode = options.get(key) or "bridge"
    if mode not in _MODES[driver]:
        word = key.replace("_", " ")
        raise InvalidArgumentError(
            f"requested {word} '{mode}' is not valid, 'bridge' {word.partition(' ')[2]} is the {driver} driver default",
            hint=f"one of {', '.join(_MODES[driver])}",
        )
    return mode


def _refuse_clash(engine: Engine, driver: str, name: str, mode: str) -> Any:
    """How another network's parent of this name is made, if it is that network's own: then it is this one's, too."""
    found: Any = None
    for other in store.all_networks(engine.catalog):
        taken = other.config.parent
        if other.bridge != name or not taken:
            continue
        if taken["kind"] != driver:
            raise ConflictError(
                f"network {other.name} is already using parent interface {name}",
                hint=f"it is of the driver {taken['kind']}: the kernel has links of one kind on a parent",
            )
        if "passthru" in {mode, taken["mode"]}:
            raise ConflictError(
                f"cannot use mode passthru, {driver} network {other.id} is already using parent interface {name}"
                if mode == "passthru"
                else f"{driver} network {other.id} is already using parent interface {name} in mode passthru"
            )
        if driver == "ipvlan" and mode != taken["mode"]:
            raise ConflictError(
                f"network {other.name} is already using parent interface {name} with the flag {taken['mode']}",
                hint="all ipvlan links of a parent have one flag",
            )
        found = found or taken.get("own")
    return found


def _vlan(engine: Engine, name: str) -> dict[str, Any]:
    """`eth0.10`: the VLAN 10 of eth0, which must be there."""
    if "." not in name:
        raise InvalidArgumentError(
            f"invalid subinterface vlan name {name}, example formatting is eth0.10",
            hint=f"no link of the host is called {name}: `ip link` lists them",
        )
    link, _, number = name.partition(".")
    if "." in number or len(name) > _LONGEST_NAME:
        raise InvalidArgumentError(
            f"required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received {name}"
        )
    if not (number.isascii() and number.isdecimal()):
        raise InvalidArgumentError(
            f"unable to parse a valid vlan id from: {number} (ex. eth0.10 for vlan 10)"
        )
    if link not in engine.core.links():
        raise InvalidArgumentError(f"-o parent interface was not found on the host: {link}")
    if not 1 <= int(number) <= _LAST_VLAN:
        raise InvalidArgumentError(f"vlan id must be between 1-{_LAST_VLAN}, received: {int(number)}")
    return {"link": link, "id": int(number)}


def remove(engine: Engine, network: Network) -> None:
    """Remove the parent of a network that has gone, if it was made for it and no other network has it."""
    others = store.all_networks(engine.catalog)
    if network.config.parent.get("own") and all(other.bridge != network.bridge for other in others):
        engine.core.parent_remove(network.bridge)
