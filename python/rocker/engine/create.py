"""`create`: an image, a name, a row and a directory. Nothing runs yet."""

from __future__ import annotations

import os
import time

from rocker.engine import birth, emit, launch, namespaces, process
from rocker.engine.find_image import find_image
from rocker.engine.names import check, generate
from rocker.engine.options import ImageMount, VolumeMount
from rocker.errors import InvalidArgumentError, NameInUseError, NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.catalog import ContainerRow
    from rocker.engine.config import ContainerConfig
    from rocker.engine.container import Container
    from rocker.engine.engine import Engine
    from rocker.engine.options import RunOptions
    from rocker.network.attach import Wanted

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
    if options.network == "host" and (options.ports or options.publish_all):
        engine.warn("Published ports are discarded when using host network mode")
    name = None if options.name is None else check(options.name)
    image_id, image = ("", None) if options.rootfs is not None else find_image(engine, options)
    config = process.merge(
        options, image, creator=birth.own() if will_start and options.auto_remove else None
    )
    if _may_have_userns(engine, options):
        from rocker.engine import userns

        config = config.replace(userns=userns.resolve(engine, options))
    id = os.urandom(32).hex()  # noqa: A001
    if (
        config.volumes
        or options.volumes_from
        or any(isinstance(mount, (VolumeMount, ImageMount)) for mount in options.mounts)
    ):
        from rocker.engine.volumes.points import resolve as resolve_volumes

        config = config.replace(mounts=resolve_volumes(engine, config))
    request = launch.build(engine, id, config, started=will_start, placed=False)
    bridged = request["network"]["mode"] == "bridge"
    wanted: Wanted = ()
    if bridged:
        from rocker.network.attach import resolve

        wanted = resolve(engine, options)
    row = _insert(engine, id, name, image_id, config, wanted)
    request["attributes"] = emit.attributes_of(row.name, config)
    emit.container(engine, "create", id, request["attributes"])
    if will_start and (bridged or config.userns):
        try:
            if bridged:
                from rocker.network.plan import complete

                complete(engine, id, config, request, name=row.name)
            if config.userns:
                from rocker.engine import userns

                userns.complete(engine, id, config, request)
        except BaseException:
            from rocker.engine.remove import discard

            discard(engine, id, volumes=True)
            raise
    return row, config, request


def _may_have_userns(engine: Engine, options: RunOptions) -> bool:
    """Whether user namespaces have to be thought of; where nobody speaks of them, one look at a file says no."""
    return (
        bool(options.userns)
        or any(getattr(mount, "idmap", False) for mount in options.mounts)
        or os.path.exists(f"{engine.root}/config.json")
    )


def check_options(options: RunOptions) -> None:
    """Refuse what contradicts itself, before anything is looked up.

    Raises:
        InvalidArgumentError, NotFoundError: so it is.
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
        _check_restart(options)
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


def _check_restart(options: RunOptions) -> None:
    from rocker.parse.restart import parse_restart

    if parse_restart(options.restart).name != "no" and options.auto_remove:
        raise InvalidArgumentError(
            "can't create 'AutoRemove' container with restart policy",
            hint="--rm removes the container at its first end: leave out one of the two",
        )


def _insert(  # noqa: PLR0917
    engine: Engine,
    id: str,  # noqa: A002
    name: str | None,
    image_id: str,
    config: ContainerConfig,
    networks: Wanted = (),
) -> ContainerRow:
    """Write the row, its endpoints, and make the directory in one transaction: others see all or nothing."""
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
    volumes: list[str] = []
    for attempt in range(1, _NAME_ATTEMPTS):
        try:
            with engine.catalog.write() as db:
                engine.catalog.insert_container(row)
                if config.mounts is not None:
                    from rocker.engine.volumes.points import claim

                    volumes = claim(engine, id, config.mounts)
                if config.userns:
                    from rocker.engine import userns

                    userns.insert(engine, db, id, config.userns)
                if networks:
                    from rocker.network.attach import insert

                    insert(engine, db, id, networks)
                make_directory(engine.directory(id))
        except NameInUseError:
            if name is not None:
                raise
            row.name = generate(attempt)
        else:
            if volumes:
                from rocker.engine.volumes.create import tell

                tell(engine, "create", volumes)
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
