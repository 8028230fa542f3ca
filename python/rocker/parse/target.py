"""Where something is mounted in a container: one rule for `--volume`, `--mount`, `--tmpfs` and the engine."""

from __future__ import annotations

import os.path

from rocker.errors import InvalidArgumentError


def check_target(target: str, context: str = "") -> str:
    """Return an absolute path in the container, without `.`, `..` and doubled slashes.

    Args:
        target: the path as it was written.
        context: what the messages begin with.

    Raises:
        InvalidArgumentError: it is not absolute, or is `/` itself.
    """
    if not target.startswith("/"):
        raise InvalidArgumentError(
            f"{context}invalid mount path: '{target}' mount path must be absolute", hint=f"write /{target}"
        )
    # normpath keeps two leading slashes, which POSIX gives a meaning of their own.
    clean = "/" + os.path.normpath(target).lstrip("/")
    if clean == "/":
        raise InvalidArgumentError(
            f"{context}invalid specification: destination can't be '/'",
            hint="--rootfs DIR makes DIR the root",
        )
    return clean
