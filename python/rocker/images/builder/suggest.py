"""The nearest word, as BuildKit chooses it: at most two letters wrong."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_TOO_FAR = 3


def nearest(text: str, options: Iterable[str], *, case: bool = True) -> str | None:
    """The option that `text` was probably meant to be; None when it is one itself, or none is near.

    Args:
        text: what was typed.
        options: what there is; of two equally near ones the first wins.
        case: whether upper and lower case differ. Without, the answer has the case of `text` where that is plain.
    """
    typed = text if case else text.lower()
    found, least = None, _TOO_FAR
    for option in options:
        candidate = option if case else option.lower()
        if candidate == typed:
            return None
        far = distance(typed, candidate, least)
        if far < least:
            found, least = option, far
    if found is None or case:
        return found
    if text == text.lower():
        return found.lower()
    return found.upper() if text == text.upper() else found


def did_you_mean(text: str, options: Iterable[str], *, case: bool = True) -> str:
    """` (did you mean X?)`, or nothing."""
    found = nearest(text, options, case=case)
    return f" (did you mean {found}?)" if found else ""


def distance(first: str, second: str, limit: int) -> int:
    """Insertions, deletions and replacements from one to the other; `limit` stands for all that is not less."""
    if abs(len(first) - len(second)) >= limit:
        return limit
    row = list(range(len(second) + 1))
    for place, letter in enumerate(first, 1):
        before, row[0] = row[0], place
        for column, other in enumerate(second, 1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (letter != other)),
            )
    return min(row[-1], limit)
