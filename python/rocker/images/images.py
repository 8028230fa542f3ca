"""What can be done with images once they are in the store.

service.get("debian")      an Image, by name, id, digest or prefix of an id
service.layers(image)      its layer directories, lowest first, for the launch request
service.list, tag, history, inspect, remove
"""

from __future__ import annotations

from rocker.errors import ImageNotFoundError, InvalidArgumentError
from rocker.images.digest import is_digest, is_hex
from rocker.images.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from rocker.engine.catalog import Catalog
    from rocker.images.archive import LoadedImage
    from rocker.images.config import ImageConfig
    from rocker.images.manifest_list import ManifestLists
    from rocker.images.progress import Progress
    from rocker.images.pull import Pulled
    from rocker.images.push import Pushed
    from rocker.models.image import HistoryItem, ImageInspect, ImageSummary, Removal
    from rocker.models.prune import ImagesPruned

_HEX = frozenset("0123456789abcdef")
_SHA = "sha256:"
_LIST = "SELECT id, config, size, manifest, parent FROM images"


class Layer:
    """A layer of an image.

    Attributes:
        diff_id: digest of the tar; its tree is in `layers/sha256/<hex>`.
        blob: digest of the archive as it came.
        media_type: of that.
        blob_size: of that, bytes.
        size: of the tar, bytes.
    """

    __slots__ = ("blob", "blob_size", "diff_id", "media_type", "size")

    def __init__(self, diff_id: str, blob: str, media_type: str, blob_size: int, size: int) -> None:
        self.diff_id = diff_id
        self.blob = blob
        self.media_type = media_type
        self.blob_size = blob_size
        self.size = size


class Image:
    """An image as the catalogue knows it; its configuration is read when it is asked for.

    Attributes:
        id: `sha256:<hex>`.
        size: bytes of its layers' tars.
        manifest: digest of its manifest as it came, or None.
        parent: id of the image it was made from, or "".
        layers: lowest first.
    """

    __slots__ = ("_config", "_text", "id", "layers", "manifest", "parent", "size")

    def __init__(  # noqa: PLR0917 -- the order of the columns
        self,
        id: str,  # noqa: A002
        text: str,
        size: int,
        manifest: str | None,
        parent: str | None,
        layers: list[Layer],
    ) -> None:
        self.id = id
        self.size = size
        self.manifest = manifest
        self.parent = parent or ""
        self.layers = layers
        self._text = text
        self._config: ImageConfig | None = None

    @property
    def short_id(self) -> str:
        """The first 12 digits."""
        return self.id[len(_SHA) :][:12]

    @property
    def config(self) -> ImageConfig:
        """The image's defaults."""
        if self._config is None:
            from rocker.images.config import ImageConfig

            self._config = ImageConfig.from_json(self._text)
        return self._config

    def __repr__(self) -> str:
        return f"Image({self.short_id!r})"


