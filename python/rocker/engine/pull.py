"""An image that a container needs and that is not here; imported only then."""

from __future__ import annotations

from rocker.errors import ImageNotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.engine import Engine


def obtain(engine: Engine, reference: str, platform: str | None, *, missing: str | None) -> str:
    """Get an image from its registry; its id.

    Args:
        engine: where to; its `show_pull` makes what shows the progress.
        reference: the name as it was typed; it may be an alias of registries.conf, whose image may be here already.
        platform: as of `ImageService.pull`.
        missing: why what is here does not do, or None when it was not looked for.

    Raises:
        RockerError: as `ImageService.pull`.
    """
    from rocker.images.progress import Progress
    from rocker.images.reference import Reference
    from rocker.registry.conf import Conf
    from rocker.registry.source import expand_alias
    from rocker.registry.transport import ConnectError

    named = expand_alias(reference, Conf.read())
    if missing is not None and platform is None and str(named) != str(Reference.parse(reference)):
        try:
            return engine.images.resolve(str(named))[0]
        except ImageNotFoundError:
            pass
    progress = Progress() if engine.show_pull is None else engine.show_pull()
    with progress:
        if missing is not None:
            gone = missing.startswith("No such image")
            progress.line(f"Unable to find image '{named.familiar}' locally" if gone else missing)
        try:
            found = engine.images.pull(reference, platform=platform, progress=progress)[0]
        except ConnectError as error:
            error.hint = error.hint or (
                "rocker images lists those that are here; where no registry can be reached, import or load it first: "
                f"rocker import ROOTFS.tar {reference}"
            )
            raise
        progress.line(found.status)
    return found.image_id
