"""What `pull` and `push` tell of their work; this one tells nobody. `rocker.cli.progress` shows it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class Progress:
    """Callbacks in Docker's terms; they may come from several threads at once. A context: it ends with the work."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing comes any more."""

    def line(self, text: str) -> None:
        """A line of its own: `Digest: …`."""

    def status(self, name: str, text: str) -> None:
        """Something has a new state: `3f9582a2cbe7`, `Pull complete`."""

    def advance(self, name: str, text: str, done: int, total: int) -> None:
        """So many bytes of something are done."""


SILENT = Progress()
