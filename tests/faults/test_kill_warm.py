"""SIGKILL of the native command, of a worker and of the template, in the middle of what they do."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from helpers.engine import TEARDOWN
from helpers.faults import calls_of, each, killable, killed_at, recorded, run_killed, traced
from helpers.processes import end, processes_of, wait_ended

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from helpers.engine import EngineRoots
    from helpers.processes import Process
    from helpers.warm import Warm

    from .conftest import Bystander

# One call of each kind of effect; the slow matrix takes all that a recording shows.
WORKER_CALLS = (
    "connect",
    "fcntl",
    "fdatasync",
    "mkdir",
    "read",
    "recvmsg",
    "rename",
    "sendmsg",
    "sendto",
    "unlink",
)
TEMPLATE_CALLS = ("bind", "clone", "close", "listen", "mkdir", "rename", "rmdir", "unlink")
TEMPLATE = "from rocker.warm.template import main; main()"


@pytest.fixture
def command(
    warm: Warm, engine_roots: EngineRoots, bystander: Bystander, busybox_rootfs: Path
) -> Callable[[str], list[str]]:
    """`command("exec")`: a command line of the test's roots, which a worker does."""

    def words(step: str) -> list[str]:
        if step == "exec":
            return engine_roots.command("exec", bystander.container.id, "true")
        return engine_roots.command("run", "--rm", "--rootfs", busybox_rootfs, "echo", "x")

    return words


@pytest.fixture
def endless(
    warm: Warm, engine_roots: EngineRoots, bystander: Bystander, busybox_rootfs: Path
) -> Callable[[str], list[str]]:
    """`endless("logs")`: a command line that writes a line and then goes on for ever, with its worker."""

    def words(step: str) -> list[str]:
        if step == "logs":
            return engine_roots.command("logs", "-f", bystander.container.id)
        script = "echo here; exec sleep 600"
        return engine_roots.command("run", "--rm", "--rootfs", busybox_rootfs, "sh", "-c", script)

    return words


@pytest.mark.timeout(600)
@pytest.mark.parametrize("step", ["run", "logs"])
def test_a_native_command_killed_at_any_call_takes_its_worker_along(
    warm: Warm, bystander: Bystander, endless: Callable[[str], list[str]], step: str
) -> None:
    before = warm.settled()
    with traced(endless(step)) as command:
        assert command.line(TEARDOWN) == b"here\n"
        [worker] = warm.at_work()
        assert worker in before
    assert wait_ended([worker], TEARDOWN), "the worker outlived its command"
    early = 0
    for name, number in each(command.calls):
        warm.settled()
        with traced(endless(step), name, number) as attempt:
            # Some calls are not made each time: then it is killed once it has written its line.
            early += not attempt.line(TEARDOWN)
        warm.settled()
        bystander.check(f"{step}: {name} {number}")
    assert early > 30, "hardly anything was killed"
    bystander.check_nothing_else_is_left(step)


@contextmanager
def _alone(warm: Warm) -> Iterator[Process]:
    """The worker that will have the next command: all others are stopped meanwhile."""
    first, *others = warm.settled()
    end(others, signal.SIGSTOP)
    try:
        yield first
    finally:
        end(others, signal.SIGCONT)


def _kill_worker(warm: Warm, words: list[str], name: str, number: int) -> bool:
    with _alone(warm) as worker, killed_at(worker.pid, name, number) as attempt:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert wait_ended([worker], TEARDOWN)
    if done.returncode:
        assert done.returncode == 125, done.stderr
        assert "the worker of this command has died" in done.stderr
    return attempt.killed


def _worker_calls(warm: Warm, words: list[str]) -> Counter[str]:
    with _alone(warm) as worker, recorded(worker.pid) as calls:
        subprocess.run(words, capture_output=True, timeout=60, check=True)
        assert wait_ended([worker], TEARDOWN)
    return calls


def _kill_workers(warm: Warm, bystander: Bystander, words: list[str], wanted: Callable[[str], bool]) -> None:
    killed = []
    for name, number in each(_worker_calls(warm, words)):
        if wanted(name):
            killed.append(_kill_worker(warm, words, name, number))
            bystander.check(f"{words}: {name} {number}")
    assert sum(killed) > len(killed) * 0.8, f"only {sum(killed)} of {len(killed)} calls were come to"
    bystander.check_nothing_else_is_left("worker")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("step", ["run", "exec"])
def test_a_killed_worker_costs_its_own_command_alone(
    warm: Warm, bystander: Bystander, command: Callable[[str], list[str]], step: str
) -> None:
    _kill_workers(warm, bystander, command(step), WORKER_CALLS.__contains__)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("step", ["run", "exec"])
def test_a_worker_killed_at_any_call_costs_its_own_command_alone(
    warm: Warm, bystander: Bystander, command: Callable[[str], list[str]], step: str
) -> None:
    _kill_workers(warm, bystander, command(step), killable)


@pytest.mark.timeout(600)
def test_a_template_killed_at_any_call_takes_its_idle_workers_along(
    warm: Warm, engine_roots: EngineRoots
) -> None:
    warm.settled()
    with recorded(warm.template().pid) as calls:
        engine_roots.cli("version", check=True)
        warm.settled()
    killed = []
    for name, number in each(calls):
        workers, template = warm.settled(), warm.template()
        with killed_at(template.pid, name, number) as attempt:
            engine_roots.cli("version", check=True)
            warm.replaced(workers)
        end([template], signal.SIGKILL)
        assert wait_ended([template, *workers], TEARDOWN)
        engine_roots.cli("version", check=True)
        warm.wait()
        killed.append(attempt.killed)
    assert sum(killed) > len(killed) / 2, f"only {sum(killed)} of {len(killed)} calls were come to"


class Starts:
    """Starts of a template, each with files of its own in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.words = [sys.executable, "-I", "-X", "utf8", "-c", TEMPLATE]

    @contextmanager
    def locked(self, name: str) -> Iterator[tuple[list[str], dict[str, Any]]]:
        """A template's command, and how it is given its lock, as by the native command: as descriptor 3."""
        with open(self.directory / f"{name}.lock", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            number = lock.fileno()
            give = {"pass_fds": (3,), "preexec_fn": lambda: os.dup2(number, 3)}
            yield [*self.words, str(self.directory / name)], give

    def calls(self) -> Counter[str]:
        with self.locked("recorded") as (words, options):
            return calls_of(words, **options)

    def killed(self, call: str, number: int) -> bool:
        with self.locked(f"{call}-{number}") as (words, options):
            return run_killed(words, call, number, **options).returncode == -signal.SIGKILL


@pytest.mark.timeout(600)
def test_what_a_template_leaves_that_is_killed_while_it_starts_or_goes_is_swept_up_by_another(
    engine_roots: EngineRoots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROCKER_WARM_IDLE", "0.05")
    directory = engine_roots.base / "w"
    directory.mkdir(0o700)
    starts = Starts(directory)
    calls = starts.calls()
    killed = [
        starts.killed(name, number)
        for name in TEMPLATE_CALLS
        for number in range(1, min(calls[name], 12) + 1)
    ]
    assert sum(killed) > 10, "hardly anything was killed"
    assert list(directory.iterdir()), "nothing was left to sweep up"
    # Workers of a killed template go by themselves, and with them its files' last users.
    assert wait_ended([one for one in processes_of(directory) if "rocker.warm" in one.command], TEARDOWN)
    with starts.locked("last") as (words, options):
        subprocess.run(words, check=True, **options)
    assert list(directory.iterdir()) == []
