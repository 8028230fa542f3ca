"""What ends a container that does not want to end."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from helpers.processes import wait_ended

if TYPE_CHECKING:
    from pathlib import Path

    import rocker
    from helpers.engine import EngineRoots
    from helpers.processes import Process

CALLER = """\
import sys, rocker
engine = rocker.Engine(sys.argv[1], sys.argv[2])
bind = sys.argv[4] == "bound"
engine.run(rootfs=sys.argv[3], command=["sleep", "600"], name="bound", detach=True, bind_to_caller=bind)
print("started", flush=True)
sys.stdin.read()
"""
# The first process only waits, and heeds no SIGTERM; the others fork until they cannot, and go on when they can.
BOMB = """trap '' TERM; sh -c "$BOMB" & echo lit; exec sleep 600"""
# `command eval` lets busybox's shell survive a fork that fails.
ENV = {"BOMB": """while :; do command eval 'sh -c "$BOMB" &' 2>/dev/null; done"""}


def _kill_the_caller(roots: EngineRoots, rootfs: Path, how: str) -> None:
    command = [sys.executable, "-c", CALLER, roots.root, roots.run, rootfs, how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as caller:
        assert caller.stdout
        assert caller.stdout.readline() == b"started\n"
        caller.kill()


def test_a_bound_container_ends_with_its_killed_caller(
    engine: rocker.Engine, engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    _kill_the_caller(engine_roots, busybox_rootfs, "bound")
    assert engine.containers.get("bound").wait(timeout=20) == 137


def test_a_container_that_is_not_bound_outlives_its_killed_caller(
    engine: rocker.Engine, engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    _kill_the_caller(engine_roots, busybox_rootfs, "free")
    assert engine.containers.get("bound").exec(["echo", "alive"]).stdout == b"alive\n"


def _bombs(roots: EngineRoots) -> list[Process]:
    return [one for one in roots.processes() if one.command.startswith("sh -c while")]


@pytest.mark.parametrize("how", ["kill", "stop", "rm -f", "timeout"])
def test_a_fork_bomb_dies_to_its_last_process(
    engine: rocker.Engine, engine_roots: EngineRoots, busybox_rootfs: Path, how: str
) -> None:
    options = {"timeout": 3} if how == "timeout" else {}
    container = engine.run(
        rootfs=str(busybox_rootfs),
        command=["sh", "-c", BOMB],
        env=ENV,
        pids=64,
        cpus=0.5,
        detach=True,
        **options,
    )
    assert next(iter(container.logs(follow=True))) == b"lit\n"
    deadline = time.monotonic() + 20
    while len(inside := _bombs(engine_roots)) < 20:
        assert time.monotonic() < deadline, "the bomb does not go off"
    match how:
        case "kill":
            container.kill()
        case "stop":
            container.stop(timeout=0.1)
        case "rm -f":
            container.remove(force=True)
        case "timeout":
            assert container.wait(timeout=60) == 137
            assert container.inspect()["State"]["TimedOut"]
    assert wait_ended(inside, 20)
    assert not _bombs(engine_roots)
    if how != "rm -f":
        assert container.exit_code == 137
