"""What stands in a container's /etc/hosts, /etc/resolv.conf and /etc/hostname."""

from __future__ import annotations

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
    """Return a small text file; empty when it is not there."""
    try:
        with open(path, "rb", buffering=0) as file:
            return (file.read(_MAX) or b"").decode("utf-8", "replace")
    except OSError:
        return ""
