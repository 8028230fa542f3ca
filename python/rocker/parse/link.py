"""`--link CONTAINER[:ALIAS]`."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError


def parse_link(text: str) -> tuple[str, str]:
    """The container and its alias, which is its own name unless given.

    Raises InvalidArgumentError with Docker's text.
    """
    if not text:
        raise InvalidArgumentError("empty string specified for links")
    parts = text.split(":")
    if len(parts) > 2 or not parts[0] or not parts[-1]:  # noqa: PLR2004 -- container and alias
        raise InvalidArgumentError(f"bad format for links: {text}", hint="write CONTAINER:ALIAS")
    name = parts[0].removeprefix("/")
    return name, parts[1].rpartition("/")[2] if len(parts) > 1 else name
