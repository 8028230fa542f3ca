"""Quotes, escapes and variables in a word of a Dockerfile.

After POSIX's shell (https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html), with the replacements
`${name/pattern/text}` and `${name//pattern/text}` of other shells, and without commands and arithmetic. Differences
from a shell, all of them BuildKit's: an escape outside quotes takes the next character as it is and vanishes, and
one at the end of a word vanishes too.
"""

from __future__ import annotations

from rocker.images.builder.characters import BLANKS
from rocker.images.builder.errors import DockerfileError
from rocker.models.struct import Struct
from rocker.parse.number import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SPECIAL = "@*#?-$!"
_MODIFIERS = "+-?#%"
_DEEPEST = 64


class Expansion(Struct):
    """A word after expansion.

    Attributes:
        text: the whole of it as one word.
        words: the words that blanks outside quotes make of it, after expansion; never empty ones.
        matched: names of variables that were found, in the order of use, each once.
        unmatched: names of those that were not.
    """

    text: str
    words: tuple[str, ...]
    matched: tuple[str, ...]
    unmatched: tuple[str, ...]


def expand(
    text: str,
    values: Mapping[str, str],
    *,
    escape: str = "\\",
    raw_quotes: bool = False,
    raw_escapes: bool = False,
    quotes: bool = True,
    keep_unset: bool = False,
) -> Expansion:
    """Expand a word.

    Args:
        text: the word as written; blanks in it are part of it.
        values: variables.
        escape: the escape character.
        raw_quotes: quotes do their work and stay.
        raw_escapes: escapes do their work and stay.
        quotes: whether quotes have a meaning at all.
        keep_unset: references to variables without a value stay as they are.

    Raises:
        DockerfileError: a quote or brace is not closed, a modifier is unknown, or `${name?}` has no value.
    """
    reader = _Reader(text, values, escape, raw_quotes=raw_quotes, quotes=quotes, keep_unset=keep_unset)
    try:
        whole, words = reader.until("", raw_escapes=raw_escapes)
    except DockerfileError as error:
        raise DockerfileError(f"failed to process {quote(text)}: {error.reason}", text=text) from error
    return Expansion(whole, tuple(words), tuple(reader.matched), tuple(reader.unmatched))


