"""The subnet and the bridge of a network: chosen of what the host and the other networks leave free."""

from __future__ import annotations

import contextlib
import os

from rocker.errors import ConflictError
from rocker.network import pools, store
from rocker.network.address import IPV4, Subnet, plus
from rocker.network.plan import bridge_document, table_of
from rocker.network.store import Range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocker.engine.engine import Engine
    from rocker.network.store import Network

_SHORT = 12


def define(engine: Engine, network: Network) -> Network:
    """Give the default network its subnet and make its bridge, when it is first used.

    Raises:
        ConflictError: no subnet is free. RockerError: the bridge cannot be made.
    """
    with sole():
        with engine.catalog.write() as db:
            current = store.get(engine.catalog, network.id)
            if current.bridge:  # another was faster
                return current
            made = current.replace(bridge=bridge_name(engine, current))
            ranges = [whole(free_subnet(engine, of_default=True))]
            store.insert_ranges(db, made.id, ranges)
            store.set_bridge(db, made.id, made.bridge)
        try:
            engine.core.network_create({"bridge": bridge_document(made, ranges), "table": table_of(engine)})
        except BaseException:
            with engine.catalog.write() as db:
                store.set_bridge(db, made.id, "")
                store.delete_ranges(db, made.id)
            raise
        return made


@contextlib.contextmanager
def sole() -> Iterator[None]:
    """Keep others from choosing subnets meanwhile, engines on other roots too.

    The lock is on the file of the network namespace (flock(2)): it is the same file for everybody in it.
    """
    import fcntl

    fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def free_subnet(engine: Engine, *, of_default: bool = False) -> Subnet:
    """Choose an IPv4 subnet; call it within `sole`. What the default network would get is left to it if it can be.

    Raises:
        ConflictError: none is free. InvalidArgumentError: the configured pools cannot be read.
    """
    used = [*store.all_subnets(engine.catalog), *pools.of_host(engine.core.host_networks())]
    configured = pools.configured(engine.root)
    first = pools.choose(configured, used)
    if of_default or store.get(engine.catalog, store.DEFAULT).bridge:
        return first
    try:
        return pools.choose(configured, [*used, first])
    except ConflictError:
        return first


def free_subnet6(engine: Engine) -> Subnet:
    """Choose a unique local IPv6 subnet; raises as `free_subnet`."""
    used = [*store.all_subnets(engine.catalog), *pools.of_host(engine.core.host_networks())]
    own = store.get(engine.catalog, store.DEFAULT).id
    configured = [pool for pool in pools.configured(engine.root) if pool[0].family != IPV4]
    return pools.choose([*configured, *pools.unique_local(own)], used, family=pools.IPV6)


def whole(subnet: Subnet) -> Range:
    """Return all of a subnet as a range: the first address is the gateway's, IPv4's last one nobody's."""
    gateway = plus(subnet.base, 1)
    high = plus(subnet.last, -1) if subnet.family == IPV4 else subnet.last
    return Range(subnet, gateway, gateway, high, gateway)


def bridge_name(engine: Engine, network: Network) -> str:
    """Return the name of a network's bridge, at most 15 letters (IFNAMSIZ)."""
    from rocker.engine.engine import DEFAULT_ROOT, DEFAULT_RUN

    if network.builtin and (engine.root, engine.run_root) == (DEFAULT_ROOT, DEFAULT_RUN):
        return "rocker0"
    return f"rk-{network.id[:_SHORT]}"
