"""What Go, in which Docker reads Dockerfiles, takes for a blank; Python's `str.isspace` knows four more."""

from __future__ import annotations

BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""unicode.IsSpace."""

SEPARATORS = "\t\v\f\r "
"""What stands between the words of a line."""


def split_off(text: str) -> tuple[str, str | None]:
    """The first word and what follows the separators after it; None where there are none."""
    for place, character in enumerate(text):
        if character in SEPARATORS:
            return text[:place], text[place:].lstrip(SEPARATORS)
    return text, None


def split_all(text: str) -> list[str]:
    """The words between separators, with an empty one where the text begins or ends with a separator."""
    words = [""]
    separated = False
    for character in text:
        if character in SEPARATORS:
            separated = True
            continue
        if separated:
            words.append("")
            separated = False
        words[-1] += character
    if separated:
        words.append("")
    return words
