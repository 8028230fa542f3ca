"""`volume create`: a row and a directory."""

from __future__ import annotations

import os
import time

from rocker.engine.emit import emit
from rocker.engine.failure import from_os
from rocker.engine.volumes.options import DRIVER, check, check_name
from rocker.engine.volumes.volume import COLUMNS, Volume, directory
from rocker.models.jsontext import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rocker.engine.engine import Engine


def create(
    engine: Engine,
    name: str | None,
    *,
    driver: str = DRIVER,
    options: Mapping[str, str],
    labels: Mapping[str, str],
    anonymous: bool = False,
    made: list[str] | None = None,
) -> Volume:
    """Make a volume, or return the one that has the name; see `Volumes.create`.

    Inside another transaction the name of one that was made is added to `made`, for its event after that.
    """
    name = random_name() if name is None else check_name(name)
    check(name, driver, options)
    with engine.catalog.write() as db:
        row = found = db.execute(f"SELECT {COLUMNS} FROM volumes WHERE name = ?", (name,)).fetchone()  # noqa: S608
        if found is None:
            found = (
                name,
                DRIVER,
                encode(dict(options)),
                encode(dict(labels)),
                anonymous,
                time.time_ns(),
            )
            db.execute("INSERT INTO volumes VALUES (?, ?, ?, ?, ?, ?)", found)
            make_directory(engine, name)
    if row is None and made is None:
        tell(engine, "create", [name])
    elif row is None and made is not None:
        made.append(name)
    return Volume.of_row(engine, found)


def tell(engine: Engine, action: str, names: Sequence[str]) -> None:
    """Write an event of each of these volumes."""
    for name in names:
        emit(engine, "volume", action, name, {"driver": DRIVER})


def random_name() -> str:
    """Return a name for a volume that was given none: 64 hex digits, as Docker's."""
    return os.urandom(32).hex()


def make_directory(engine: Engine, name: str) -> None:
    """Make a volume's directory, or take over what a crash left of that name.

    Others than root do not enter it: what is in it may be set-user-ID (CVE-2021-41091).

    Raises:
        NoSpaceError, SystemCallError: it cannot be made.
    """
    path = directory(engine, name)
    try:
        for one in (os.path.dirname(path), path, f"{path}/_data"):
            if not os.path.isdir(one):  # the catalogue's write lock keeps others from making it
                os.mkdir(one, 0o700)
        if not os.listdir(f"{path}/_data"):
            os.chmod(f"{path}/_data", 0o755)  # noqa: S103 -- the container's users; the directories above are 0700
    except OSError as error:
        raise from_os(error, "make the volume's directory") from error
