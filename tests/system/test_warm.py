"""The command in a worker: everything a shell user does is as if it ran in its own process."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.engine import TEARDOWN
from helpers.processes import end, find, open_files, wait_ended
from helpers.warm import Warm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from subprocess import CompletedProcess

    from helpers.engine import EngineRoots
    from helpers.processes import Process
    from helpers.terminal import Terminal


@pytest.fixture
def shell(engine_roots: EngineRoots, mode: str) -> Callable[..., CompletedProcess[str]]:
    """`shell(script)`: bash, in which `rocker` is the command on the test's roots; cold and warm."""

    def run(script: str, timeout: float = 60) -> CompletedProcess[str]:
        line = shlex.join(engine_roots.command())
        program = f'rocker() {{ {line} "$@"; }}; ROCKER={shlex.quote(line)}; export ROCKER; {script}'
        return subprocess.run(
            ["bash", "-c", program], capture_output=True, text=True, timeout=timeout, check=False
        )

    return run


@pytest.fixture
def sleeper(engine_roots: EngineRoots, busybox_rootfs: Path) -> Iterator[str]:
    """A container that waits."""
    words = ["run", "-d", "--name", "sleeper", "--rootfs", busybox_rootfs, "sleep", "600"]
    engine_roots.cli(*words, check=True)
    yield "sleeper"
    engine_roots.cli("rm", "-f", "sleeper", check=True)


def test_a_worker_serves_one_command_and_is_replaced(warm: Warm, engine_roots: EngineRoots) -> None:
    before = warm.settled()
    assert engine_roots.cli("ps", "-aq").returncode == 0
    assert warm.replaced(before) in before


def test_no_worker_is_left_behind_when_none_is_wanted(
    engine_roots: EngineRoots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROCKER_WARM", "0")
    before = sorted(Path("/run").glob("rocker-warm/*"))
    assert engine_roots.cli("version").returncode == 0
    assert sorted(Path("/run").glob("rocker-warm/*")) == before


def test_the_callers_directory_mask_variables_and_files_are_used(
    shell: Callable[..., CompletedProcess[str]], busybox_rootfs: Path, tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_text("content")
    script = (
        f"cd {tmp_path}; umask 027; export MINE='a  b'; "
        f"rocker run --rm -v ./source:/m --cidfile id -e MINE --env-file <(echo FILE=read) "
        f"--rootfs {busybox_rootfs} sh -c 'cat /m/file; echo; echo \"$MINE\" $FILE'; stat -c %a id"
    )
    done = shell(script)
    assert (done.stdout, done.stderr) == ("content\na  b read\n640\n", "")


def test_text_is_utf8_whatever_the_locale(
    shell: Callable[..., CompletedProcess[str]], busybox_rootfs: Path
) -> None:
    run = f"run --rm -e U=\u00e4 --rootfs {busybox_rootfs} sh -c 'echo $U'"
    for locale in ("C", "C.UTF-8", "de_DE.ISO-8859-1"):
        assert shell(f"LC_ALL={locale} rocker {run}").stdout == "\u00e4\n"


@pytest.mark.parametrize(
    ("script", "code", "stdout"),
    [
        ("rocker run --rm --rootfs {fs} sh -c 'exit 7'", 7, ""),
        ("rocker run --rm --rootfs {fs} /no/such", 127, ""),
        ("rocker nosuch", 1, ""),
        ("rocker run --rm --rootfs {fs} echo x <&-", 0, "x\n"),
        ("rocker run --rm -i --rootfs {fs} cat </dev/null", 0, ""),
        ("seq 3 | rocker run --rm -i --rootfs {fs} cat", 0, "1\n2\n3\n"),
        ("rocker run --rm --rootfs {fs} seq 100000 | head -1", 0, "1\n"),
        ("nohup $ROCKER run --rm --rootfs {fs} echo x 2>/dev/null", 0, "x\n"),
        (
            "seq 8 | xargs -P 8 -I N $ROCKER run --rm --rootfs {fs} echo nN | sort | tr -d '\\n'",
            0,
            "n1n2n3n4n5n6n7n8",
        ),
        ("rocker run --rm --rootfs {fs} echo x & wait; echo done", 0, "x\ndone\n"),
        (
            "mkdir {tmp}/gone && cd {tmp}/gone && rmdir {tmp}/gone && rocker run --rm --rootfs {fs} echo x",
            0,
            "x\n",
        ),
        ("HOME=/proc rocker run --rm --rootfs {fs} echo x", 0, "x\n"),
        ("(ulimit -n 64; rocker run --rm --rootfs {fs} echo x)", 0, "x\n"),
        ("rocker run --rm --rootfs {fs} echo x >/dev/full", 125, ""),
        ("rocker run --rm -e X=$'🐀\\xff' --rootfs {fs} sh -c 'echo $0 $X' $'\\xe9'", 0, "\ufffd 🐀\ufffd\n"),
        ("rocker ps 2>&1 >/dev/full", 1, "rocker: write to standard output: No space left on device\n"),
        (
            "rocker run --rm --rootfs {fs} seq 30000 | {{ while read x; do n=$((n+1)); done; echo $n; }}",
            0,
            "30000\n",
        ),
        ("sudo -E env ROCKER_WARM=$ROCKER_WARM $ROCKER run --rm --rootfs {fs} echo x", 0, "x\n"),
        ("timeout -s KILL 0.5 $ROCKER run --rm --rootfs {fs} sleep 600; echo $?", 0, "137\n"),
        (
            "timeout 0.5 $ROCKER run --rm --rootfs {fs} sh -c 'trap \"exit 9\" TERM; sleep 600 & wait'",
            124,
            "",
        ),
    ],
)
def test_a_script_sees_no_difference(
    shell: Callable[..., CompletedProcess[str]],
    engine_roots: EngineRoots,
    busybox_rootfs: Path,
    tmp_path: Path,
    script: str,
    code: int,
    stdout: str,
) -> None:
    done = shell(script.format(fs=busybox_rootfs, tmp=tmp_path))
    assert (done.returncode, done.stdout) == (code, stdout), done.stderr
    ids = engine_roots.cli("ps", "-aq").stdout.split()
    if ids:  # what a killed command leaves runs on, as in Docker
        engine_roots.cli("rm", "-f", *ids, check=True)


@pytest.mark.parametrize("nice", [0, 7])
def test_a_worker_is_as_nice_as_its_caller_whoever_left_the_template(
    engine_roots: EngineRoots, sleeper: str, monkeypatch: pytest.MonkeyPatch, nice: int
) -> None:
    warm = Warm(engine_roots, monkeypatch)
    subprocess.run(["nice", "-n", "5", *engine_roots.command("version")], check=True, capture_output=True)
    with warm:
        command = ["nice", "-n", str(nice), *engine_roots.command("logs", "-f", sleeper)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                worker = _wait_until_it_follows(engine_roots)
                assert worker in warm.at_work()
                assert os.getpriority(os.PRIO_PROCESS, worker.pid) == nice
            finally:
                process.kill()
        done = subprocess.run(
            [
                *command[:3],
                *engine_roots.command("exec", sleeper, "sh", "-c", "cut -d' ' -f19 /proc/self/stat"),
            ],
            capture_output=True,
            check=True,
            text=True,
        )
        assert done.stdout == "0\n", "a process of a container is as nice as its engine"


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)],
)
def test_a_signal_ends_a_command_that_waits(
    mode: str, engine_roots: EngineRoots, sleeper: str, number: signal.Signals, code: int
) -> None:
    command = engine_roots.command("logs", "-f", sleeper)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            _wait_until_it_follows(engine_roots)
            process.send_signal(number)
            assert process.wait(TEARDOWN) == code, mode
        finally:
            process.kill()


