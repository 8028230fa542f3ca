"""The command on a real terminal: `run -it`, `attach`, `exec -it`, detach keys, window sizes, ^C and ^D.

What is typed contains sums, so that its echo never looks like the answer.
"""

from __future__ import annotations

import hashlib
import re
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    from helpers.terminal import Terminal


def status(box: Callable[..., CompletedProcess[str]], name: str = "box") -> str:
    return box("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name, check=True).stdout.strip()


def test_a_shell_is_used_and_left(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    shell = terminal("run", "--rm", "-it", "busybox", "sh")
    before = shell.settings()
    shell.expect(b"/ # ")
    assert shell.raw
    shell.send(b"tty; echo $TERM; echo $((6*7))\n")
    shell.expect(b"/dev/pts/0\r\nxterm\r\n42\r\n")
    shell.send(b"exit 3\n")
    assert shell.wait() == 3
    assert shell.settings() == before
    assert box("ps", "-aq").stdout == ""


def test_the_end_of_input_ends_a_shell(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    shell = terminal("run", "--rm", "-it", "busybox", "sh")
    shell.expect(b"/ # ")
    shell.send(b"\x04")
    assert shell.wait() == 0
    assert not shell.raw


def test_an_interrupt_reaches_what_runs_in_the_foreground_and_not_the_client(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    shell = terminal("run", "--rm", "-it", "busybox", "sh")
    shell.expect(b"/ # ")
    # Told by the process itself: before it is in the foreground the shell would take the interrupt.
    shell.send(b"sh -c 'echo begin$((1)); exec sleep 600'\n")
    shell.expect(b"begin1\r\n")
    shell.send(b"\x03")
    shell.expect(b"/ # ")
    shell.send(b"echo code=$?\n")
    shell.expect(b"code=130\r\n")
    shell.send(b"exit\n")
    assert shell.wait() == 0


def test_the_window_has_the_size_of_the_terminal_from_the_start_and_follows_it(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    script = "trap 'stty size' WINCH; stty size; while :; do read x; done"
    shell = terminal("run", "--rm", "-it", "busybox", "sh", "-c", script, width=123, height=45)
    shell.expect(b"45 123\r\n")
    shell.resize(77, 33)
    shell.expect(b"33 77\r\n")
    shell.resize(200, 50)
    shell.expect(b"50 200\r\n")
    shell.send(b"\x03")
    shell.wait()


def test_a_process_of_exec_has_a_terminal_of_its_own_size(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    box("run", "--name", "box", "-itd", "busybox", "sh", check=True)
    shell = terminal("exec", "-ti", "box", "sh", width=90, height=30)
    shell.expect(b"/ # ")
    shell.send(b"stty size; tty; echo $$-$((2*3))\n")
    shell.expect(re.compile(rb"30 90\r\n/dev/pts/1\r\n[2-9]\d*-6\r\n"))
    shell.resize(91, 31)
    shell.send(b"stty size\n")
    shell.expect(b"31 91\r\n")
    shell.send(b"exit 4\n")
    assert shell.wait() == 4
    assert not shell.raw
    assert status(box) == "running 0"


def test_many_clients_see_the_same_terminal_and_type_into_it(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    box("run", "--name", "box", "-itd", "busybox", "sh", check=True)
    clients = [terminal("attach", "box") for _ in range(3)]
    for number, client in enumerate(clients):
        # An attached client is seen to be so by what it typed itself.
        client.send(f"echo from-$(({number}+10))\n".encode())
        client.expect(f"from-{number + 10}\r\n".encode())
    clients[2].send(b"echo all-$((1+1))\n")
    for client in clients:
        client.expect(b"all-2\r\n")
    clients[0].send(b"\x10\x11")
    assert clients[0].wait() == 0
    clients[1].send(b"exit 5\n")
    assert [client.wait() for client in clients[1:]] == [5, 5]
    assert [client.raw for client in clients] == [False, False, False]


def test_a_client_that_is_stopped_does_not_stop_the_others(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    box("run", "--name", "box", "-itd", "busybox", "sh", check=True)
    stopped, other = terminal("attach", "box"), terminal("attach", "box")
    for client in (stopped, other):
        client.send(b"echo here-$((3+4))\n")
        client.expect(b"here-7\r\n")
    stopped.signal(signal.SIGSTOP)
    other.send(b"head -c 3000000 /dev/zero | tr '\\0' x; echo; echo done-$((5+5))\n")
    other.expect(b"done-10\r\n")
    stopped.signal(signal.SIGCONT)
    other.send(b"exit\n")
    assert other.wait() == 0


@pytest.mark.parametrize(
    ("flag", "keys"),
    [
        (None, b"\x10\x11"),
        ("ctrl-x,x", b"\x18x"),
        pytest.param("a", b"a", marks=pytest.mark.slow),
        pytest.param("ctrl-@,ctrl-_", b"\0\x1f", marks=pytest.mark.slow),
    ],
)
def test_the_detach_keys_leave_the_container_running(
    box: Callable[..., CompletedProcess[str]],
    terminal: Callable[..., Terminal],
    flag: str | None,
    keys: bytes,
) -> None:
    flags = ["--detach-keys", flag] if flag else []
    first = terminal("run", "--name", "box", "-it", *flags, "busybox", "sh")
    first.expect(b"/ # ")
    first.send(keys)
    assert first.wait() == 0
    assert first.output.endswith(b"read escape sequence\r\n")
    assert not first.raw
    assert status(box) == "running 0"
    # The keys of `run` are those of a later attach, too.
    second = terminal("attach", "box")
    second.send(b"echo $((4+4))-\n")
    second.expect(b"8-\r\n")
    second.send(keys)
    assert second.wait() == 0
    third = terminal("exec", "-it", *flags, "box", "sh")
    third.expect(b"/ # ")
    third.send(keys)
    assert third.wait() == 0
    assert status(box) == "running 0"


def test_the_start_of_the_detach_keys_alone_is_typed(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    script = "stty raw -echo; echo on; head -c 4 | od -An -tx1"
    client = terminal("run", "--rm", "-it", "busybox", "sh", "-c", script)
    client.expect(b"on\r\n".replace(b"\r\n", b"\n"))
    client.send(b"\x10a\x10\x10b")
    client.expect(b"10 61 10 10")
    assert client.wait() == 0


def test_no_detach_keys_are_no_detach_keys(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    script = "stty raw -echo; echo on; head -c 2 | od -An -tx1"
    client = terminal("run", "--rm", "-it", "--detach-keys", "ctrl-x,ctrl-y", "busybox", "sh", "-c", script)
    client.expect(b"on\n")
    client.send(b"\x10\x11")
    client.expect(b"10 11")
    assert client.wait() == 0


def test_a_terminal_without_input_shows_output_and_stays_as_it_is(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    client = terminal(
        "run",
        "--name",
        "box",
        "-t",
        "busybox",
        "sh",
        "-c",
        "tty; stty size; exec sleep 600",
        width=66,
        height=22,
    )
    # Its own terminal makes line ends of line ends once more, as with Docker.
    client.expect(re.compile(rb"/dev/pts/0\r+\n22 66\r+\n"))
    assert not client.raw
    client.send(b"\x03")
    assert client.wait() != 0
    assert status(box) == "running 0"


def test_a_terminal_is_restored_when_the_client_is_told_to_end(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    client = terminal("run", "--name", "box", "-it", "busybox", "sh")
    before = client.settings()
    client.expect(b"/ # ")
    assert client.raw
    client.signal(signal.SIGTERM)
    client.wait()
    assert client.settings() == before
    assert status(box) == "running 0"


def test_a_terminal_is_restored_when_the_container_is_killed(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    client = terminal("run", "--name", "box", "-it", "busybox", "sh")
    before = client.settings()
    client.expect(b"/ # ")
    box("kill", "box", check=True)
    assert client.wait() == 137
    assert client.settings() == before


def test_a_container_started_with_start_ai_is_used(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    box("create", "--name", "box", "-it", "busybox", "sh", check=True)
    for code in (8, 9):
        client = terminal("start", "-ai", "box", width=101, height=37)
        client.expect(b"/ # ")
        client.send(f"stty size; exit {code}\n".encode())
        client.expect(b"37 101\r\n")
        assert client.wait() == code


def test_attach_repaints_a_full_screen_program(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    script = "trap 'echo size $(stty size)' WINCH; while :; do read x; done"
    box("run", "--name", "box", "-itd", "busybox", "sh", "-c", script, check=True)
    for _ in range(2):  # the same size twice: the second time only a change and back makes a signal
        client = terminal("attach", "box", width=99, height=44)
        client.expect(b"size 44 99\r\n")
        client.send(b"\x10\x11")
        assert client.wait() == 0


def test_more_is_typed_than_a_terminal_holds(
    box: Callable[..., CompletedProcess[str]], terminal: Callable[..., Terminal]
) -> None:
    client = terminal(
        "run", "--rm", "-it", "busybox", "sh", "-c", "stty raw -echo; echo on; head -c 100000 | md5sum"
    )
    client.expect(b"on\n")
    data = bytes(range(32, 127)) * 1100
    client.send(data[:100000])
    client.expect(hashlib.md5(data[:100000], usedforsecurity=False).hexdigest().encode())
    assert client.wait() == 0
