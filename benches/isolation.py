"""Namespaces of the benchmark's own, for mounts and for the network.

No engine's mounts, links or firewall rules reach the machine, and crun and podman work everywhere.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MARK = "ROCKER_BENCH_ISOLATED"
CGROUPS = Path("/sys/fs/cgroup")
CONTROLLERS = CGROUPS / "unified" / "cgroup.controllers"
PARENTS = ("docker", "libpod_parent")
"""The cgroups that dockerd and podman make for their containers, and leave when they go."""


UPLINK = "192.0.2.1"
"""This host's address beside loopback, in each network namespace of the benchmark (RFC 5737)."""
NETWORK = f"""
set -e
ip link set lo up
ip link add uplink type veth peer name outside
ip link set outside up
ip address add {UPLINK}/24 dev uplink
ip link set uplink up
ip route add default via 192.0.2.254
exec "$@"
"""
"""For sh(1): makes a new network namespace look like a host's, then becomes the command that follows.

Engines take the default route for the way out; nothing answers there.
"""
PLACES = ("/run/netns", "/var/lib/cni")
"""Where podman and its plugins keep namespaces and addresses, whatever roots they are given."""


def is_entered() -> bool:
    """Whether this is the program that `enter` has started."""
    return os.environ.get(MARK) == "1"


def enter(state: Path, module: str = "benches.run", *, network: bool = False) -> None:
    """Start this program again in a private mount namespace; there, make the cgroup mounts fit for crun.

    crun 1.8 refuses a machine with cgroup v1 whose v2 mount has a controller, be it only hugetlb. In this
    namespace the list of those controllers reads as empty: for all contenders, and for nobody else.

    With `network` it is in a network namespace of its own, too, with an uplink that leads nowhere: from then on
    no package can be fetched.
    """
    if not is_entered():
        os.environ[MARK] = "1"
        command = ["unshare", "--mount", "--propagation", "private"]
        host = ["--net", "--", "sh", "-c", NETWORK, "sh"] if network else ["--"]
        os.execvp("unshare", [*command, *host, sys.executable, "-m", module, *sys.argv[1:]])
    if network:
        for place in PLACES:
            os.makedirs(place, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place], check=True)
    if CONTROLLERS.exists() and CONTROLLERS.read_text().strip():
        empty = state / f"no-controllers-{os.getpid()}"
        empty.touch()
        subprocess.run(["mount", "--bind", empty, CONTROLLERS], check=True)
        empty.unlink()


@contextmanager
def parents_removed() -> Iterator[None]:
    """Take away, at the end, the empty parents of containers' cgroups that were not there at the beginning."""
    before = _parents()
    try:
        yield
    finally:
        for top in _parents() - before:
            for directory, _, _ in os.walk(top, topdown=False):
                with suppress(OSError):  # in use after all
                    os.rmdir(directory)


def _parents() -> set[Path]:
    tops = {path for pattern in PARENTS for depth in ("", "*/") for path in CGROUPS.glob(depth + pattern)}
    return {path for path in tops if path.is_dir() and not path.is_symlink()}
