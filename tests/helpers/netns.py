"""A network namespace for one test: bridges, rule sets and forwarding of the host stay as they are."""

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)  # Python 3.11 has neither os.unshare nor os.setns


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Namespace:
    """A network namespace, kept by a descriptor."""

    def __init__(self) -> None:
        home = _open("/proc/thread-self/ns/net")
        try:
            _check(_libc.unshare(CLONE_NEWNET))
            self.fd = _open("/proc/thread-self/ns/net")
            run("ip", "link", "set", "lo", "up")
        finally:
            _check(_libc.setns(home, CLONE_NEWNET))
            os.close(home)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, and what it starts, is in it."""
        home = _open("/proc/thread-self/ns/net")
        _check(_libc.setns(self.fd, CLONE_NEWNET))
        try:
            yield
        finally:
            _check(_libc.setns(home, CLONE_NEWNET))
            os.close(home)

    def socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """A socket that belongs to it, with five seconds of patience."""
        with self.entered():
            made = socket.socket(family, kind)
        made.settimeout(5)
        return made

    def close(self) -> None:
        """Let it end."""
        os.close(self.fd)


def namespace_of(pid: int) -> Namespace:
    """The network namespace of a process."""
    made = Namespace.__new__(Namespace)
    made.fd = _open(f"/proc/{pid}/ns/net")
    return made


def run(*command: str) -> str:
    """Run a program of the machine in the namespace of now; what it printed."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def connect(one: Namespace, other: Namespace, first: str, second: str) -> None:
    """Connect two namespaces by a pair of links called `wire`, with these addresses."""
    with one.entered():
        _pair(other)
        _address(first)
    with other.entered():
        _address(second)


def _pair(other: Namespace) -> None:
    subprocess.run(
        [
            "ip",
            "link",
            "add",
            "wire",
            "type",
            "veth",
            "peer",
            "name",
            "wire",
            "netns",
            f"/proc/self/fd/{other.fd}",
        ],
        check=True,
        pass_fds=[other.fd],
        timeout=60,
    )


def _address(address: str) -> None:
    run("ip", "address", "add", address, "dev", "wire", *(["nodad"] if ":" in address else []))
    run("ip", "link", "set", "wire", "up")


def _open(path: str | Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
