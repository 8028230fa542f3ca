"""Many containers, one after another at the same moment and all at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    import rocker
    from helpers.engine import EngineRoots

# How many of the 200 go through the command: each is a Python of its own.
COMMANDS = 20


def test_two_hundred_runs_at_once_each_give_their_own_output_and_exit_code(
    engine: rocker.Engine, engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    def run(number: int) -> tuple[int, str, str]:
        script = f"echo out {number}; echo err {number} >&2; exit {number}"
        if number < COMMANDS:
            done = engine_roots.cli("run", "--rm", "--rootfs", busybox_rootfs, "sh", "-c", script)
            return done.returncode, done.stdout, done.stderr
        result = engine.run(rootfs=str(busybox_rootfs), command=["sh", "-c", script], auto_remove=True)
        return result.exit_code, result.stdout.decode(), result.stderr.decode()

    with ThreadPoolExecutor(200) as pool:
        results = list(pool.map(run, range(200)))
    assert results == [(number, f"out {number}\n", f"err {number}\n") for number in range(200)]
    assert engine.containers.list(all=True) == []


@pytest.mark.parametrize(
    "count", [50, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_that_many_containers_live_at_once_are_listed_stopped_and_removed(
    engine: rocker.Engine, busybox_rootfs: Path, count: int
) -> None:
    def start(number: int) -> rocker.Container:
        return engine.run(
            rootfs=str(busybox_rootfs),
            command=["sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 600 & wait $!; done"],
            name=f"many{number}",
            detach=True,
            network="none",  # this is about containers: a bridge takes 1,023 of them
        )

    with ThreadPoolExecutor(4) as pool:
        containers = list(pool.map(start, range(count)))
        for container in containers:
            assert next(iter(container.logs(follow=True))) == b"ready\n"
        running = engine.containers.list()
        assert {one.name for one in running} == {f"many{number}" for number in range(count)}
        assert {one.status for one in running} == {"running"}
        list(pool.map(lambda one: one.stop(timeout=60), containers))
        assert {one.exit_code for one in containers} == {7}
        assert engine.containers.list() == []
        list(pool.map(lambda one: one.remove(), containers))
    assert engine.containers.list(all=True) == []