def _wait_until_it_follows(roots: EngineRoots) -> Process:
    """Wait until a process of these roots has an inotify instance, with which a log is followed."""
    deadline = time.monotonic() + TEARDOWN
    while time.monotonic() < deadline:
        for process in roots.processes():
            if "anon_inode:inotify" in open_files(process.pid):
                return process
    pytest.fail("nobody follows the log")


def test_a_worker_dies_with_its_killed_command(warm: Warm, engine_roots: EngineRoots, sleeper: str) -> None:
    with subprocess.Popen(engine_roots.command("logs", "-f", sleeper), stdout=subprocess.PIPE) as process:
        try:
            worker = _wait_until_it_follows(engine_roots)
            assert worker in warm.at_work()
        finally:
            process.kill()
    assert wait_ended([worker], TEARDOWN), "the worker outlived its command"


def test_workers_go_with_their_killed_template(warm: Warm, engine_roots: EngineRoots) -> None:
    workers, template = warm.settled(), warm.template()
    end([template], signal.SIGKILL)
    assert wait_ended([template, *workers], TEARDOWN)
    assert engine_roots.cli("ps", "-aq").returncode == 0
    assert set(warm.settled()).isdisjoint(workers)


def test_a_stopped_template_and_workers_keep_nobody_waiting(warm: Warm, engine_roots: EngineRoots) -> None:
    stopped = warm.processes()
    end(stopped, signal.SIGSTOP)
    try:
        assert engine_roots.cli("version", timeout=20).returncode == 0
    finally:
        end(stopped, signal.SIGCONT)


