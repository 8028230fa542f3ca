"""Paths inside images and build contexts, shortened as Go's `path.Clean` does."""

from __future__ import annotations

import posixpath


def clean(path: str) -> str:
    """The shortest path that means the same: no `.`, no `..` but at the beginning, no double or trailing slashes."""
    short = posixpath.normpath(path) if path else "."
    # POSIX leaves two leading slashes to the system.
    return "/" + short.lstrip("/") if short.startswith("//") else short


def workdir(current: str, path: str) -> str:
    """The working directory after `WORKDIR path`; an absolute path stays as it is written."""
    path = path or current or "/"
    return path if path.startswith("/") else clean(posixpath.join("/", current, path))


def target(current: str, path: str) -> str:
    """A path of `COPY` or `ADD` in the image; a trailing `/` or `/.`, which means a directory, stays."""
    written = path if path not in ("", ".") else "./"
    found = workdir(current, written)
    if written.endswith("/") and not found.endswith("/"):
        return found + "/"
    if written.endswith("/."):
        return (found if found == "/" else found + "/") + "."
    return found
