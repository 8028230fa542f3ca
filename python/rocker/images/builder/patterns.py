r"""The patterns of `.dockerignore` and `--exclude`, as moby's patternmatcher applies them.

Like `wildcard`'s, and `**` is any number of directories. A pattern matches what is below a directory that it matches.
The last pattern that matches decides; one with `!` takes back. Two things are as documented and not as moby has them:
in `[…]`, `*` and `?` are themselves, and `\d` is a d.
"""

from __future__ import annotations

from rocker.images.builder.characters import BLANKS
from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.paths import clean
from rocker.images.builder.wildcard import bad_pattern, compile_pattern, read_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class Pattern:
    """One pattern.

    Attributes:
        text: shortened, without its `!`.
        negated: whether it takes back.
    """

    __slots__ = ("_match", "negated", "text")

    def __init__(self, text: str) -> None:
        text = clean(text)
        self.negated = text.startswith("!")
        if text == "!":
            raise DockerfileError('illegal exclusion pattern: "!"', text=text)
        self.text = text[self.negated :]
        compile_pattern(self.text)  # refuses what is no pattern
        self._match = _matcher(self.text)

    def match(self, path: str) -> bool:
        """Whether this very path matches; those above it do not count."""
        return self._match(path)


class PatternMatcher:
    """Several patterns, in order.

    Args:
        patterns: as in a file; empty ones do not count.

    Attributes:
        patterns: those that count.
        negated: whether any of them takes back.

    Raises:
        DockerfileError: one is no pattern.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        texts = (text.strip(BLANKS) for text in patterns)
        self.patterns = tuple(Pattern(text) for text in texts if text)
        self.negated = any(pattern.negated for pattern in self.patterns)

    def matches(self, path: str) -> bool:
        """Whether the patterns match a path, or leave one above it matched.

        Args:
            path: with `/` between its parts, relative to where the patterns are.
        """
        above = _above(path)
        matched = False
        for pattern in self.patterns:
            # Only what changes the answer is looked at.
            if pattern.negated == matched and (pattern.match(path) or any(map(pattern.match, above))):
                matched = not pattern.negated
        return matched

    def matches_below(self, path: str, parent: Sequence[bool]) -> tuple[bool, Sequence[bool]]:
        """The same, faster, on the way down a tree.

        Args:
            path: as for `matches`.
            parent: the second answer for the directory that it is in; empty at the top.

        Returns:
            Whether it matches; and which patterns it matches, for what is below.
        """
        above = () if parent else _above(path)
        matched = False
        found: list[bool] = []
        for place, pattern in enumerate(self.patterns):
            hit = bool(parent) and parent[place]
            if not hit and pattern.negated == matched:
                hit = pattern.match(path) or any(map(pattern.match, above))
            found.append(hit)
            if hit:
                matched = not pattern.negated
        return matched, found


def _above(path: str) -> list[str]:
    """The directories above a path, from the top: of `a/b/c`, `a` and `a/b`; of `/a/b`, "" and `/a`."""
    parts = clean(path).rpartition("/")[0].split("/") if "/" in path else []
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _matcher(text: str) -> Callable[[str], bool]:
    """A function for the form of the pattern; most are a plain path, `**/name` or `directory/**`."""
    if not any(character in text for character in "*?[]\\"):
        return text.__eq__
    plain = text.replace("**", "", 1)
    if not any(character in plain for character in "*?[]\\"):
        if text.startswith("**"):
            suffix = text[2:]
            bare = suffix[1:] if suffix.startswith("/") else None
            return lambda path: path.endswith(suffix) or path == bare
        if text.endswith("**"):
            return lambda path: path.startswith(text[:-2])
    import re

    try:
        compiled = re.compile(_expression(text))
    except re.error:
        raise bad_pattern(text) from None
    return lambda path: compiled.fullmatch(path) is not None


def _expression(text: str) -> str:
    """A regular expression for the whole of a path."""
    import re

    parts: list[str] = []
    place = 0
    while place < len(text):
        character = text[place]
        place += 1
        if text.startswith("**", place - 1):
            place += 1
            place += text.startswith("/", place)
            parts.append(".*" if place == len(text) else "(?:.*/)?")
        elif character == "*":
            parts.append("[^/]*")
        elif character == "?":
            parts.append("[^/]")
        elif character == "[":
            negated, ranges, place = read_class(text, place)
            inside = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in ranges)
            parts.append(f"[{'^' * negated}{inside}]")
        else:
            if character == "\\":
                character = text[place]
                place += 1
            parts.append(re.escape(character))
    return "".join(parts)
