"""Standard streams without a terminal: pipes, half-closed input, attached streams, forwarded signals."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from subprocess import CompletedProcess

    import rocker
    from helpers.engine import EngineRoots

# Signals told by the process that gets them; `read` is where they find it.
TELLER = "trap 'echo got USR1' USR1; trap 'echo got TERM; exit 5' TERM; echo ready; while :; do read x; done"


@pytest.fixture
def piped(engine_roots: EngineRoots) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start the command with pipes as its standard streams."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        started.append(
            subprocess.Popen(engine_roots.command(*words), stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
        )
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()


def line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def test_the_end_of_input_is_passed_on_and_output_goes_on(
    box: Callable[..., CompletedProcess[str]],
) -> None:
    done = box("run", "-i", "--rm", "busybox", "sh", "-c", "cat; echo end; echo err >&2", stdin="one\ntwo")
    assert (done.stdout, done.stderr) == ("one\ntwoend\n", "err\n")


def test_without_i_there_is_no_input(box: Callable[..., CompletedProcess[str]]) -> None:
    assert box("run", "--rm", "busybox", "cat", stdin="lost").stdout == ""


def test_a_process_that_does_not_read_yet_does_not_hold_its_own_output_back(
    box: Callable[..., CompletedProcess[str]],
) -> None:
    script = "head -c 3000000 /dev/zero; cat >/dev/null; exit 4"
    done = box("run", "-i", "--rm", "busybox", "sh", "-c", script, stdin=bytes(4_000_000), timeout=30)
    assert (len(done.stdout), done.returncode) == (3_000_000, 4)


def test_input_after_the_process_has_closed_its_own_is_dropped(
    box: Callable[..., CompletedProcess[str]],
) -> None:
    done = box("run", "-i", "--rm", "busybox", "sh", "-c", "exec <&-; echo on; exit 6", stdin=bytes(500_000))
    assert (done.stdout, done.returncode) == ("on\n", 6)


@pytest.mark.parametrize(
    ("streams", "out", "err"),
    [(["stdout"], "out\n", ""), (["stderr"], "", "err\n"), (["stdout", "stderr"], "out\n", "err\n")],
)
def test_only_the_streams_of_a_are_attached_and_all_are_logged(
    box: Callable[..., CompletedProcess[str]], streams: list[str], out: str, err: str
) -> None:
    flags = [word for stream in streams for word in ("-a", stream)]
    done = box("run", "--name", "box", *flags, "busybox", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.stdout, done.stderr, done.returncode) == (out, err, 3)
    logs = box("logs", "box", check=True)
    assert (logs.stdout, logs.stderr) == ("out\n", "err\n")


def test_signals_are_forwarded_to_the_process(
    box: Callable[..., CompletedProcess[str]], piped: Callable[..., subprocess.Popen[bytes]]
) -> None:
    client = piped("run", "-i", "--name", "box", "busybox", "sh", "-c", TELLER)
    assert line(client) == b"ready\n"
    client.send_signal(signal.SIGUSR1)
    assert line(client) == b"got USR1\n"
    client.send_signal(signal.SIGTERM)
    assert line(client) == b"got TERM\n"
    assert client.wait(30) == 5


def test_signals_end_the_client_alone_without_sig_proxy(
    box: Callable[..., CompletedProcess[str]], piped: Callable[..., subprocess.Popen[bytes]]
) -> None:
    client = piped("run", "-i", "--sig-proxy=false", "--name", "box", "busybox", "sh", "-c", TELLER)
    assert line(client) == b"ready\n"
    client.send_signal(signal.SIGTERM)
    assert client.wait(30) == -signal.SIGTERM
    assert box("inspect", "-f", "{{.State.Status}}", "box").stdout == "running\n"


def test_attach_forwards_signals_too(
    box: Callable[..., CompletedProcess[str]], piped: Callable[..., subprocess.Popen[bytes]]
) -> None:
    script = "trap 'echo got USR1; exit 8' USR1; while read x; do echo $x; done"
    box("run", "-d", "-i", "--name", "box", "busybox", "sh", "-c", script, check=True)
    client = piped("attach", "box")
    assert client.stdin is not None
    client.stdin.write(b"hello\n")
    assert line(client) == b"hello\n"
    client.send_signal(signal.SIGUSR1)
    assert line(client) == b"got USR1\n"
    assert client.wait(30) == 8


def test_exec_has_streams_of_its_own(box: Callable[..., CompletedProcess[str]]) -> None:
    box("run", "-d", "--name", "box", "busybox", "sleep", "600", check=True)
    done = box("exec", "-i", "box", "sh", "-c", "cat; echo err >&2; exit 9", stdin="in")
    assert (done.stdout, done.stderr, done.returncode) == ("in", "err\n", 9)
    assert box("logs", "box").stdout == ""


def test_a_reader_that_went_away_ends_the_client_and_not_the_container(
    box: Callable[..., CompletedProcess[str]], piped: Callable[..., subprocess.Popen[bytes]]
) -> None:
    client = piped("run", "--name", "box", "busybox", "sh", "-c", "yes | head -c 1000000; echo; echo end")
    assert client.stdout is not None
    assert client.stdout.read(1) == b"y"
    client.stdout.close()
    client.wait(30)
    assert box("wait", "box").stdout == "0\n"
    assert box("logs", "-n", "1", "box").stdout == "end\n"


@pytest.mark.parametrize("init", [(), ("--init",)])
def test_a_user_opens_its_standard_streams_by_name(
    piped: Callable[..., subprocess.Popen[bytes]], init: tuple[str, ...]
) -> None:
    script = "cat /dev/stdin; echo out > /dev/stdout; echo err > /proc/self/fd/2"
    process = piped("run", "--rm", "-i", *init, "--user", "1000", "--rootfs", "/", "sh", "-c", script)
    assert process.communicate(b"in\n", timeout=20) == (b"in\nout\n", b"err\n")


def test_a_user_of_exec_opens_its_standard_streams_by_name(engine: rocker.Engine) -> None:
    container = engine.run(rootfs="/", command=["sleep", "60"], detach=True)
    done = container.exec(["sh", "-c", "echo out > /dev/stdout"], user="1000")
    assert (done.exit_code, done.stdout) == (0, b"out\n")
    container.remove(force=True)
