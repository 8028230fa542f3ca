"""How `pull` and `push` show their work: Docker's lines, or bars on a terminal."""

from __future__ import annotations

import threading

from rocker.images.progress import Progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

_HEX = frozenset("0123456789abcdef")
_SHORT_ID = 12


def on_stream(stream: TextIO) -> Progress:
    """What fits the stream: bars where somebody looks at them, else plain lines."""
    return Bars(stream) if stream.isatty() else Lines(stream)


class Lines(Progress):
    """A line for each state, as Docker writes them where there is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        """Write a line."""
        with self._lock:
            self._stream.write(text + "\n")
            self._stream.flush()

    def status(self, name: str, text: str) -> None:
        """Write `name: text`; of a state that passes by itself nothing."""
        if text != "Extracting":
            self.line(f"{name}: {text}")


class Bars(Progress):
    """A line for each layer, rewritten in its place, with a bar, bytes and speed while it moves."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as Live

        self._live = Live(
            TextColumn("{task.fields[name]}: {task.description}"),
            BarColumn(30),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(compact=True),
            console=Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True),
        )
        self._tasks: dict[str, int] = {}
        self._lock = threading.Lock()
        self._live.start()

    def close(self) -> None:
        """Leave the last state on the screen."""
        self._live.stop()

    def line(self, text: str) -> None:
        """Write a line above the bars."""
        self._live.console.print(text)

    def status(self, name: str, text: str) -> None:
        """Show the state of a layer; of anything else write a line."""
        if len(name) == _SHORT_ID and _HEX.issuperset(name):
            self._live.update(self._task(name), description=text)  # type: ignore[arg-type]
        else:
            self.line(f"{name}: {text}")

    def advance(self, name: str, text: str, done: int, total: int) -> None:
        """Move a bar."""
        self._live.update(self._task(name), description=text, completed=done, total=total)  # type: ignore[arg-type]

    def _task(self, name: str) -> int:
        with self._lock:
            if name not in self._tasks:
                self._tasks[name] = self._live.add_task("", total=None, name=name, start=True)
            return self._tasks[name]
