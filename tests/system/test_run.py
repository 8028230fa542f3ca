"""What a `run` leaves behind that does not come to its start."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    from helpers.engine import EngineRoots

KILLED_BEFORE_THE_START = """
import os, signal, sys
from rocker.cli.main import cli
from rocker.engine.container import Container

Container.launch = Container.start = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
cli.main(sys.argv[1:])
"""


def test_a_run_with_rm_that_is_killed_before_its_start_leaves_no_container(
    engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    for options in (["--rm"], ["--rm", "-d"]):
        words = engine_roots.command("run", *options, "--rootfs", busybox_rootfs, "true")[1:]
        done = subprocess.run([sys.executable, "-c", KILLED_BEFORE_THE_START, *words], check=False)
        assert done.returncode == -signal.SIGKILL
        assert len(list((engine_roots.root / "containers").iterdir())) == 1
        assert engine_roots.cli("ps", "-aq", check=True).stdout == ""
        assert list((engine_roots.root / "containers").iterdir()) == []


def test_a_run_that_names_a_stopped_container_leaves_its_own_nowhere(
    box: Callable[..., CompletedProcess[str]],
) -> None:
    box("run", "--name", "other", "busybox", "true", check=True)
    for options in (["--rm"], ["--rm", "-d"]):
        done = box("run", *options, "--network", "container:other", "busybox", "true")
        assert done.returncode == 125
        assert "cannot join the namespaces of a non running container" in done.stderr
    assert box("ps", "-a", "--format", "{{.Names}}", check=True).stdout == "other\n"
