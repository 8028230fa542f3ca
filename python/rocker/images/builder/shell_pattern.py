"""The patterns of `${name#pattern}`, `${name%pattern}` and `${name/pattern/text}`: `*`, `?` and plain characters.

Unlike a shell's they have no `[…]`, and `*` and `?` stop at a line's end. Matching follows all possibilities at once:
no pattern takes more than its length times that of the value, for each place where a match may begin.
"""

from __future__ import annotations

from rocker.images.builder.errors import DockerfileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_MANY, _ONE = "many", "one"  # longer than any character


def trim(value: str, pattern: str, *, longest: bool, end: bool) -> str:
    """The value without what the pattern matches at its beginning, or at its end.

    Raises:
        DockerfileError: the pattern escapes what needs none.
    """
    parts = _parts(pattern)
    if end:
        parts.reverse()
        value = value[::-1]
    stop = _match(parts, value, 0, longest=longest)
    rest = value[stop or 0 :]
    return rest[::-1] if end else rest


def replace(value: str, pattern: str, text: str, *, every: bool) -> str:
    """The value with the first, or every, longest match of the pattern replaced.

    Raises:
        DockerfileError: the pattern escapes what needs none.
    """
    parts = _parts(pattern)
    done: list[str] = []
    place, copied, after_match = 0, 0, -1
    while place <= len(value):
        stop = _match(parts, value, place, longest=True)
        if stop is None or (stop == place == after_match):  # an empty match next to another one is none
            place += 1
            continue
        done.append(value[copied:place] + text)
        copied = after_match = stop
        if not every:
            break
        place = max(stop, place + 1)
    return "".join(done) + value[copied:]


def _parts(pattern: str) -> list[str]:
    parts: list[str] = []
    place = 0
    while place < len(pattern):
        character = pattern[place]
        place += 1
        if character == "*":
            parts.append(_MANY)
        elif character == "?":
            parts.append(_ONE)
        elif character == "\\":
            following = pattern[place : place + 1]
            # The escape kept `}` or `/` from ending the pattern; it is no part of it.
            if not following or following not in "*?\\}/":
                raise DockerfileError(
                    f"invalid pattern ({pattern}) in substitution: invalid escape '\\{following}'"
                )
            parts.append(following)
            place += 1
        else:
            parts.append(character)
    return parts


def _match(parts: Sequence[str], value: str, start: int, *, longest: bool) -> int | None:
    """Where the shortest or longest match that begins at `start` ends, or None."""
    states = _with_empty_stars(parts, {0})
    found = start if len(parts) in states else None
    for place in range(start, len(value)):
        if found is not None and not longest:
            return found
        character = value[place]
        following: set[int] = set()
        for state in states:
            if state == len(parts):
                continue
            part = parts[state]
            if part == _MANY:
                if character != "\n":
                    following.add(state)
            elif part == character or (part == _ONE and character != "\n"):
                following.add(state + 1)
        if not following:
            return found
        states = _with_empty_stars(parts, following)
        if len(parts) in states:
            found = place + 1
    return found


def _with_empty_stars(parts: Sequence[str], states: set[int]) -> set[int]:
    reached = set(states)
    for state in states:
        place = state
        while place < len(parts) and parts[place] == _MANY:
            place += 1
            reached.add(place)
    return reached
