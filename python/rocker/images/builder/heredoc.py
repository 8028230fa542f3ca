"""Heredocs: `<<EOF`, `<<-EOF`, `3<<'EOF'`."""

from __future__ import annotations

from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.words import expand
from rocker.models.struct import Struct

_NOTHING: dict[str, str] = {}
_MAX = (1 << 64) - 1
_BLANKS = "\t\n\f\r "


class Heredoc(Struct):
    """A document inside a Dockerfile.

    Attributes:
        name: the word that ends it, without its quotes.
        content: its lines with their ends, as written.
        expand: whether variables in it have their values put in: its name has no quotes.
        chomp: whether tabs before its lines do not count: `<<-`.
        descriptor: the file descriptor before `<<`, 0 without one.
    """

    name: str
    content: str = ""
    expand: bool = True
    chomp: bool = False
    descriptor: int = 0

    @property
    def text(self) -> str:
        """The content without the tabs that do not count."""
        if not self.chomp:
            return self.content
        return "\n".join(line.lstrip("\t") for line in self.content.split("\n"))


def parse_heredoc(word: str) -> Heredoc | None:
    """The heredoc that this one word opens, without its content; None when it opens none.

    Raises:
        DockerfileError: a quote in it is not closed.
    """
    before, mark, rest = word.partition("<<")
    if not mark or "<" in rest or not (before == "" or (before.isascii() and before.isdigit())):
        return None
    chomp = rest.startswith("-")
    rest = rest[chomp:].lstrip(_BLANKS)
    if not rest:
        return None
    names = expand(rest, _NOTHING, keep_unset=True).words
    if len(names) != 1:
        return None
    raw = expand(rest, _NOTHING, keep_unset=True, raw_quotes=True).words
    if len(raw) != 1:
        raise DockerfileError(f"a heredoc's name is one word, not {rest}")
    descriptor = min(int(before[:21] or "0"), _MAX)
    return Heredoc(names[0], expand=_quotes(names[0]) == _quotes(raw[0]), chomp=chomp, descriptor=descriptor)


def heredocs_of(line: str) -> list[Heredoc]:
    """The heredocs that a line opens, in order; none when its quotes are not closed.

    Raises:
        DockerfileError: a quote in the name of one is not closed.
    """
    try:
        words = expand(line, _NOTHING, raw_quotes=True, raw_escapes=True, keep_unset=True).words
    except DockerfileError:
        return []
    return [found for word in words if (found := parse_heredoc(word)) is not None]


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')
