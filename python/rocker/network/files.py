"""What stands in /etc/hosts and /etc/resolv.conf, as Docker writes them (resolv.conf(5), hosts(5))."""

from __future__ import annotations

import os

from rocker.engine.defaults import HOSTS
from rocker.engine.files import read
from rocker.network.address import IPV4, packed, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocker.engine.engine import Engine
    from rocker.engine.options import RunOptions
    from rocker.network.plan import Place

RESOLVER = "127.0.0.11"
"""Where the shim answers inside the container's network namespace."""
GATEWAY = "host-gateway"
_FALLBACK = ("8.8.8.8", "8.8.4.4")
_SYSTEMD = "/run/systemd/resolve/resolv.conf"


def of_bridge(
    engine: Engine, options: RunOptions, hostname: str, places: Sequence[Place], linked: Sequence[str]
) -> dict[str, str]:
    """Return the three files of a container on bridges, by name.

    Args:
        engine: the engine.
        options: what was said.
        hostname: the host name.
        places: its endpoints.
        linked: lines for linked containers.
    """
    own = [line for place in places for line in own_lines(place, hostname, options.domainname)]
    return {
        "hosts": "".join([HOSTS, *extra_lines(engine, options), *linked, *own]),
        "resolv.conf": resolv_conf(options, places),
        "hostname": hostname + "\n",
    }


def own_lines(place: Place, hostname: str, domainname: str | None) -> list[str]:
    """Return the lines of /etc/hosts for a container's own addresses."""
    if domainname:
        names = f"{hostname}.{domainname} {hostname}"
    else:
        first, dot, _ = hostname.partition(".")
        names = f"{hostname} {first}" if dot else hostname
    return [f"{shown(address)}\t{names}\n" for address in place.endpoint.addresses]


def extra_lines(engine: Engine, options: RunOptions) -> list[str]:
    """Return the lines of `--add-host`."""
    found = []
    for entry in options.extra_hosts:
        name, _, address = entry.partition(":")
        found.append(f"{host_gateway(engine) if address == GATEWAY else address}\t{name}\n")
    return found


def host_gateway(engine: Engine) -> str:
    """Return the host's address on the default network."""
    from rocker.network import store
    from rocker.network.default import define

    network = store.get(engine.catalog, store.DEFAULT)
    if not network.bridge:
        network = define(engine, network)
    return shown(store.ranges_of(engine.catalog, network.id)[0].gateway)


def resolv_conf(options: RunOptions, places: Sequence[Place]) -> str:
    """Return resolv.conf of a container on bridges: the shim's resolver where it is on a network that a user made."""
    text = _of_host()
    search = list(options.dns_search) or _values(text, "search")
    words = list(options.dns_options) or _values(text, "options")
    if any(place.network.user_defined for place in places):
        if not any(word.startswith("ndots:") for word in words):
            words = [*words, "ndots:0"]
        return written(search, [RESOLVER], words)
    six = any(len(address) != IPV4 for place in places for address in place.endpoint.addresses)
    return written(search, list(options.dns) or _reachable(text, six=six), words)


def overridden(options: RunOptions, text: str) -> str:
    """Return a resolv.conf with what the options say instead of its own lines."""
    return written(
        list(options.dns_search) or _values(text, "search"),
        list(options.dns) or _values(text, "nameserver"),
        list(options.dns_options) or _values(text, "options"),
    )


def written(search: Sequence[str], servers: Sequence[str], options: Sequence[str]) -> str:
    """Return the text of a resolv.conf; the search domain `.` alone means none."""
    lines = [f"search {' '.join(search)}"] if search and list(search) != ["."] else []
    lines += [f"nameserver {server}" for server in servers]
    lines += [f"options {' '.join(options)}"] if options else []
    return "".join(line + "\n" for line in lines)


def _of_host() -> str:
    """The host's resolv.conf; where that names only systemd-resolved's stub, which no container reaches, its list."""
    text = read("/etc/resolv.conf")
    if _values(text, "nameserver") == ["127.0.0.53"] and os.path.exists(_SYSTEMD):
        return read(_SYSTEMD)
    return text


def _values(text: str, keyword: str) -> list[str]:
    """The words behind a keyword: of all lines for `nameserver`, of the last line for the others (resolv.conf(5))."""
    found: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == keyword and line[0] not in "#;":
            found = [*found, *words[1:2]] if keyword == "nameserver" else words[1:]
    return found


def _reachable(text: str, *, six: bool) -> list[str]:
    """The host's name servers but those that only the host reaches: at loopback, or by IPv6 without such an address."""
    found = []
    for server in _values(text, "nameserver"):
        address = packed(server.partition("%")[0])
        if address is None or (len(address) == IPV4 and address[0] == 127):  # noqa: PLR2004 -- 127.0.0.0/8
            continue
        if len(address) != IPV4 and (not six or address == bytes(15) + b"\1" or "%" in server):
            continue
        found.append(server)
    return found or list(_FALLBACK)
