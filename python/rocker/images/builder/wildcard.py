r"""Wildcards in the sources of `COPY` and `ADD`: Go's `filepath.Match` (https://pkg.go.dev/path/filepath#Match).

`*` is any run of characters but `/`, `?` one of them, `[a-z]` and `[^a-z]` one of or none of some, and `\` takes the
next character as it is.
"""

from __future__ import annotations

from rocker.images.builder.errors import DockerfileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Test = Callable[[str], bool]

_STAR = None


def has_wildcard(path: str) -> bool:
    """Whether a path has a character that makes it a pattern; after a backslash it does not count."""
    place = 0
    while place < len(path):
        if path[place] in "*?[":
            return True
        place += 2 if path[place] == "\\" else 1
    return False


def match(pattern: str, name: str) -> bool:
    """Whether the whole name matches.

    Raises:
        DockerfileError: the pattern is none, whatever the name is.
    """
    tests = compile_pattern(pattern)
    place = at = 0
    star, resume = -1, 0
    while at < len(name) or place < len(tests):
        if place < len(tests) and tests[place] is _STAR:
            star, resume = place, at
            place += 1
            continue
        if at < len(name) and place < len(tests) and (test := tests[place]) is not None and test(name[at]):
            place += 1
            at += 1
            continue
        # Only the last star need take more: what those before it took was the least that fits.
        if star == -1 or resume >= len(name) or name[resume] == "/":
            return False
        resume += 1
        place, at = star + 1, resume
    return True


def compile_pattern(pattern: str) -> Sequence[Test | None]:
    """A test for each character, None for a star. Raises DockerfileError."""
    tests: list[Test | None] = []
    place = 0
    while place < len(pattern):
        character = pattern[place]
        place += 1
        if character == "*":
            tests.append(_STAR)
        elif character == "?":
            tests.append(_not_slash)
        elif character == "[":
            test, place = _class(pattern, place)
            tests.append(test)
        else:
            if character == "\\":
                character = pattern[place : place + 1]
                place += 1
                if not character:
                    raise bad_pattern(pattern)
            tests.append(character.__eq__)
    return tests


def bad_pattern(pattern: str) -> DockerfileError:
    """The error of a pattern that is none."""
    return DockerfileError("syntax error in pattern", text=pattern, hint=f"in {pattern!r}")


def _not_slash(character: str) -> bool:
    return character != "/"


def _class(pattern: str, place: int) -> tuple[Test, int]:
    """The test for what stands after `[`, and where it ends."""
    negated, ranges, place = read_class(pattern, place)

    def test(character: str) -> bool:
        return any(low <= character <= high for low, high in ranges) != negated

    return test, place


def read_class(pattern: str, place: int) -> tuple[bool, list[tuple[str, str]], int]:
    """Whether a class is negated, its ranges, and where it ends; `place` is after the `[`. Raises DockerfileError."""
    negated = pattern.startswith("^", place)
    place += negated
    ranges: list[tuple[str, str]] = []
    while not (ranges and pattern.startswith("]", place)):
        low, place = _member(pattern, place)
        high = low
        if pattern.startswith("-", place):
            high, place = _member(pattern, place + 1)
        ranges.append((low, high))
    return negated, ranges, place + 1


def _member(pattern: str, place: int) -> tuple[str, int]:
    character = pattern[place : place + 1]
    if character == "\\":
        place += 1
        character = pattern[place : place + 1]
    elif character in ("-", "]"):
        raise bad_pattern(pattern)
    if not character or place + 1 == len(pattern):  # a class must be closed
        raise bad_pattern(pattern)
    return character, place + 1
