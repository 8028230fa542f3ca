"""`wait` and its conditions; that of health is in `test_health.py`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

import rocker
from helpers.until import until
from rocker.errors import ContainerNotFoundError, InvalidArgumentError, TimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path
    from subprocess import CompletedProcess

    Later = Callable[..., Future[int]]


@pytest.fixture
def create(engine: rocker.Engine, busybox_rootfs: Path) -> Callable[..., rocker.Container]:
    def call(script: str, **options: object) -> rocker.Container:
        return engine.create(
            rocker.RunOptions(rootfs=str(busybox_rootfs), command=["sh", "-c", script], **options)  # type: ignore[arg-type]
        )

    return call


@pytest.fixture
def later() -> Iterator[Later]:
    """`later(container, condition)`: wait in a thread; the future has the exit code."""
    with ThreadPoolExecutor() as pool:
        yield lambda container, condition: pool.submit(container.wait, 20, condition=condition)


def test_the_next_exit_is_that_of_a_start_to_come(
    create: Callable[..., rocker.Container], later: Later
) -> None:
    container = create("test -e /2 && exit 2; touch /2; exit 1")
    container.start()
    assert container.wait(20) == 1
    waiting = later(container, "next-exit")
    with pytest.raises(TimeoutError, match="does not run when the time is over"):
        container.wait(0.2, condition="next-exit")
    assert not waiting.done()
    again = create("exit 3")
    waiting_again = later(again, "next-exit")
    again.start()
    assert waiting_again.result(20) == 3
    container.remove()
    with pytest.raises(ContainerNotFoundError):
        waiting.result(30)


def test_removed_waits_for_the_exit_and_the_removal(
    create: Callable[..., rocker.Container], later: Later
) -> None:
    container = create("exit 6")
    container.start()
    assert container.wait(20) == 6
    waiting = later(container, "removed")
    with pytest.raises(TimeoutError, match="is still there when the time is over"):
        container.wait(0.2, condition="removed")
    assert not waiting.done()
    container.remove()
    assert waiting.result(20) == 6


def test_a_restart_is_no_removal(create: Callable[..., rocker.Container], later: Later) -> None:
    container = create("exit 6", restart="always")
    container.start()
    waiting = later(container, "removed")
    until(lambda: container.inspect()["RestartCount"] >= 2, "two restarts")
    assert not waiting.done()
    container.remove(force=True)
    assert waiting.result(20) in {6, 0}


def test_a_container_with_rm_is_removed_by_its_end(
    create: Callable[..., rocker.Container], later: Later
) -> None:
    container = create("sleep 2; exit 4", auto_remove=True)
    container.start()
    assert later(container, "removed").result(20) == 4


def test_an_unknown_condition_is_refused(
    create: Callable[..., rocker.Container], run_cli: Callable[..., CompletedProcess[str]]
) -> None:
    container = create("true")
    with pytest.raises(InvalidArgumentError, match="invalid condition: 'gone'"):
        container.wait(condition="gone")
    done = run_cli("wait", "--condition", "gone", container.id)
    assert done.returncode == 125
    assert "must be one of not-running, next-exit, removed, healthy" in done.stderr
    assert run_cli("wait", "--condition", "not-running", container.id, check=True).stdout == "0\n"
