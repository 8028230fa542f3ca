"""`rocker save`."""

from __future__ import annotations

import os
import tempfile

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from rocker.cli.app import App


def save(app: App, values: Values, arguments: list[str]) -> int:
    """Write images to an archive that `docker load` and OCI tools read."""
    path = values["output"]
    if path:
        whole_file(path, lambda target: app.engine.images.save(arguments, target))
        return 0
    if os.isatty(1):
        raise InvalidArgumentError("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    app.flush()
    app.engine.images.save(arguments, 1)
    return 0


def whole_file(path: str, write: Callable[[int], object]) -> None:
    """Make a file that appears whole or not at all; what was there before stays until then."""
    directory = os.path.dirname(path) or "."
    try:
        target, temporary = tempfile.mkstemp(prefix=".rocker-save-", dir=directory)
    except OSError as error:
        raise InvalidArgumentError(
            f'invalid output path: directory "{directory}" cannot be written: {error.strerror}',
            errno=error.errno,
            path=directory,
        ) from error
    try:
        write(target)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    finally:
        os.close(target)


COMMAND = DockerCommand(
    "save",
    save,
    usage="[OPTIONS] IMAGE [IMAGE...]",
    summary="Save one or more images to a tar archive (streamed to STDOUT by default)",
    aliases=["rocker image save", "rocker save"],
    flags=[Flag("-o", "--output", kind="string", help="Write to a file, instead of STDOUT")],
    least=1,
)