class ImageService:
    """The images of one catalogue.

    Args:
        catalog: the catalogue.
        running: which of these container ids run; asked before an image is removed. Without it every
            container that uses an image counts as stopped.
        emit: called with action, id and attributes of each event; without it there are none.
    """

    def __init__(
        self,
        catalog: Catalog,
        running: Callable[[list[str]], set[str]] | None = None,
        emit: Callable[[str, str, dict[str, str]], None] | None = None,
    ) -> None:
        self.catalog = catalog
        self._running = running
        self._emit = emit

    def event(self, action: str, image_id: str, name: str | None = None) -> None:
        """Write an event of an image that is there: its labels, and its `name`, by default the id as Docker has it."""
        if self._emit is not None:
            self.tell(action, image_id, self.labels(image_id), name)

    def tell(self, action: str, image_id: str, labels: Mapping[str, str], name: str | None = None) -> None:
        """Write an event of an image that may have gone, with labels that were read before."""
        if self._emit is not None:
            self._emit(action, image_id, {**labels, "name": name or image_id})

    def tell_pruned(self, reclaimed: int) -> None:
        """Write the event of a prune."""
        if self._emit is not None:
            self._emit("prune", "", {"reclaimed": str(reclaimed)})

    def labels(self, image_id: str) -> Mapping[str, str]:
        """The labels of an image, named by its id; none when it has gone."""
        rows: list[Any] = self.catalog.query(f"{_LIST} WHERE id = ?", (image_id,))
        return self._with_layers(rows[0]).config.labels if rows else {}

    def import_(
        self,
        source: int | str | os.PathLike[str],
        reference: str | None = None,
        *,
        changes: Iterable[str] = (),
        message: str | None = None,
        platform: str | None = None,
    ) -> Image:
        """Make an image of a root file system; see `rocker.images.import_`."""
        from rocker.images.import_ import import_

        image_id = import_(
            self.catalog, source, reference, changes=changes, message=message, platform=platform
        )
        self.event("import", image_id)
        return self.get(image_id)

    def load(self, source: int | str | os.PathLike[str]) -> list[LoadedImage]:
        """Take the images of an archive into the store; see `rocker.images.archive`."""
        from rocker.images.archive import load

        loaded = load(self.catalog, source)
        for image in loaded:
            self.event("load", image.id)
        return loaded

    def pull(
        self,
        reference: str,
        *,
        platform: str | None = None,
        all_tags: bool = False,
        progress: Progress | None = None,
    ) -> list[Pulled]:
        """Get an image from its registry, or all tags of a repository; see `rocker.images.pull`."""
        from rocker.images.progress import SILENT
        from rocker.images.pull import pull

        found = pull(
            self.catalog, reference, platform=platform, all_tags=all_tags, progress=progress or SILENT
        )
        for one in found:
            name = one.reference
            self.tell("pull", name.familiar, self.labels(one.image_id), name.familiar_name)
        return found

    def push(
        self, reference: str, *, all_tags: bool = False, progress: Progress | None = None
    ) -> list[Pushed]:
        """Bring an image, or all tags of a repository, to its registry; see `rocker.images.push`."""
        from rocker.images.progress import SILENT
        from rocker.images.push import push

        found = push(self, reference, all_tags=all_tags, progress=progress or SILENT)
        for one in found:
            name = one.reference
            self.tell("push", name.familiar, self.labels(one.image_id), name.familiar_name)
        return found

    def manifests(self, *, insecure: bool = False) -> ManifestLists:
        """Manifests of registries, and lists of them; see `rocker.images.manifest_list`."""
        from rocker.images.manifest_list import ManifestLists

        return ManifestLists(self.catalog.root, insecure=insecure)

    def save(self, refs: list[str], target: int) -> None:
        """Write images to a file descriptor; see `rocker.images.save`."""
        from rocker.images.save import save

        for image_id in save(self.catalog, refs, target):
            self.event("save", image_id)

    def get(self, ref: str) -> Image:
        """The image with this id, else this name, else this beginning of an id.

        Raises:
            ImageNotFoundError: there is none.
            InvalidArgumentError: it is no valid name, or several ids begin so.
        """
        return self._image(self.resolve(ref)[0], ref)

    def resolve(self, ref: str) -> tuple[str, Reference | None]:
        """The id of an image, and the name it was found by, if it was by a name; raises as `get`."""
        if is_digest(ref) or is_hex(ref):
            found = self._by_prefix(ref.removeprefix(_SHA))
            if found:
                return found[0], None
            raise _no_such_image(ref if is_digest(ref) else _SHA + ref)
        reference: Reference | None = None
        if not ref.startswith(_SHA):
            reference = Reference.parse(ref)
            wanted = str(reference if reference.digest is None else reference.with_digest(reference.digest))
            rows = self.catalog.query("SELECT image_id FROM tags WHERE reference = ?", (wanted,))
            if rows:
                return str(rows[0][0]), reference
        prefix = ref.removeprefix(_SHA)
        found = self._by_prefix(prefix) if prefix and _HEX.issuperset(prefix) else []
        if len(found) > 1:
            raise InvalidArgumentError(
                f"multiple IDs found with provided prefix: {ref} ({', '.join(one[7:19] for one in found)})",
                hint="give more digits of the id, or a name",
            )
        if found:
            return found[0], None
        raise _no_such_image(reference.familiar if reference else ref)

    def _by_prefix(self, prefix: str) -> list[str]:
        start = _SHA + prefix
        # 'g' sorts right after the last hex digit, so the range holds the ids that begin with `prefix`.
        rows = self.catalog.query(
            "SELECT id FROM images WHERE id >= ? AND id < ? LIMIT 5", (start, start + "g")
        )
        return [str(row[0]) for row in rows]

    def _image(self, image_id: str, ref: str) -> Image:
        rows: list[Any] = self.catalog.query(f"{_LIST} WHERE id = ?", (image_id,))
        if not rows:
            raise _no_such_image(ref)
        return self._with_layers(rows[0])

    def _with_layers(self, row: Any) -> Image:
        layers: list[Any] = self.catalog.query(
            "SELECT diff_id, blob, media_type, image_layers.size, layers.size FROM image_layers "
            "JOIN layers USING (diff_id) WHERE image_id = ? ORDER BY position",
            (row[0],),
        )
        id_, text, size, manifest, parent = row
        return Image(id_, text, size, manifest, parent, [Layer(*layer) for layer in layers])

    def layers(self, image: Image) -> list[str]:
        """The image's layer directories relative to the data root, lowest first."""
        return ["layers/sha256/" + layer.diff_id[len(_SHA) :] for layer in image.layers]

    def references(self, image_id: str) -> list[Reference]:
        """The names of an image, sorted; those by digest too."""
        rows = self.catalog.query(
            "SELECT reference FROM tags WHERE image_id = ? ORDER BY reference", (image_id,)
        )
        return [Reference.parse(str(row[0])) for row in rows]

    def select(self, ref: str) -> list[tuple[Image, list[Reference]]]:
        """What `save` means by `ref`: an image, or all the tags of a repository; raises as `get`."""
        try:
            bare = Reference.parse(ref, default_tag=False)
        except InvalidArgumentError:
            bare = None
        if bare is not None and bare.tag is None and bare.digest is None:
            start = bare.name + ":"
            rows = self.catalog.query(
                "SELECT reference, image_id FROM tags WHERE reference >= ? AND reference < ? ORDER BY 1",
                (start, bare.name + ";"),
            )
            if rows:
                return [(self._image(str(row[1]), ref), [Reference.parse(str(row[0]))]) for row in rows]
        image_id, name = self.resolve(ref)
        names = [name] if name is not None and name.digest is None else []
        return [(self._image(image_id, ref), names)]

    def tag(self, ref: str, target: str) -> Reference:
        """Give an image one more name; a name that another image had moves to this one.

        Raises:
            ImageNotFoundError: there is no such image.
            InvalidArgumentError: `target` is no valid name, or has a digest.
        """
        reference = Reference.parse(target)
        if reference.digest is not None:
            raise InvalidArgumentError("refusing to create a tag with a digest reference")
        with self.catalog.write() as db:
            image_id, _ = self.resolve(ref)
            db.execute(
                "INSERT INTO tags VALUES (?1, ?2) ON CONFLICT (reference) DO UPDATE SET image_id = ?2",
                (str(reference), image_id),
            )
        self.event("tag", image_id, reference.familiar)
        return reference

    def remove(self, ref: str, *, force: bool = False, prune: bool = True) -> list[Removal]:
        """Remove a name, and the image with its last one; what was untagged and deleted, in order.

        Args:
            ref: name, id or prefix of an id.
            force: also when a stopped container uses it, or it has names in several repositories.
            prune: also parents that have no name.

        Raises:
            ImageNotFoundError: there is no such image.
            ConflictError: a container is made from it, or mounts it.
        """
        from rocker.images.remove import remove

        return remove(self, ref, force=force, prune=prune, running=self._running)

    def prune(
        self,
        filters: Mapping[str, Sequence[str] | str] | None = None,
        *,
        all: bool = False,  # noqa: A002 -- Docker's word
    ) -> ImagesPruned:
        """Remove images that no container uses: those without a name, or `all`.

        Args:
            filters: `until` (a time, or a duration back from now), `label`, `label!`, `dangling` (wins over `all`).
            all: whether those with names go too.

        Raises:
            InvalidArgumentError: a filter is unknown.
        """
        from rocker.images.prune import prune

        return prune(self, filters, all=all)

    def history(self, ref: str) -> list[HistoryItem]:
        """The steps an image was made in, newest first; raises as `get`."""
        from rocker.images.describe import history

        image = self.get(ref)
        return history(image, self.references(image.id))

    def inspect(self, ref: str) -> ImageInspect:
        """An image in Docker's shape; raises as `get`."""
        from rocker.images.describe import inspect

        image = self.get(ref)
        return inspect(
            image, self.references(image.id), [f"{self.catalog.root}/{path}" for path in self.layers(image)]
        )

    def list(self) -> list[ImageSummary]:
        """All images, newest first."""
        from rocker.images.describe import summary
        from rocker.images.users import counts

        images = [self._with_layers(row) for row in self.catalog.query(_LIST)]
        used = counts(self.catalog)
        found = [summary(image, self.references(image.id), used.get(image.id, 0)) for image in images]
        return sorted(found, key=lambda one: (-one["Created"], one["Id"]))


def _no_such_image(ref: str) -> ImageNotFoundError:
    return ImageNotFoundError(f"No such image: {ref}")
