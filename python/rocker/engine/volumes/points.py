"""Which volumes a container's mounts mean: the user's own, those of other containers, the image's."""

from __future__ import annotations

from rocker.engine.mounts import by_target
from rocker.engine.options import Bind, ImageMount, Tmpfs, VolumeMount
from rocker.engine.volumes.create import create, random_name
from rocker.engine.volumes.options import DRIVER, check, check_name
from rocker.errors import InvalidArgumentError
from rocker.parse.target import check_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocker.engine.config import ContainerConfig
    from rocker.engine.engine import Engine
    from rocker.engine.options import AnyMount

_SHARED = frozenset({"ro", "rw", "z", "Z"})


def resolve(engine: Engine, config: ContainerConfig) -> tuple[AnyMount, ...]:
    """Return all mounts of a container, every volume by its name and every image by its id; nothing is made yet.

    What the user mounts covers what other containers lend, and that covers the image's VOLUMEs (Docker's order).

    Raises:
        ContainerNotFoundError, ImageNotFoundError: one that is named is not there.
        InvalidArgumentError: a name, path or option is wrong.
    """
    found: dict[str, AnyMount] = {}
    for text in config.options.volumes_from:
        for mount in _lent(engine, text):
            found[mount.target] = mount
    nameless: list[VolumeMount] = []
    for target, mount in by_target(config.options.mounts).items():
        if isinstance(mount, VolumeMount) and not mount.name:
            nameless.append(_nameless(mount, target))
        else:
            found[target] = _named(engine, mount, target)
    nameless += [_nameless(VolumeMount(path), _of_image(path)) for path in config.volumes]
    for volume in nameless:
        found.setdefault(volume.target, volume)
    return tuple(found.values())


def _of_image(path: str) -> str:
    """Where a VOLUME of an image is: relative to the root, whatever it says (CVE-2022-23648)."""
    if "\0" in path:
        raise InvalidArgumentError(f"invalid volume of the image: {path!r}")
    return check_target("/" + path)


def _nameless(mount: VolumeMount, target: str) -> VolumeMount:
    name = random_name()
    check(name, mount.driver, mount.options)
    return mount.replace(name=name, target=target, subpath=_subpath(mount.subpath, target), own=True)


def _named(engine: Engine, mount: AnyMount, target: str) -> AnyMount:
    if isinstance(mount, VolumeMount):
        check(check_name(mount.name), mount.driver, mount.options)
        return mount.replace(target=target, subpath=_subpath(mount.subpath, target))
    if isinstance(mount, ImageMount):
        image = engine.images.get(mount.image).id
        return mount.replace(image=image, target=target, subpath=_subpath(mount.subpath, target))
    return mount.replace(target=target)


def _subpath(path: str, target: str) -> str:
    """A path below the volume. Links in it are the kernel's to follow, when it is mounted."""
    if path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise InvalidArgumentError(
            f'invalid mount config for type "volume": subpath must be a relative path within the volume: {path!r}',
            hint=f"in the mount of {target}",
        )
    return path


def _lent(engine: Engine, text: str) -> list[AnyMount]:
    """The binds and volumes of another container, for `--volumes-from NAME[:MODE]`."""
    name, _, mode = text.partition(":")
    if not name:
        raise InvalidArgumentError("volumes-from specification cannot be an empty string")
    words = mode.split(",") if mode else []
    if not _SHARED.issuperset(words) or len(words) != len(set(words)) or {"ro", "rw"}.issubset(words):
        raise InvalidArgumentError(f"invalid mode: {mode}", hint="write NAME:ro or NAME:rw")
    lender = engine.containers.get(name).config
    lent: list[AnyMount] = []
    for mount in lender.all_mounts:
        if isinstance(mount, Tmpfs):
            continue
        one = mount.replace(target=check_target(mount.target))
        if "ro" in words and isinstance(one, (Bind, VolumeMount)):
            one = one.replace(read_only=True)
        lent.append(one.replace(no_copy=True) if isinstance(one, VolumeMount) else one)
    return lent


def claim(engine: Engine, container: str, mounts: Sequence[AnyMount]) -> list[str]:
    """Make the volumes that are not there, and note that a container uses them: inside the transaction that adds it.

    Returns:
        The names of those that were made, for their events once the transaction has come to its end.

    Raises:
        NoSpaceError: there is no room for them.
    """
    made: list[str] = []
    for mount in mounts:
        if not isinstance(mount, VolumeMount):
            continue
        create(
            engine,
            mount.name,
            driver=mount.driver or DRIVER,
            options=mount.options,
            labels=mount.labels,
            anonymous=mount.own,
            made=made,
        )
        with engine.catalog.write() as db:
            db.execute(
                "INSERT INTO volume_uses VALUES (?, ?, ?, ?)",
                (container, mount.target, mount.name, mount.own),
            )
    return made
