"""What a caller's own state does to its worker and to the template it leaves, and what it must not do."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.engine import TEARDOWN
from helpers.processes import end
from helpers.warm import Warm

if TYPE_CHECKING:
    from helpers.engine import EngineRoots

POLL = ("7", "73", "271")
"""Numbers of poll(2) and ppoll(2): x86_64, aarch64, x86_64."""


def test_an_interrupt_before_a_worker_begins_ends_the_command(warm: Warm, engine_roots: EngineRoots) -> None:
    stopped = warm.settled()
    end(stopped, signal.SIGSTOP)
    try:
        with subprocess.Popen(engine_roots.command("version"), stdout=subprocess.PIPE) as process:
            _wait_until_it_polls(process.pid)
            process.send_signal(signal.SIGINT)
            assert process.wait(TEARDOWN) == -signal.SIGINT
            assert process.stdout is not None
            assert process.stdout.read() == b""
    finally:
        end(stopped, signal.SIGCONT)


def test_a_request_that_no_queue_takes_is_done_by_python(warm: Warm, engine_roots: EngineRoots) -> None:
    stopped = [warm.template(), *warm.settled()]
    end(stopped, signal.SIGSTOP)
    large = {f"LARGE{number}": "x" * 100_000 for number in range(12)}
    try:
        done = engine_roots.cli("version", env=large, timeout=20)
    finally:
        end(stopped, signal.SIGCONT)
    assert done.returncode == 0, done.stderr


def test_nothing_of_the_first_caller_lives_on_in_the_template(
    engine_roots: EngineRoots, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worse() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGCHLD, signal.SIGINT])
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.umask(0o777)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (20, hard))

    warm = Warm(engine_roots, monkeypatch)
    subprocess.run(
        engine_roots.command("version"), check=True, capture_output=True, preexec_fn=worse, timeout=60
    )
    with warm:
        template = warm.template().pid
        status = Path(f"/proc/{template}/status").read_text()
        assert "SigBlk:\t0000000000000000" in status
        assert "Umask:\t0022" in status
        soft, hard = resource.prlimit(template, resource.RLIMIT_NOFILE)
        assert soft == hard
        assert os.readlink(f"/proc/{template}/cwd") == "/"


def test_callers_of_other_processors_find_no_worker(warm: Warm, engine_roots: EngineRoots) -> None:
    before = warm.settled()
    [processor, *others] = sorted(os.sched_getaffinity(0))
    if not others:
        pytest.skip("this machine has one processor")
    pinned = ["taskset", "--cpu-list", str(processor)]
    subprocess.run([*pinned, *engine_roots.command("version")], check=True, capture_output=True, timeout=60)
    deadline = time.monotonic() + TEARDOWN
    while len(list(warm.directory.glob("*.sock"))) != 2:
        assert time.monotonic() < deadline, "the pinned caller has left no template of its own"
    assert set(before) <= set(warm.workers())


def _wait_until_it_polls(pid: int) -> None:
    """Wait until a process is in poll(2) with signals taken: it waits for its worker."""
    deadline = time.monotonic() + TEARDOWN
    while True:
        taken = "SigBlk:\t0000000000000000" not in Path(f"/proc/{pid}/status").read_text()
        if taken and Path(f"/proc/{pid}/syscall").read_text().split()[0] in POLL:
            return
        assert time.monotonic() < deadline, "it never waits"
