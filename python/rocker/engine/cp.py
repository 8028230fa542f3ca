"""`cp`: files and directories between the host and a container, by Docker's rules for what goes where."""

from __future__ import annotations

import os
import stat
from _thread import start_new_thread

from rocker.engine.archive import absolute, base_of, get_archive, put_archive, stat_path
from rocker.errors import GoneError, InvalidArgumentError, NotFoundError, RockerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from rocker.engine.container import Container

_LINKS = 10
"""Links followed at a destination on the host, as Docker does."""


class Place:
    """A destination: its path, whether something is there, and whether that is a directory."""

    __slots__ = ("exists", "is_directory", "path")

    def __init__(self, path: str, mode: int | None) -> None:
        self.path = path
        self.exists = mode is not None
        self.is_directory = mode is not None and stat.S_ISDIR(mode)


def aim(label: str, place: Place, *, is_directory: bool) -> tuple[str, str]:
    """Return the directory to unpack in and the name of what is packed.

    Args:
        label: the source's own name; `.` for the contents of a directory.
        place: where it goes.
        is_directory: whether the source is a directory.

    Raises:
        InvalidArgumentError: a directory cannot replace a file. NotFoundError: there is no such directory.
    """
    if place.exists and place.is_directory:
        return place.path, label
    if place.exists and is_directory:
        raise InvalidArgumentError("cannot copy directory", hint=f"{place.path} is a file")
    if not place.exists and not is_directory and _is_said_to_be_directory(place.path):
        raise NotFoundError("no such directory", hint=f"make {place.path} first", path=place.path)
    clean = os.path.normpath(place.path)
    return os.path.dirname(clean) or ".", os.path.basename(clean)


def _is_said_to_be_directory(path: str) -> bool:
    return path.endswith(("/", "/.")) or path == "."


def copy_to(
    container: Container,
    source: str,
    path: str,
    *,
    follow_link: bool,
    archive: bool,
) -> int:
    """Copy from the host; see `Container.copy_to`."""
    place = _in_container(container, absolute(path))
    directory, name, label = host_source(source, follow_link=follow_link)
    try:
        mode = os.lstat(os.path.join(directory, name)).st_mode
    except OSError as error:
        shown = os.path.abspath(source)
        raise NotFoundError(
            f"lstat {shown}: {(error.strerror or '').lower()}", errno=error.errno, path=shown
        ) from error
    target, label = aim(label, place, is_directory=stat.S_ISDIR(mode))
    core = container.engine.core
    return _through_pipe(
        lambda out: core.pack_entry(directory, os.fsencode(name), os.fsencode(label), out),
        lambda pipe: put_archive(container, target, pipe, archive=archive),
    )


def _in_container(container: Container, path: str) -> Place:
    """What is at a destination; a link there is followed once, as Docker does."""
    try:
        found = stat_path(container, path)
        if found["target"] is not None:
            path = os.path.join(os.path.dirname(path), found["target"])
            found = stat_path(container, path)
    except NotFoundError:
        return Place(path, None)
    kind = stat.S_IFMT(found["mode"])
    if kind in {stat.S_IFBLK, stat.S_IFCHR}:
        raise InvalidArgumentError(
            f'destination "{container.name}:{path}" must be a directory or a regular file: got a device'
        )
    return Place(path, found["mode"])


def host_source(source: str, *, follow_link: bool) -> tuple[str, str, str]:
    """Return the directory, the name in it and the name to pack of a path on the host."""
    if not source:
        raise InvalidArgumentError("source can not be empty")
    contents = source == "." or source.endswith("/.")
    clean = os.path.normpath(source)
    if contents or source.endswith("/") or clean in {".", "..", "/"} or clean.endswith("/.."):
        # The directory itself, whatever link leads to it.
        real = os.path.realpath(source)
        return real, ".", "." if contents else os.path.basename(os.path.abspath(source)) or "/"
    name = os.path.basename(clean)
    if follow_link:
        real = os.path.realpath(source)
        return os.path.dirname(real), os.path.basename(real) or ".", name
    return os.path.realpath(os.path.dirname(clean) or "."), name, name


def copy_from(
    container: Container,
    path: str,
    destination: str,
    *,
    follow_link: bool,
    archive: bool,
) -> int:
    """Copy to the host; see `Container.copy_from`."""
    _check_output(os.path.abspath(destination))
    path, label = followed(container, path) if follow_link else (absolute(path), base_of(absolute(path)))
    found = stat_path(container, path)
    place = _on_host(destination)
    target, label = aim(label, place, is_directory=stat.S_ISDIR(found["mode"]))
    owner = None if archive else (os.geteuid(), os.getegid())
    core = container.engine.core
    return _through_pipe(
        lambda out: get_archive(container, path, out, label=label),
        lambda pipe: core.unpack(target, pipe, owner=owner),
    )


def followed(container: Container, path: str) -> tuple[str, str]:
    """Return where a link at a path leads, and the name that it has itself."""
    path = absolute(path)
    label = base_of(path)
    for _ in range(_LINKS):
        target = stat_path(container, path)["target"]
        if target is None:
            break
        path = os.path.join(os.path.dirname(path), target)
    return path, label


def _on_host(path: str) -> Place:
    """What is at a destination on the host, links followed."""
    shown = path
    for _ in range(_LINKS):
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return Place(path, None)
        except OSError as error:
            raise InvalidArgumentError(
                f"lstat {path}: {(error.strerror or '').lower()}", errno=error.errno, path=path
            ) from error
        if not stat.S_ISLNK(mode):
            return Place(path, mode)
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    raise InvalidArgumentError(f"too many symbolic links: {shown}", path=shown)


def _check_output(path: str) -> None:
    directory = os.path.dirname(path)
    if not os.path.exists(directory):
        raise NotFoundError(
            f'invalid output path: directory "{directory}" does not exist',
            hint="make it first",
            path=directory,
        )
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
        raise InvalidArgumentError(
            f'invalid output path: "{path}" must be a directory or a regular file: got a device', path=path
        )


def _through_pipe(pack: Callable[[int], int], unpack: Callable[[int], int]) -> int:
    """Pack on a thread and unpack here; the bytes between them.

    The packer's failure is the cause of the other's, unless it only found that nobody read on.
    """
    outcome: list[int | BaseException] = []
    read, write = os.pipe()
    done, finished = os.pipe()

    def run() -> None:
        try:
            outcome.append(pack(write))
        except BaseException as error:  # noqa: BLE001 -- raised in the caller's thread
            outcome.append(error)
        finally:
            os.close(write)
            os.close(finished)

    failure: RockerError | None = None
    try:
        start_new_thread(run, ())
        try:
            unpack(read)
        except RockerError as error:
            failure = error
        finally:
            os.close(read)
        os.read(done, 1)
    finally:
        os.close(done)
    result = outcome[0]
    if isinstance(result, BaseException) and not (failure is not None and isinstance(result, GoneError)):
        raise result
    if failure is not None:
        raise failure
    assert isinstance(result, int)  # noqa: S101 -- an exception was raised above
    return result
