"""What stands in a container's /etc/hosts, /etc/resolv.conf and /etc/hostname."""

from __future__ import annotations

import os

from rocker.engine.defaults import HOSTS

_MAX = 1 << 20


def contents(network: str, hostname: str, donor_files: str | None = None) -> dict[str, str]:
    """Return the three files by name.

    Args:
        network: `none`, `host` or `container:NAME`.
        hostname: the container's host name.
        donor_files: run directory of the container whose network is joined: its files are shared.
    """
    if donor_files is not None:
        return {name: read(f"{donor_files}/{name}") for name in ("hosts", "resolv.conf", "hostname")}
    hosts = read("/etc/hosts") if network == "host" else HOSTS
    return {"hosts": hosts, "resolv.conf": read("/etc/resolv.conf"), "hostname": hostname + "\n"}


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
