"""`get_archive`, `put_archive` and `stat_path`: paths in a container as tar archives, as Docker's API has them."""

from __future__ import annotations

import os

from rocker.engine.files_view import request
from rocker.errors import DeniedError, InvalidArgumentError, NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container
    from rocker.models.container import PathStat


def absolute(path: str) -> str:
    """Return a path in a container; a relative one counts from the root. What it ends with stays.

    Raises:
        InvalidArgumentError: it is empty, or contains a NUL byte.
    """
    if not path:
        raise InvalidArgumentError("bad parameter: path cannot be empty")
    if "\0" in path:
        raise InvalidArgumentError(f"bad parameter: the path {path!r} contains a NUL byte")
    return path if path.startswith("/") else "/" + path


def stat_path(container: Container, path: str) -> PathStat:
    """Look at a path; see `Container.stat_path`."""
    engine, path = container.engine, absolute(path)
    try:
        found = engine.core.path_stat(
            engine.run_root, engine.root, request(container, mounted=True), os.fsencode(path)
        )
    except NotFoundError as error:
        raise not_found(container, path, error) from error
    target = found["target"]
    return {
        "name": os.path.basename(path.rstrip("/")) or "/",
        "mode": found["mode"],
        "size": found["size"],
        "mtime_ns": found["mtime_ns"],
        "target": None if target is None else os.fsdecode(target),
    }


def get_archive(container: Container, path: str, destination: int, *, label: str | None = None) -> int:
    """Write a path as a tar; see `Container.get_archive`. `label` is the name of its first entry."""
    engine, path = container.engine, absolute(path)
    if label is None:
        label = base_of(path)
    try:
        return engine.core.copy_out(
            engine.run_root,
            engine.root,
            request(container, mounted=True),
            os.fsencode(path),
            os.fsencode(label),
            destination,
        )
    except NotFoundError as error:
        raise not_found(container, path, error) from error


def base_of(path: str) -> str:
    """Return the name under which an archive has what is at a path: `.` for its contents alone."""
    name = path.rstrip("/").rpartition("/")[2]
    if name == "..":
        return os.path.basename(os.path.normpath(path)) or "/"
    return name or "/"


def put_archive(container: Container, path: str, source: int, *, archive: bool = False) -> int:
    """Unpack a tar in a directory; see `Container.put_archive`."""
    engine, path = container.engine, absolute(path)
    _refuse_read_only(container, path)
    try:
        return engine.core.copy_in(
            engine.run_root,
            engine.root,
            request(container, mounted=True),
            os.fsencode(path),
            source,
            user=(container.config.user or None) if archive else None,
        )
    except NotFoundError as error:
        raise not_found(container, path, error) from error


def not_found(container: Container, path: str, error: NotFoundError) -> NotFoundError:
    """Say it in Docker's words; a path that is not the user's keeps the core's."""
    if error.path is not None and error.path != path:
        return error
    return NotFoundError(
        f"Could not find the file {path} in container {container.name}",
        hint=error.hint,
        errno=error.errno,
        path=path,
    )


def _refuse_read_only(container: Container, path: str) -> None:
    """The root of a container that does not run is not read-only by itself."""
    if not container.options.read_only:
        return
    clean = os.path.normpath(path)
    for mount in container.config.all_mounts:
        target = os.path.normpath(mount.target)
        if clean == target or clean.startswith(target.rstrip("/") + "/"):
            return
    raise DeniedError("container rootfs is marked read-only", path=path)
