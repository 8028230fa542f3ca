"""How `pull` and `push` show their work: Docker's lines, or bars on a terminal."""

from __future__ import annotations

import threading
import time

from rocker.images.progress import Progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from rich.live import Live
    from rich.table import Table

_HEX = frozenset("0123456789abcdef")
_SHORT_ID = 12
_MARK = 0.5
"""Seconds between two marks of a bar's way; its speed is measured over the last ones."""
_MARKS = 8


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
        """Write `name: text`."""
        self.line(f"{name}: {text}")


class Bars(Progress):
    """A line for each layer, rewritten in its place, with a bar, bytes and speed while it moves."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._states: dict[str, _State] = {}
        self._live: Live | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Leave the last state on the screen."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()
        self._states.clear()

    def line(self, text: str) -> None:
        """Write a line below the layers, which move no more."""
        self.close()
        self._console.print(text)

    def status(self, name: str, text: str) -> None:
        """Show the state of a layer; of anything else write a line."""
        if len(name) == _SHORT_ID and _HEX.issuperset(name):
            self._state(name).set(text, 0, 0)
        else:
            self.line(f"{name}: {text}")

    def advance(self, name: str, text: str, done: int, total: int) -> None:
        """Move a bar."""
        self._state(name).set(text, done, total)

    def _state(self, name: str) -> _State:
        with self._lock:
            if self._live is None:
                from rich.live import Live

                self._live = Live(
                    get_renderable=self._render,
                    console=self._console,
                    refresh_per_second=10,
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._live.start()
            return self._states.setdefault(name, _State())

    def _render(self) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        grid = Table.grid(padding=(0, 1))
        for name, state in list(self._states.items()):
            if state.total:
                bar = ProgressBar(state.total, state.done, 30)
                grid.add_row(f"{name}: {state.text}", bar, state.numbers())
            else:
                grid.add_row(f"{name}: {state.text}")
        return grid


class _State:
    """Of one layer. Speed is over the last seconds, so that a connection that hangs shows."""

    __slots__ = ("_marks", "done", "text", "total")

    def __init__(self) -> None:
        self.text = ""
        self.done = 0
        self.total = 0
        self._marks: list[tuple[float, int]] = []

    def set(self, text: str, done: int, total: int) -> None:
        self.text, self.done, self.total = text, done, total
        now = time.monotonic()
        if not self._marks or now - self._marks[-1][0] >= _MARK:
            self._marks = [*self._marks[-_MARKS:], (now, done)]

    def numbers(self) -> str:
        """`12.3MB/29MB  30MB/s`."""
        from rocker.formatting.units import human_size

        text = f"{human_size(self.done, 4)}/{human_size(self.total, 4)}"
        start, first = self._marks[0]
        passed = time.monotonic() - start
        return f"{text}  {human_size(int((self.done - first) / passed), 3)}/s" if passed >= _MARK else text
