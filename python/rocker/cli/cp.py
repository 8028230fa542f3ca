"""`rocker cp`."""

from __future__ import annotations

import os

from rocker.cli.command import DockerCommand, UsageError, Values
from rocker.cli.flags import Flag
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def cp(app: App, values: Values, arguments: list[str]) -> int:
    """Copy between a container and the host, or one of the standard streams."""
    source, destination = arguments
    if not source:
        raise UsageError("source can not be empty")
    if not destination:
        raise UsageError("destination can not be empty")
    lender, path = split(source)
    receiver, target = split(destination)
    if lender and receiver:
        raise InvalidArgumentError("copying between containers is not supported")
    if not lender and not receiver:
        raise InvalidArgumentError("must specify at least one container source")
    if lender:
        return _out(app, values, lender, path, destination)
    return _in(app, values, source, receiver, target)


def split(text: str) -> tuple[str, str]:
    """Split `CONTAINER:PATH`; a path that is absolute, or begins with `.`, is the host's whatever it contains."""
    if text.startswith("/"):
        return "", text
    container, colon, path = text.partition(":")
    if not colon or container.startswith("."):
        return "", text
    return container, path


def _out(app: App, values: Values, name: str, path: str, destination: str) -> int:
    container = app.engine.containers.get(name)
    follow, archive = values["follow_link"], values["archive"]
    if destination == "-":
        if os.isatty(1):
            raise InvalidArgumentError("refusing to write an archive to a terminal: redirect standard output")
        from rocker.engine.archive import get_archive
        from rocker.engine.cp import followed

        app.flush()
        label = None
        if follow:
            path, label = followed(container, path)
        get_archive(container, path, 1, label=label)
        return 0
    size = container.copy_from(path, destination, follow_link=follow, archive=archive)
    _told(app, values, size, os.path.abspath(destination))
    return 0


def _in(app: App, values: Values, source: str, name: str, path: str) -> int:
    container = app.engine.containers.get(name)
    if source == "-":
        import stat

        from rocker.engine.archive import stat_path
        from rocker.errors import NotFoundError

        try:
            found = stat_path(container, path)
            if found["target"] is not None:
                found = stat_path(container, path + "/.")
            is_directory = stat.S_ISDIR(found["mode"])
        except NotFoundError:
            is_directory = False
        if not is_directory:
            raise InvalidArgumentError(f'destination "{name}:{path}" must be a directory')
        container.put_archive(path, 0, archive=values["archive"])
        return 0
    size = container.copy_to(source, path, follow_link=values["follow_link"], archive=values["archive"])
    _told(app, values, size, f"{name}:{path}")
    return 0


def _told(app: App, values: Values, size: int, where: str) -> None:
    """Only a terminal is told, as with Docker."""
    if not values["quiet"] and os.isatty(2):
        from rocker.formatting.units import human_size

        app.err(f"Successfully copied {human_size(size, 3)} to {where}")


COMMAND = DockerCommand(
    "cp",
    cp,
    usage="[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\trocker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    summary="Copy files/folders between a container and the local filesystem\n\n"
    "Use '-' as the source to read a tar archive from stdin\n"
    "and extract it to a directory destination in a container.\n"
    "Use '-' as the destination to stream a tar archive of a\n"
    "container source to stdout.",
    aliases=["rocker container cp", "rocker cp"],
    flags=[
        Flag("-a", "--archive", help="Archive mode (copy all uid/gid information)"),
        Flag("-L", "--follow-link", help="Always follow symbol link in SRC_PATH"),
        Flag(
            "-q",
            "--quiet",
            help="Suppress progress output during copy. Progress output is automatically suppressed if no terminal "
            "is attached",
        ),
    ],
    least=2,
    most=2,
)
