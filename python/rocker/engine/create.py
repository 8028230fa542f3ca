"""`create`: an image, a name, a row and a directory. Nothing runs yet."""

from __future__ import annotations

import os
import time

from rocker.engine import emit, launch, namespaces, process
from rocker.engine.find_image import find_image
from rocker.engine.names import check, generate
from rocker.errors import InvalidArgumentError, NameInUseError, NotFoundError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.catalog import ContainerRow
    from rocker.engine.config import ContainerConfig
    from rocker.engine.container import Container
    from rocker.engine.engine import Engine
    from rocker.engine.options import RunOptions

_NAME_ATTEMPTS = 20


def create(engine: Engine, options: RunOptions, *, for_run: bool) -> Container:
    """Make a container; whatever is wrong with its options is said now, not at its start.

    Raises:
        RockerError: see `Engine.create`.
    """
    from rocker.engine.container import Container

    row, config, request = prepare(engine, options, will_start=for_run)
    return Container(engine, row, config, request if for_run else None)


def prepare(
    engine: Engine, options: RunOptions, *, will_start: bool
) -> tuple[ContainerRow, ContainerConfig, dict[str, Any]]:
    """Make a container and its launch request. With `will_start` it is about to be started by this process.

    Raises:
        RockerError: see `Engine.create`; nothing is left behind then.
    """
    check_options(options)
    name = None if options.name is None else check(options.name)
    image_id, image = ("", None) if options.rootfs is not None else find_image(engine, options)
    config = process.merge(options, image, creator=_creator() if will_start and options.auto_remove else None)
    id = os.urandom(32).hex()  # noqa: A001
    request = launch.build(engine, id, config, started=will_start)
    row = _insert(engine, id, name, image_id, config)
    request["attributes"] = emit.attributes_of(row.name, config)
    emit.container(engine, "create", id, request["attributes"])
    return row, config, request


def check_options(options: RunOptions) -> None:
    """Refuse what contradicts itself, before anything is looked up.

    Raises:
        InvalidArgumentError, UnsupportedError, NotFoundError: so it is.
    """
    if (options.image is None) == (options.rootfs is None):
        raise InvalidArgumentError(
            "exactly one of an image and a root directory is needed",
            hint="name an image, or use --rootfs DIR",
        )
    if options.rootfs is not None and not os.path.isdir(options.rootfs):
        raise NotFoundError(
            f"root directory {options.rootfs!r} is not there or is no directory",
            hint="--rootfs takes a directory with a file system tree",
            path=options.rootfs,
        )
    if options.restart not in {"no", ""}:
        raise UnsupportedError(
            f"restart policy {options.restart!r} is not offered yet", hint="leave --restart out"
        )
    if options.pull not in {"missing", "always", "never"}:
        raise InvalidArgumentError(
            f'invalid pull option: "{options.pull}"', hint='values are "always", "missing" and "never"'
        )
    if options.timeout is not None and options.timeout <= 0:
        raise InvalidArgumentError(f"invalid timeout: {options.timeout}", hint="give seconds above 0")
    if not -1000 <= options.oom_score_adj <= 1000:  # noqa: PLR2004
        raise InvalidArgumentError(
            f"Invalid value {options.oom_score_adj}, range for oom score adj is [-1000, 1000]"
        )
    namespaces.check(options)


def _creator() -> str:
    """Pid and start time of this process: together they are never used twice (proc(5), field 22 of stat)."""
    global _self  # noqa: PLW0603 -- the same until a fork, and reading it costs 40 us
    pid = os.getpid()
    if _self is None or _self[0] != pid:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = (file.read(1024) or b"").rpartition(b")")[2].split()
        _self = (pid, f"{pid}:{fields[19].decode()}")
    return _self[1]


_self: tuple[int, str] | None = None


def _insert(
    engine: Engine,
    id: str,  # noqa: A002
    name: str | None,
    image_id: str,
    config: ContainerConfig,
) -> ContainerRow:
    """Write the row and make the directory in one transaction: others see both or neither."""
    from rocker.engine.catalog import ContainerRow

    options = config.options
    row = ContainerRow(
        id=id,
        name=name or generate(),
        image_id=image_id,
        image_ref=options.image or options.rootfs or "",
        created_ns=time.time_ns(),
        auto_remove=options.auto_remove,
        config=config.encode(),
    )
    for attempt in range(1, _NAME_ATTEMPTS):
        try:
            with engine.catalog.write():
                engine.catalog.insert_container(row)
                make_directory(engine.directory(id))
        except NameInUseError:
            if name is not None:
                raise
            row.name = generate(attempt)
        else:
            return row
    raise NameInUseError("no free name could be made up", hint="give one with --name")


def make_directory(path: str) -> None:
    """Make a container's directory.

    Raises:
        NoSpaceError, SystemCallError: it cannot be made.
    """
    try:
        os.mkdir(path, 0o700)
    except OSError as error:
        from rocker.engine.failure import from_os

        raise from_os(error, "make the container's directory") from error
