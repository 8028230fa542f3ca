"""The logical lines of a Dockerfile: one instruction each, with its comments, continuations and heredocs."""

from __future__ import annotations

from rocker.images.builder import forms
from rocker.images.builder.characters import BLANKS, split_off
from rocker.images.builder.directives import Directives
from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.heredoc import Heredoc, heredocs_of
from rocker.models.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_WITH_HEREDOCS = frozenset({"ADD", "COPY", "RUN"})
_MOST_ONBUILDS = 2


class Line(Struct):
    """One instruction, taken apart but without a meaning.

    Attributes:
        keyword: its first word, as written.
        flags: the words with `--` after it, without their quotes.
        words: its arguments (`forms.Form`); those of `ONBUILD` begin with the keyword of what it holds.
        json: whether they were a JSON array.
        text: the logical line: continued lines joined, comments and empty lines left out.
        start: its first line, from 1.
        end: its last line, with its heredocs.
        comments: those just above, from the last empty comment on, without their `#`.
        heredocs: the documents that it opens.
    """

    keyword: str
    flags: tuple[str, ...]
    words: tuple[str, ...]
    json: bool
    text: str
    start: int = 0
    end: int = 0
    comments: tuple[str, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()


class Lines(Struct):
    """A whole Dockerfile, line by line.

    Attributes:
        lines: the instructions, at least one.
        directives: parser directives by name.
        escape: the escape character.
        empty_continuations: where an instruction ends that has an empty line inside.
    """

    lines: tuple[Line, ...]
    directives: dict[str, str]
    escape: str
    empty_continuations: tuple[int, ...]


def read_lines(text: str) -> Lines:
    """Take a Dockerfile apart.

    Raises:
        DockerfileError: with its place.
    """
    if not text:
        raise DockerfileError("the Dockerfile cannot be empty")
    return _Reader(text).read()


def _pairs(name: str) -> Callable[[str, str], forms.Form]:
    return lambda text, escape: forms.read_pairs(name, text, escape)


def _plain(read: Callable[[str], forms.Form]) -> Callable[[str, str], forms.Form]:
    return lambda text, _escape: read(text)


_FORMS: dict[str, Callable[[str, str], forms.Form]] = {
    "ADD": _plain(forms.read_paths),
    "ARG": lambda text, escape: forms.Form(tuple(forms.split_words(text, escape))),
    "CMD": _plain(forms.read_command),
    "COPY": _plain(forms.read_paths),
    "ENTRYPOINT": _plain(forms.read_command),
    "ENV": _pairs("ENV"),
    "EXPOSE": _plain(forms.read_list),
    "FROM": _plain(forms.read_list),
    "HEALTHCHECK": _plain(forms.read_health),
    "LABEL": _pairs("LABEL"),
    "MAINTAINER": _plain(forms.read_string),
    "RUN": _plain(forms.read_command),
    "SHELL": _plain(forms.read_command),
    "STOPSIGNAL": _plain(forms.read_string),
    "USER": _plain(forms.read_string),
    "VOLUME": _plain(forms.read_paths),
    "WORKDIR": _plain(forms.read_string),
}

KEYWORDS = ("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL",
            "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR")  # fmt: skip


def split_line(text: str, escape: str, *, onbuilds: int = 0) -> Line:
    """Take one logical line apart; heredocs and places are not its business.

    Raises:
        DockerfileError: its arguments are not of the form of their instruction; without a place.
    """
    keyword, rest = split_off(text.strip(BLANKS))
    flags, rest = forms.split_flags(rest or "", escape)
    rest = rest.strip(BLANKS)
    name = keyword.upper()
    found = forms.Form()
    if name == "ONBUILD" and rest and onbuilds < _MOST_ONBUILDS:  # more of them are refused all the same
        inner = split_line(rest, escape, onbuilds=onbuilds + 1)
        found = forms.Form((inner.keyword, *inner.words), json=inner.json)
    elif name in _FORMS:
        found = _FORMS[name](rest, escape)
    return Line(keyword, tuple(flags), found.words, found.json, text)


def _may_have_heredocs(line: Line) -> bool:
    name = line.keyword.upper()
    if name == "ONBUILD" and line.words:
        name = line.words[0].upper()
    return name in _WITH_HEREDOCS and not line.json


class _Reader:
    def __init__(self, text: str) -> None:
        self._raw = _split(text)
        self._place = 0
        self._directives = Directives()
        self._escape = "\\"
        self._comments: list[str] = []
        self._empty: list[int] = []

    def read(self) -> Lines:
        lines: list[Line] = []
        while self._place < len(self._raw):
            start = self._place + 1
            first = self._first_part()
            if first is None:
                continue
            text = self._rest(first)
            try:
                lines.append(self._instruction(text, start))
            except DockerfileError as error:
                raise error.at(start, self._place, text.strip(BLANKS)) from None
            self._comments.clear()
        if not lines:
            raise DockerfileError("file with no instructions", start=max(self._place, 1))
        return Lines(tuple(lines), self._directives.found, self._escape, tuple(self._empty))

    def _first_part(self) -> str | None:
        """The first physical line of an instruction; None for comments, directives and empty lines."""
        raw = self._raw[self._place]
        self._place += 1
        line = raw.rstrip("\r\n").lstrip(BLANKS)
        comment = line.startswith("#")
        try:
            directive = self._directives.take(line)
        except DockerfileError as error:
            raise error.at(self._place, self._place, line) from None
        if directive == "escape":
            self._escape = self._directives.found["escape"]
        if comment:
            if directive is None:
                self._comment(raw)
            return None
        return line or None

    def _comment(self, raw: str) -> None:
        # One character goes, not the blanks before the `#`: an indented comment keeps its `#`, as in BuildKit.
        text = raw[1:].strip(BLANKS)
        if text:
            self._comments.append(text)
        else:
            self._comments.clear()

    def _rest(self, first: str) -> str:
        """The logical line that begins with this physical one."""
        part, more = self._continued(first)
        parts = [part]
        empty = False
        while more and self._place < len(self._raw):
            line = self._raw[self._place].rstrip("\r\n")
            self._place += 1
            bare = line.lstrip(BLANKS)
            if bare.startswith("#"):
                continue
            if not bare:
                empty = True
                continue
            part, more = self._continued(line)
            parts.append(part)
        if empty:
            self._empty.append(self._place)
        return "".join(parts)

    def _continued(self, line: str) -> tuple[str, bool]:
        """The line without the escape character at its end, and whether there was one; two are none."""
        body = line.rstrip(" \t")
        if body.endswith(self._escape) and body[-2:-1] != self._escape:
            return body[:-1], True
        return line, False

    def _instruction(self, text: str, start: int) -> Line:
        line = split_line(text, self._escape)
        heredocs = heredocs_of(text) if "<<" in text and _may_have_heredocs(line) else []
        documents = tuple(self._document(heredoc) for heredoc in heredocs)
        return line.replace(start=start, end=self._place, comments=tuple(self._comments), heredocs=documents)

    def _document(self, heredoc: Heredoc) -> Heredoc:
        content: list[str] = []
        while self._place < len(self._raw):
            raw = self._raw[self._place]
            self._place += 1
            line = raw.rstrip("\r\n")
            if (line.lstrip("\t") if heredoc.chomp else line) == heredoc.name:
                return heredoc.replace(content="".join(content))
            content.append(raw)
        raise DockerfileError("unterminated heredoc", hint=f"a line with {heredoc.name} alone ends it")


def _split(text: str) -> list[str]:
    """Physical lines with their ends: only a newline ends one."""
    lines = text.removeprefix("\ufeff").split("\n")
    last = lines.pop()
    return [line + "\n" for line in lines] + ([last] if last else [])
