"""A program on a real terminal, driven by what it prints."""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self


class Terminal:
    """The master side of a new pty whose other side is the controlling terminal of `command`.

    Everything read so far is in `output`; `expect` goes forward through it.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        width: int = 80,
        height: int = 24,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.output = b""
        self._position = 0
        self._master, slave = os.openpty()
        self.resize(width, height)
        try:
            self.process = subprocess.Popen(
                command,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=env,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 -- no threads here
            )
        finally:
            os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def send(self, data: bytes) -> None:
        """Type `data`; b"\\x04" is the end of input, b"\\x03" an interrupt."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._master, view) :]

    def resize(self, width: int, height: int) -> None:
        """Change the window; the kernel sends SIGWINCH to the foreground process group."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    @property
    def raw(self) -> bool:
        """Whether the terminal neither echoes nor collects lines nor makes signals."""
        return not termios.tcgetattr(self._master)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)

    def in_foreground(self, timeout: float = 20) -> None:
        """Wait until a job of the shell has the foreground: until then the keys' signals are the shell's."""
        deadline = time.monotonic() + timeout
        while os.tcgetpgrp(self._master) == self.process.pid:
            assert time.monotonic() < deadline, "no job is in the foreground"

    def settings(self) -> list[object]:
        """What tcgetattr(3) says, to be compared with another time."""
        return termios.tcgetattr(self._master)

    def expect(self, pattern: bytes | re.Pattern[bytes], timeout: float = 20) -> re.Match[bytes]:
        """Read until `pattern` (bytes stand for themselves) comes after the last match."""
        regex = re.compile(re.escape(pattern)) if isinstance(pattern, bytes) else pattern
        deadline = time.monotonic() + timeout
        while not (match := regex.search(self.output, self._position)):
            if not self._read(deadline):
                raise AssertionError(f"{pattern!r} did not come; instead: {self.output[self._position :]!r}")
        self._position = match.end()
        return match

    def wait(self, timeout: float = 20) -> int:
        """Read to the end and return the exit code, negative for a signal."""
        deadline = time.monotonic() + timeout
        while self._read(deadline):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program itself."""
        self.process.send_signal(number)

    def _read(self, deadline: float) -> bool:
        """Read once; False at the end (EIO: nobody has the other side open) or when the time is over."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self.output += data
        return bool(data)
