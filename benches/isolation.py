"""A mount namespace of the benchmark's own: no engine's mounts stay, and crun and podman work everywhere."""

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


def enter(state: Path, module: str = "benches.run") -> None:
    """Start this program again in a private mount namespace; there, make the cgroup mounts fit for crun.

    crun 1.8 refuses a machine with cgroup v1 whose v2 mount has a controller, be it only hugetlb. In this
    namespace the list of those controllers reads as empty: for all contenders, and for nobody else.
    """
    if os.environ.get(MARK) != "1":
        os.environ[MARK] = "1"
        command = ["unshare", "--mount", "--propagation", "private", "--"]
        os.execvp("unshare", [*command, sys.executable, "-m", module, *sys.argv[1:]])
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
