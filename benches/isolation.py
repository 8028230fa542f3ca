"""A mount namespace of the benchmark's own: no engine's mounts stay, and crun and podman work everywhere."""

import os
import subprocess
import sys
from pathlib import Path

MARK = "ROCKER_BENCH_ISOLATED"
CONTROLLERS = Path("/sys/fs/cgroup/unified/cgroup.controllers")


def enter(state: Path) -> None:
    """Start this program again in a private mount namespace; there, make the cgroup mounts fit for crun.

    crun 1.8 refuses a machine with cgroup v1 whose v2 mount has a controller, be it only hugetlb. In this
    namespace the list of those controllers reads as empty: for all contenders, and for nobody else.
    """
    if os.environ.get(MARK) != "1":
        os.environ[MARK] = "1"
        command = ["unshare", "--mount", "--propagation", "private", "--"]
        os.execvp("unshare", [*command, sys.executable, "-m", "benches.run", *sys.argv[1:]])
    if CONTROLLERS.exists() and CONTROLLERS.read_text().strip():
        empty = state / f"no-controllers-{os.getpid()}"
        empty.touch()
        subprocess.run(["mount", "--bind", empty, CONTROLLERS], check=True)
        empty.unlink()