class _Words:
    """Gathers words: blanks in bare text part them, blanks in quotes do not."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self._parts: list[str] = []

    def bare(self, text: str) -> None:
        for character in text:
            if character in BLANKS:
                self.end()
            else:
                self._parts.append(character)

    def quoted(self, text: str) -> None:
        self._parts.append(text)

    def end(self) -> list[str]:
        word = "".join(self._parts)
        if word:
            self.done.append(word)
        self._parts.clear()
        return self.done


class _Reader:
    def __init__(
        self,
        text: str,
        values: Mapping[str, str],
        escape: str,
        *,
        raw_quotes: bool,
        quotes: bool,
        keep_unset: bool,
    ) -> None:
        self._text = text.removeprefix("\ufeff")
        self._place = 0
        self._depth = 0
        self._values = values
        self._escape = escape
        self._raw_quotes = raw_quotes
        self._raw_escapes = False
        self._keep_unset = keep_unset
        self.matched: dict[str, None] = {}
        self.unmatched: dict[str, None] = {}
        self._special: dict[str, Callable[[], str]] = {"$": self._dollar, "<": self._less}
        if quotes:
            self._special |= {"'": self._single, '"': self._double}

    def _peek(self) -> str:
        return self._text[self._place : self._place + 1]

    def _next(self) -> str:
        character = self._peek()
        self._place += 1
        return character

    def until(self, stop: str, *, raw_escapes: bool) -> tuple[str, list[str]]:
        """Read up to and over `stop`, or to the end if that is ""; the text as one word and as several."""
        before, self._raw_escapes = self._raw_escapes, raw_escapes
        try:
            return self._until(stop)
        finally:
            self._raw_escapes = before

    def _until(self, stop: str) -> tuple[str, list[str]]:
        parts: list[str] = []
        words = _Words()
        while character := self._peek():
            if character == stop:
                self._next()
                return "".join(parts), words.end()
            special = self._special.get(character)
            if special is not None:
                found = special()
                (words.bare if character == "$" else words.quoted)(found)
            elif character == self._escape:
                found = self._escaped()
                words.quoted(found)
            else:
                found = self._next()
                words.bare(found)
            parts.append(found)
        if stop:
            raise DockerfileError(f"unexpected end of statement while looking for matching {stop}")
        return "".join(parts), words.end()

    def _escaped(self) -> str:
        escape = self._next()
        following = self._next()
        return escape + following if self._raw_escapes else following

    def _single(self) -> str:
        start = self._place
        end = self._text.find("'", start + 1)
        if end == -1:
            self._place = len(self._text)
            raise DockerfileError("unexpected end of statement while looking for matching single-quote")
        self._place = end + 1
        return self._text[start : end + 1] if self._raw_quotes else self._text[start + 1 : end]

    def _double(self) -> str:
        mark = '"' if self._raw_quotes else ""
        self._next()
        parts = [mark]
        while character := self._peek():
            if character == '"':
                self._next()
                parts.append(mark)
                return "".join(parts)
            if character == "$":
                parts.append(self._dollar())
                continue
            self._next()
            if character == self._escape:
                if self._raw_escapes:
                    parts.append(character)
                if not self._peek():
                    break
                if self._peek() in ('"', "$", self._escape):
                    character = self._next()
            parts.append(character)
        raise DockerfileError("unexpected end of statement while looking for matching double-quote")

    def _less(self) -> str:
        """`<<` takes the blanks after it along: the name of a heredoc may follow them."""
        start = self._place
        self._next()
        if self._peek() == "<":
            self._next()
            while self._peek() and self._peek() in "\t\r ":
                self._next()
        return self._text[start : self._place]

    def _dollar(self) -> str:
        self._next()
        if self._peek() != "{":
            name = self._name()
            if not name:
                return "$"
            value = self._get(name)
            return (f"${name}" if self._keep_unset else "") if value is None else value
        self._next()
        following = self._peek()
        if not following:
            raise DockerfileError("syntax error: missing '}'")
        if following in "{}:":
            raise DockerfileError("syntax error: bad substitution")
        if self._depth == _DEEPEST:
            raise DockerfileError(f"syntax error: more than {_DEEPEST} substitutions in each other")
        self._depth += 1
        try:
            return self._braces(self._name())
        finally:
            self._depth -= 1

    def _braces(self, name: str) -> str:
        """What follows `${name`."""
        modifier = self._next()
        if modifier == "}":
            value = self._get(name)
            return (f"${{{name}}}" if self._keep_unset else "") if value is None else value
        if modifier == "/":
            return self._replaced(name)
        colon = modifier == ":"
        if colon:
            modifier = self._next()
        shown = ":" + modifier if colon else modifier
        if not modifier:
            raise DockerfileError("syntax error: missing '}'")
        if (not colon and modifier not in _MODIFIERS) or (colon and modifier in "#%"):
            raise DockerfileError(f"unsupported modifier ({shown}) in substitution")
        word = self._operand("}", raw_escapes=modifier in "#%")
        value = self._get(name)
        if value is None and self._keep_unset:
            return f"${{{name}{shown}{word}}}"
        return self._modified(name, value, modifier, word, empty_is_unset=colon)

    def _modified(
        self, name: str, value: str | None, modifier: str, word: str, *, empty_is_unset: bool
    ) -> str:
        known = value is not None and not (empty_is_unset and value == "")
        if modifier == "-":
            return value if known and value is not None else word
        if modifier == "+":
            return word if known else ""
        if modifier == "?":
            if known and value is not None:
                return value
            state = "empty" if value == "" else "unset"
            raise DockerfileError(f"{name}: {word or f'is not allowed to be {state}'}")
        if modifier in ("#", "%"):
            from rocker.images.builder.shell_pattern import trim

            longest = word.startswith(modifier)
            return trim(value or "", word[longest:], longest=longest, end=modifier == "%")
        raise DockerfileError(f"unsupported modifier (:{modifier}) in substitution")

    def _replaced(self, name: str) -> str:
        every = self._peek() == "/"
        if every:
            self._next()
        pattern = self._operand("/", raw_escapes=True, missing="'/' in ${}")
        text = self._operand("}", raw_escapes=True)
        value = self._get(name)
        if value is None and self._keep_unset:
            return f"${{{name}/{pattern}/{text}}}"
        from rocker.images.builder.shell_pattern import replace

        return replace(value or "", pattern, text, every=every)

    def _operand(self, stop: str, *, raw_escapes: bool, missing: str = "'}'") -> str:
        try:
            return self.until(stop, raw_escapes=raw_escapes)[0]
        except DockerfileError:
            if not self._peek():
                raise DockerfileError(f"syntax error: missing {missing}") from None
            raise

    def _name(self) -> str:
        """A name; a run of digits; one special parameter; or nothing."""
        start = self._place
        first = self._peek()
        if not first:
            return ""
        if first in _SPECIAL:
            return self._next()
        if first.isdecimal():
            while self._peek().isdecimal():
                self._next()
        else:
            while self._peek().isalpha() or self._peek().isdecimal() or self._peek() == "_":
                self._next()
        return self._text[start : self._place]

    def _get(self, name: str) -> str | None:
        value = self._values.get(name)
        (self.unmatched if value is None else self.matched)[name] = None
        return value