def test_template_and_workers_go_when_nobody_asks(
    engine_roots: EngineRoots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROCKER_WARM_IDLE", "1")
    warm = Warm(engine_roots, monkeypatch)
    engine_roots.cli("version", check=True)
    path = warm.wait()
    assert wait_ended(warm.processes(), TEARDOWN)
    assert not path.exists()


@pytest.mark.parametrize("prefix", [["prlimit", "--nofile=500:500"], ["unshare", "--uts"]], ids=" ".join)
def test_a_caller_of_other_limits_or_namespaces_gets_no_worker_of_these(
    warm: Warm, engine_roots: EngineRoots, prefix: list[str]
) -> None:
    before, first = warm.settled(), warm.template()
    [socket] = warm.directory.glob("*.sock")
    subprocess.run([*prefix, *engine_roots.command("version")], check=True, capture_output=True)
    deadline = time.monotonic() + TEARDOWN
    while len(sockets := set(warm.directory.glob("*.sock"))) < 2:
        assert time.monotonic() < deadline, "no template was left for such callers"
    [second] = set(warm.templates()) - {first}
    warm.settled(second)
    assert warm.workers(first) == before
    assert len(sockets) == 2
    assert socket in sockets


def test_a_directory_that_others_may_write_to_is_not_used(warm: Warm, engine_roots: EngineRoots) -> None:
    before = warm.settled()
    warm.directory.chmod(0o770)
    try:
        assert engine_roots.cli("version").returncode == 0
    finally:
        warm.directory.chmod(0o700)
    assert set(warm.settled()) == set(before), "whoever writes there could be taken for a worker"


def test_another_user_gets_no_worker(warm: Warm, engine_roots: EngineRoots) -> None:
    before = warm.settled()
    engine_roots.base.chmod(0o755)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = subprocess.run(
        [*nobody, *engine_roots.command("version")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(warm.settled()) == set(before)


def test_changed_sources_are_not_served(
    warm: Warm, engine_roots: EngineRoots, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rocker.cli.version

    template = warm.template()
    file = Path(rocker.cli.version.__file__)
    before = file.stat()
    if "site-packages" in str(file):
        pytest.skip("only an editable install changes under a process")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    try:
        assert engine_roots.cli("version").returncode == 0
        assert wait_ended([template], TEARDOWN)
    finally:
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert engine_roots.cli("version").returncode == 0
    warm.settled()


def test_jobs_stop_go_on_and_end_by_the_terminals_keys(
    mode: str,
    engine_roots: EngineRoots,
    terminal: Callable[..., Terminal],
    busybox_rootfs: Path,
    sleeper: str,
) -> None:
    from helpers.terminal import Terminal as Tty

    line = shlex.join(engine_roots.command())
    with Tty(["/bin/bash", "--norc", "--noprofile", "-i"]) as tty:
        tty.send(b"PS1='$((6*7))> '; set -m\n")
        tty.expect(b"42> ")
        tty.send(f"{line} logs -f {sleeper}\n".encode())
        _wait_until_it_follows(engine_roots)
        tty.send(b"\x1a")
        tty.expect(b"Stopped")
        tty.expect(b"42> ")
        tty.send(b"fg\n")
        tty.expect(b"logs -f")
        tty.in_foreground()
        tty.send(b"\x03")
        tty.expect(b"42> ")
        tty.send(b"echo code $?\n")
        tty.expect(b"code 130")
        tty.send(f"{line} run -i --rm --rootfs {busybox_rootfs} sh -c 'read x; echo got $x'\n".encode())
        deadline = time.monotonic() + TEARDOWN
        while len(engine_roots.cli("ps", "-q").stdout.split()) < 2:
            assert time.monotonic() < deadline
        tty.send(b"\x1a")
        tty.expect(b"Stopped")
        tty.expect(b"42> ")
        tty.send(b"fg\n")
        tty.expect(b"run -i")
        tty.send(b"typed\n")
        tty.expect(b"got typed")
        tty.expect(b"42> ")
        tty.send(b"exit\n")
        tty.wait()
    assert find(tty.process.pid) is None


COMMANDS = [
    ["run", "--rm", "--rootfs", "{fs}", "true"],
    ["run", "--rm", "-m", "64m", "--cpus", "1.5", "-v", "/tmp:/x", "--mount", "type=tmpfs,dst=/t", "--ulimit",
     "nofile=100:200", "-e", "A=b", "--device", "/dev/null", "--rootfs", "{fs}", "true"],
    ["create", "--name", "made", "--rootfs", "{fs}", "true"], ["ps", "-a"], ["inspect", "made"],
    ["start", "-a", "made"], ["logs", "made"], ["exec", "sleeper", "true"], ["stats", "--no-stream"], ["images"],
    ["info"], ["rename", "made", "other"], ["wait", "other"], ["stop", "-t", "0", "other"], ["kill", "sleeper"],
    ["rm", "other"], ["version"],
]  # fmt: skip
IMPORTED = """
import os, sys
from rocker.warm import template
template.import_all()
before = set(sys.modules)
from rocker.cli.main import cli
code = 0
try:
    cli.main(sys.argv[1:])
except SystemExit as end:
    code = end.code or 0
print(code, sorted(set(sys.modules) - before), file=sys.stderr)
"""


def test_a_worker_has_imported_what_the_common_commands_need(
    engine_roots: EngineRoots, busybox_rootfs: Path, sleeper: str
) -> None:
    late = {}
    for words in COMMANDS:
        line = [word.format(fs=busybox_rootfs) for word in words]
        done = subprocess.run(
            [sys.executable, "-I", "-c", IMPORTED, *engine_roots.command(*line)[1:]],
            capture_output=True,
            text=True,
            check=True,
        )
        code, _, found = done.stderr.splitlines()[-1].partition(" ")
        assert code == "0", done.stderr
        if found != "[]":
            late[" ".join(words)] = found
    assert late == {}
