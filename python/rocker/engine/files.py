"""What stands in a container's /etc/hosts, /etc/resolv.conf and /etc/hostname."""

from __future__ import annotations

import os

from rocker.engine.defaults import HOSTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.engine import Engine
    from rocker.engine.options import RunOptions

_MAX = 1 << 20


def contents(
    engine: Engine, options: RunOptions, network: str, hostname: str, donor_files: str | None = None
) -> dict[str, str]:
    """Return the three files by name, for a container without bridges; `rocker.network.files` has the others.

    Args:
        engine: the engine.
        options: what was said.
        network: `none`, `host` or `container:NAME`.
        hostname: the container's host name.
        donor_files: run directory of the container whose network is joined: its files are shared.
    """
    if donor_files is not None:
        return {name: read(f"{donor_files}/{name}") for name in ("hosts", "resolv.conf", "hostname")}
    hosts = read("/etc/hosts") if network == "host" else HOSTS
    resolv_conf = read("/etc/resolv.conf")
    if options.extra_hosts or options.dns or options.dns_search or options.dns_options:
        from rocker.network import files as more

        hosts += "".join(more.extra_lines(engine, options))
        resolv_conf = more.overridden(options, resolv_conf)
    return {"hosts": hosts, "resolv.conf": resolv_conf, "hostname": hostname + "\n"}


def read(path: str) -> str:
    """Return a text file, of which more than 1 MiB is left out; empty when it is not there."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        # A buffer of the file's size: malloc(3) would map and unmap a large one, for a file of some lines.
        return os.read(file, min(os.fstat(file).st_size or 4096, _MAX)).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(file)
