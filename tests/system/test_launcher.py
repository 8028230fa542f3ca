"""The launcher comes and goes; containers and the next callers do not notice."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.processes import end, wait_ended

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.engine import EngineRoots


@pytest.fixture
def living(engine_roots: EngineRoots, busybox_rootfs: Path) -> Iterator[str]:
    """A container that runs throughout the test and ends when it is over."""
    yield engine_roots.cli("run", "-d", "--rootfs", busybox_rootfs, "sleep", "600", check=True).stdout.strip()
    engine_roots.cli("rm", "-f", *_all(engine_roots), check=True)


def _all(roots: EngineRoots) -> list[str]:
    return roots.cli("ps", "-aq", check=True).stdout.split()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["leaves", "is killed"])
def test_when_the_launcher_goes_its_containers_live_and_the_next_starts_anew(
    engine_roots: EngineRoots, living: str, busybox_rootfs: Path, number: signal.Signals
) -> None:
    gone = engine_roots.launchers()
    end(gone, number)
    assert wait_ended(gone, 20)
    again = engine_roots.cli("run", "--rm", "--rootfs", busybox_rootfs, "echo", "again", timeout=20)
    assert (again.returncode, again.stdout) == (0, "again\n"), again.stderr
    assert len(engine_roots.launchers()) == 1
    assert engine_roots.cli("exec", living, "echo", "alive", timeout=20).stdout == "alive\n"


def test_the_shim_that_stands_by_goes_with_its_launcher(
    engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    engine_roots.cli("run", "--rm", "--rootfs", busybox_rootfs, "true", check=True)
    launchers, standbys = engine_roots.launchers(), engine_roots.standbys()
    end(launchers, signal.SIGKILL)
    assert wait_ended(launchers + standbys, 20)
    engine_roots.cli("run", "--rm", "--rootfs", busybox_rootfs, "true", check=True, timeout=20)


def test_what_the_first_caller_had_open_does_not_live_on_in_the_launcher(
    engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    reader, writer = os.pipe()
    try:
        command = engine_roots.command("run", "--rm", "--rootfs", busybox_rootfs, "true")
        subprocess.run(command, pass_fds=[writer], check=True, timeout=60)
        assert engine_roots.launchers()
    finally:
        os.close(writer)
    with open(reader, "rb") as file:
        assert file.read() == b""  # would wait for ever if anyone still had the other end


def test_how_the_first_caller_was_scheduled_is_not_how_containers_are(
    engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    look = "cut -d' ' -f19 /proc/self/stat; grep Cpus_allowed_list /proc/self/status"
    command = engine_roots.command("run", "--rm", "--rootfs", busybox_rootfs, "sh", "-c", look)
    mine = Path("/proc/self/status").read_text().partition("Cpus_allowed_list:\t")[2].split()[0]
    first = mine.replace("-", ",").partition(",")[0]
    slow = ["taskset", "--cpu-list", first, "nice", "-n", "7"]
    for before in (slow, []):
        done = subprocess.run([*before, *command], capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout == f"0\nCpus_allowed_list:\t{mine}\n"
