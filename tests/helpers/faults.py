"""Killing a process at a chosen system call, with strace(1)'s fault injection."""

from __future__ import annotations

import re
import select
import signal
import subprocess
import tempfile
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.processes import end, find

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CALL = re.compile(r"^(?:\d+ +)?([a-z_0-9]+)\(", re.MULTILINE)


def _killing(syscall: str, number: int) -> list[str]:
    """strace arguments: SIGKILL at the `number`-th call of `syscall`, before it is executed."""
    return [f"--trace={syscall}", f"--inject={syscall}:error=EINTR:signal=SIGKILL:when={number}"]


def run_killed(
    command: Sequence[str], syscall: str, number: int, *, threads: bool = False, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run a command, without its children, that is killed at the `number`-th call of `syscall`.

    With `threads` by any of its threads; it must have no children then. Other options are those of `subprocess.run`.
    """
    follow = ["-f"] if threads else []
    return subprocess.run(
        ["strace", "-qqq", *follow, "-o", "/dev/null", *_killing(syscall, number), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
        **options,
    )


@contextmanager
def traced(command: Sequence[str], syscall: str = "", number: int = 0) -> Iterator[Traced]:
    """Run a command that does not end by itself, and kill it in the end: at a call, if told, else afterwards."""
    with tempfile.NamedTemporaryFile("r") as file:
        arguments = _killing(syscall, number) if syscall else []
        process = subprocess.Popen(
            ["strace", "-qqq", "-o", file.name, *arguments, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        one = Traced(process)
        try:
            yield one
        finally:
            one.kill()
            assert process.stdout
            process.stdout.close()
            process.wait(60)
        one.calls.update(_CALL.findall(file.read()))


class Traced:
    """A command under strace(1); `calls`, by name, are known afterwards."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.calls: Counter[str] = Counter()

    def line(self, timeout: float) -> bytes:
        """Its next line; empty when it has ended, with everybody who had its output.

        Raises:
            AssertionError: neither happened within `timeout` seconds.
        """
        assert self.process.stdout
        poll = select.poll()
        poll.register(self.process.stdout, select.POLLIN)
        assert poll.poll(timeout * 1000), "it writes nothing, and its output stays open"
        return self.process.stdout.readline()

    def kill(self) -> None:
        """Kill the command; strace goes with it."""
        with suppress(OSError):
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
            end([one for child in children.split() if (one := find(int(child)))], signal.SIGKILL)


def calls_of(command: Sequence[str], *, threads: bool = False, **options: Any) -> Counter[str]:
    """Run a command, with options of `subprocess.run`, and count its own system calls by name: see `run_killed`."""
    follow = ["-f"] if threads else []
    with tempfile.NamedTemporaryFile("r") as file:
        subprocess.run(
            ["strace", "-qqq", *follow, "-o", file.name, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=60,
            **options,
        )
        return Counter(_CALL.findall(file.read()))


def each(calls: Counter[str]) -> list[tuple[str, int]]:
    """Every call of a recording: its name, and which of that name it is, from 1."""
    return [(name, number) for name, count in sorted(calls.items()) for number in range(1, count + 1)]


def sampled(points: Sequence[tuple[str, int]], most: int) -> list[tuple[str, int]]:
    """At most so many of them, at even distances."""
    return [points[at * len(points) // most] for at in range(most)] if len(points) > most else list(points)


@dataclass
class Attempt:
    """Whether it came to the call at which it was to be killed; known afterwards."""

    killed: bool = False


@contextmanager
def killed_at(pid: int, syscall: str, number: int = 1, *, children: bool = False) -> Iterator[Attempt]:
    """Meanwhile the process `pid` is killed at the `number`-th call of `syscall`; its children too if told."""
    attempt = Attempt()
    with tempfile.NamedTemporaryFile("r") as file:
        try:
            with _attached(pid, ["-o", file.name, *_killing(syscall, number)], children=children):
                yield attempt
        finally:
            attempt.killed = "+++ killed by SIGKILL +++" in file.read()


@contextmanager
def recorded(pid: int, *, children: bool = False) -> Iterator[Counter[str]]:
    """Afterwards the counter holds what the process called meanwhile, by name."""
    found: Counter[str] = Counter()
    with tempfile.NamedTemporaryFile("r") as file:
        with _attached(pid, ["-o", file.name], children=children):
            yield found
        found.update(_CALL.findall(file.read()))


@contextmanager
def _attached(pid: int, arguments: list[str], *, children: bool) -> Iterator[None]:
    follow = ["-f"] if children else []
    tracer = subprocess.Popen(
        ["strace", *follow, *arguments, "-p", str(pid)], stderr=subprocess.PIPE, text=True
    )
    assert tracer.stderr
    try:
        line = tracer.stderr.readline()
        assert "attached" in line, line
        yield
    finally:
        # With its last process strace ends by itself, and has told of the end then.
        if children or find(pid) is not None:
            tracer.send_signal(signal.SIGTERM)
        tracer.communicate(timeout=60)


def killable(name: str) -> bool:
    """Whether a kill at this call tells anything: calls that change nothing outside the process do not."""
    return name in _CHANGING


_CHANGING = frozenset(
    """
    rename renameat renameat2 unlink unlinkat rmdir mkdir mkdirat linkat symlinkat openat openat2 connect socket
    bind listen accept4 sendmsg recvmsg sendto recvfrom write pwrite64 writev ftruncate fsync fdatasync fcntl
    flock clone clone3 fork vfork execve execveat setns unshare mount umount2 pivot_root fsopen fsconfig fsmount
    fspick move_mount open_tree mount_setattr chdir fchdir chroot sethostname setdomainname setgroups setresuid
    setresgid setuid setgid capset prctl seccomp setsid dup2 dup3 close_range kill pidfd_send_signal pidfd_open
    waitid wait4 epoll_ctl memfd_create socketpair pipe2 keyctl prlimit64 umask
    """.split()  # noqa: SIM905 -- a list of words reads as words
)
