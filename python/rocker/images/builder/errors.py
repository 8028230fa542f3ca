"""What is wrong with a Dockerfile, and where."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class DockerfileError(InvalidArgumentError):
    """A Dockerfile, a word of it or a pattern beside it is wrong.

    Attributes:
        reason: what was wrong, in BuildKit's words, without the place.
        start: first line concerned, from 1; 0 when no line is.
        end: last line concerned.
        text: the logical line concerned, or "".
    """

    def __init__(
        self, reason: str, *, start: int = 0, end: int = 0, text: str = "", hint: str | None = None
    ) -> None:
        InvalidArgumentError.__init__(self, reason, hint=hint)
        self.reason = reason
        self.start = start
        self.end = max(start, end)
        self.text = text

    def __str__(self) -> str:
        if not self.start:
            return self.reason
        return f"dockerfile parse error on line {self.start}: {self.reason}"

    def at(self, start: int, end: int, text: str = "") -> Self:
        """The same error with a place; one that has a place already keeps it."""
        if not self.start:
            self.start, self.end, self.text = start, max(start, end), text
        return self
