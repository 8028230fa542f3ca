"""The tests' own tools find what they are meant to find."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tarfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from helpers.engine import TEARDOWN, EngineRoots
from helpers.leaks import CGROUPS, LeakCheck, Snapshot, clean_up, foreign_engines, only_run
from helpers.processes import end, find, listeners, open_files, processes_of, wait_ended, wait_gone
from helpers.terminal import Terminal

LISTENER = """
import os, socket, sys
os.chdir(sys.argv[1])
server = socket.socket(socket.AF_UNIX)
server.bind(os.getcwd() + "/s")
server.listen()
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_terminal_answers_what_is_typed() -> None:
    with Terminal(["/bin/cat"]) as terminal:
        terminal.send(b"hello\n")
        terminal.expect(b"hello\r\nhello\r\n")
        terminal.send(b"\x04")
        assert terminal.wait() == 0


def test_a_resized_terminal_tells_its_program() -> None:
    script = "trap 'stty size; exit 3' WINCH; echo ready; sleep 1000 & wait; exit 4"
    with Terminal(["/bin/bash", "-c", script]) as terminal:
        terminal.expect(b"ready")
        terminal.resize(132, 43)
        terminal.expect(b"43 132")
        assert terminal.wait() == 3


def test_an_interrupt_is_typed_to_the_foreground() -> None:
    with Terminal(["/bin/sh", "-c", "echo ready; exec cat"]) as terminal:
        terminal.expect(b"ready")
        terminal.send(b"\x03")
        assert terminal.wait() == -signal.SIGINT


def test_text_that_does_not_come_is_reported_with_what_came() -> None:
    with (
        Terminal(["/bin/echo", "bonjour"]) as terminal,
        pytest.raises(AssertionError, match=re.escape("b'hello' did not come; instead: b'bonjour")),
    ):
        terminal.expect(b"hello")


def test_processes_are_found_by_argument_and_by_socket_and_awaited(tmp_path: Path) -> None:
    with ExitStack() as stack:

        def start(*command: str | Path, **options: Any) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, **options)
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        listener = start(sys.executable, "-c", LISTENER, tmp_path, stdout=subprocess.PIPE)
        assert listener.stdout is not None
        listener.stdout.readline()
        holder = start("/bin/sleep", "1000", stdout=stack.enter_context((tmp_path / "open").open("w")))
        start("/bin/sleep", "1000", cwd=tmp_path)

        [(name, link)] = listeners(tmp_path).items()
        assert name == tmp_path / "s"
        assert link in open_files(listener.pid)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(name))  # what a listener has accepted has its name, and is none
            assert list(listeners(tmp_path)) == [name]

        found = processes_of(tmp_path)
        assert {process.pid for process in found} == {listener.pid, holder.pid}
        assert wait_ended(found, 0) is False
        end(found, signal.SIGKILL)
        assert wait_ended(found, 20)
        assert wait_gone(tmp_path, 20) == []


def test_what_is_left_behind_is_named(engine_roots: EngineRoots) -> None:
    check = LeakCheck(engine_roots)
    (engine_roots.root / "tmp").mkdir(parents=True)
    (engine_roots.run / "containers" / "abc").mkdir(parents=True)
    (engine_roots.root / "tmp" / "half").write_text("")
    subprocess.run(["mount", "-t", "tmpfs", "leak", engine_roots.root], check=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(engine_roots.run / "launcher.sock"))
    server.close()
    try:
        leaks = "\n".join(check.leaks())
    finally:
        subprocess.run(["umount", engine_roots.root], check=True)
        (engine_roots.root / "tmp" / "half").unlink()
        (engine_roots.run / "containers" / "abc").rmdir()
        (engine_roots.run / "launcher.sock").unlink()
    assert "tmpfs leak" in leaks
    assert f"container directory {engine_roots.run}/containers/abc" in leaks
    assert f"socket {engine_roots.run}/launcher.sock" in leaks


def test_cleaning_up_ends_what_only_the_cgroup_still_knows(engine_roots: EngineRoots) -> None:
    hierarchy = next(path for path in (CGROUPS / "pids", CGROUPS) if (path / "cgroup.procs").exists())
    identifier = secrets.token_hex(32)
    cgroup = hierarchy / "rocker" / identifier
    (engine_roots.run / "containers" / identifier).mkdir(parents=True)
    with subprocess.Popen(["/bin/sleep", "1000"]) as orphan:
        try:
            cgroup.mkdir(parents=True)
            (cgroup / "cgroup.procs").write_text(str(orphan.pid))
            assert find(orphan.pid) not in engine_roots.processes()
            clean_up(engine_roots)
            assert not cgroup.exists()
            assert not engine_roots.base.exists()
            assert orphan.wait(TEARDOWN) == -signal.SIGKILL
        finally:
            orphan.kill()


def test_cleaning_up_after_a_container_that_runs_leaves_nothing(
    engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    check = LeakCheck(engine_roots)
    engine_roots.cli("run", "-d", "--rootfs", busybox_rootfs, "sleep", "1000", check=True)
    clean_up(engine_roots)
    assert check.leaks() == []


def test_a_process_that_was_not_reaped_is_no_engine_at_work(engine_roots: EngineRoots) -> None:
    if Snapshot.take(engine_roots).foreign:
        pytest.skip("another engine is at work")
    name = "import ctypes; ctypes.CDLL(None).prctl(15, b'rocker-shim')"  # PR_SET_NAME
    wait = "print('named', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", f"{name}; {wait}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"named\n"
        assert Snapshot.take(engine_roots).foreign
        [found] = [one for one in foreign_engines(engine_roots) if one.pid == process.pid]
        assert str(found).startswith(f"pid {process.pid}: {sys.executable} -c import ctypes")
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not Snapshot.take(engine_roots).foreign


def test_two_runs_of_tests_know_of_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.leaks.CGROUPS", tmp_path)
    with only_run() as first:
        assert first()
        with only_run() as second:
            assert not first()
            assert not second()
        assert first()


def test_a_new_network_link_is_named(engine_roots: EngineRoots, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.leaks.TEARDOWN", 0.0)
    check = LeakCheck(engine_roots)
    if check.before.foreign:
        check.close()
        pytest.skip("another engine is at work, whose links cannot be told from ours")
    made = subprocess.run(["ip", "link", "add", "rkleak", "type", "bridge"], capture_output=True, check=False)
    if made.returncode:
        check.close()
        pytest.skip("no bridge can be made here")
    try:
        assert "network link rkleak: it has no other end" in check.leaks()
    finally:
        subprocess.run(["ip", "link", "delete", "rkleak"], check=True)


def test_the_longest_socket_path_fits(engine_roots: EngineRoots) -> None:
    path = engine_roots.run / "containers" / ("0" * 64) / "shim.sock"
    assert len(os.fsencode(path)) <= 107


def test_the_image_and_its_layer_agree(busybox_image: Path, busybox_tar: Path, busybox_rootfs: Path) -> None:
    assert (busybox_rootfs / "bin/true").is_symlink()
    with tarfile.open(busybox_image) as image:
        (entry,) = json.load(image.extractfile("manifest.json") or pytest.fail("no manifest"))
        layer = image.extractfile(entry["Layers"][0])
        assert layer is not None
        assert layer.read() == busybox_tar.read_bytes()
