"""`.dockerignore`: what of a build context is left out.

Reference: https://docs.docker.com/build/concepts/context/#dockerignore-files.
"""

from __future__ import annotations

from rocker.images.builder.characters import BLANKS
from rocker.images.builder.paths import clean

NAME = ".dockerignore"


def ignore_files(dockerfile: str) -> tuple[str, str]:
    """Where the patterns for a build are: the first of these that exists has them, even if it is empty.

    Args:
        dockerfile: path of the Dockerfile; the second answer is relative to the build context instead.
    """
    return dockerfile + NAME, NAME


def read_ignore(text: str | bytes) -> list[str]:
    """The patterns of such a file, for `patterns.PatternMatcher`.

    A line that begins with `#` is a comment; blanks around a pattern and a slash before it do not count.
    """
    if isinstance(text, bytes):
        text = text.decode(errors="surrogateescape")
    patterns: list[str] = []
    for line in text.removeprefix("\ufeff").split("\n"):
        pattern = line.strip(BLANKS)
        if not pattern or line.startswith("#"):
            continue
        mark = "!" if pattern.startswith("!") else ""
        pattern = pattern[len(mark) :].strip(BLANKS)
        if pattern:
            pattern = clean(pattern)
        if len(pattern) > 1:
            pattern = pattern.removeprefix("/")
        patterns.append(mark + pattern)
    return patterns
