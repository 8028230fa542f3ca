"""Removal of the images that nothing needs."""

from __future__ import annotations

from rocker.engine.prune import FILTERS, Chosen
from rocker.errors import ConflictError, ImageNotFoundError, InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.filters import Filters
    from rocker.images.images import ImageService
    from rocker.models.image import Removal
    from rocker.models.prune import ImagesPruned


def prune(service: ImageService, filters: Filters | None, *, all: bool) -> ImagesPruned:  # noqa: A002
    """Remove images that no container is made from or mounts; see `ImageService.prune`."""
    filters = dict(filters or {})
    dangling = filters.pop("dangling", None)
    if dangling is not None:
        all = not _truth(dangling if isinstance(dangling, str) else dangling[-1])  # noqa: A001
    chosen = Chosen(filters, (*FILTERS, "dangling"))
    before = _bytes(service)
    removed: list[Removal] = []
    for image in service.list():
        names = [*image["RepoTags"], *image["RepoDigests"]]
        if image["Containers"] or (names and not all):
            continue
        if chosen(image["Created"] * 10**9, image["Labels"] or {}):
            removed += _remove(service, image["Id"], names)
    space = max(0, before - _bytes(service))
    service.tell_pruned(space)
    return {"ImagesDeleted": removed, "SpaceReclaimed": space}


def _remove(service: ImageService, image_id: str, names: list[str]) -> list[Removal]:
    removed: list[Removal] = []
    try:
        for name in names:
            removed += service.remove(name)
        if not names:
            removed += service.remove(image_id)
    except (ConflictError, ImageNotFoundError):
        pass  # a container or another image uses it by now, or it went with the name before
    return removed


def _bytes(service: ImageService) -> int:
    rows = service.catalog.query("SELECT coalesce(sum(size), 0) FROM layers")
    return int(str(rows[0][0]))


def _truth(text: str) -> bool:
    from rocker.parse.number import parse_bool

    try:
        return parse_bool(text)
    except InvalidArgumentError:
        raise InvalidArgumentError(f"invalid filter 'dangling={text}'") from None
