"""`pull`: images from a registry into the store.

Manifest by name, index to manifest by platform, configuration, layers: each is checked against the digest that named
it, before anything is visible. All of an image becomes visible in one transaction, with its tag and its digest as
names.
"""

from __future__ import annotations

import os

from rocker.errors import (
    CorruptError,
    DeniedError,
    ImageNotFoundError,
    InvalidArgumentError,
    NoSpaceError,
    RegistryError,
    RockerError,
)
from rocker.images import manifest as formats
from rocker.images.config import ImageConfig
from rocker.images.fetch import Job, fetch
from rocker.images.progress import SILENT, Progress
from rocker.images.reference import Reference
from rocker.images.register import NewImage, NewLayer, register
from rocker.images.store import Store
from rocker.registry.client import Client
from rocker.registry.conf import Conf
from rocker.registry.errors import MissingError, RefusedError
from rocker.registry.source import expand_alias, sources
from rocker.registry.transport import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.catalog import Catalog
    from rocker.images.manifest import Descriptor
    from rocker.images.store import Draft

_MAX_NESTING = 4


class Pulled:
    """What one name brought.

    Attributes:
        reference: the name, completed.
        digest: of the manifest or index that the name led to.
        image_id: `sha256:<hex>`.
        is_new: whether the name led to another image before, or to none.
    """

    __slots__ = ("digest", "image_id", "is_new", "reference")

    def __init__(self, reference: Reference, digest: str, image_id: str, *, is_new: bool) -> None:
        self.reference = reference
        self.digest = digest
        self.image_id = image_id
        self.is_new = is_new

    @property
    def status(self) -> str:
        """Docker's line about it."""
        news = "Downloaded newer image" if self.is_new else "Image is up to date"
        return f"Status: {news} for {self.reference.familiar}"


def pull(
    catalog: Catalog,
    text: str,
    *,
    platform: str | None = None,
    all_tags: bool = False,
    progress: Progress = SILENT,
) -> list[Pulled]:
    """Get an image, or all tags of a repository.

    Args:
        catalog: where to.
        text: `[registry/]name[:tag][@digest]`; with `all_tags` without tag and digest.
        platform: `linux/arm64/v8` and the like; by default this machine's.
        all_tags: every tag of the repository.
        progress: is told of the states in Docker's words.

    Raises:
        InvalidArgumentError: the name or the platform is invalid; or a configuration file.
        ImageNotFoundError: the registry has no such image. DeniedError: not for this user.
        RegistryError: the registry cannot be reached, or answers wrongly.
        CorruptError: something is not what its digest says; nothing of it is kept.
    """
    conf = Conf.read()
    reference = expand_alias(text, conf)
    wanted = formats.Platform.parse(platform)
    if all_tags and (Reference.parse(text, default_tag=False).tag or reference.digest):
        raise InvalidArgumentError("tag can't be used with --all-tags/-a")
    Store(catalog.root).collect(catalog)
    places = sources(reference, conf)
    for source in places:
        with Transport() as transport:
            client = Client(transport, source, conf)
            puller = _Puller(catalog, client, reference, wanted, progress, transport)
            try:
                return puller.all_tags() if all_tags else [puller.one(reference)]
            except (RegistryError, ImageNotFoundError, DeniedError, CorruptError) as error:
                if source is places[-1]:
                    raise explain(error, reference) from error
    raise RegistryError(f"no registry to ask for {reference.familiar}")


def explain(error: RockerError, reference: Reference) -> RockerError:
    """A registry's refusal in the words that Docker has for it."""
    if isinstance(error, RefusedError):
        message = (
            f"pull access denied for {reference.familiar_name}, repository does not exist or may require "
            f"'docker login': {error.message}"
        )
        return DeniedError(message, hint=error.hint or f"rocker login {reference.domain}")
    if isinstance(error, MissingError):
        return ImageNotFoundError(
            f"manifest for {reference.familiar} not found: manifest unknown: {_last(error.message)}"
        )
    return error


def _last(message: str) -> str:
    return message.partition(": ")[2] or message


class _Puller:
    """One repository at one place."""

    def __init__(  # noqa: PLR0917
        self,
        catalog: Catalog,
        client: Client,
        reference: Reference,
        platform: formats.Platform,
        progress: Progress,
        transport: Transport,
    ) -> None:
        self.catalog = catalog
        self.client = client
        self.reference = reference
        self.platform = platform
        self.progress = progress
        self.transport = transport

    def all_tags(self) -> list[Pulled]:
        """Every tag of the repository, one after the other."""
        found = [self.one(self.reference.with_tag(tag)) for tag in self._tags()]
        if not found:
            raise MissingError(f"{self.reference.familiar_name}: the repository has no tags")
        return found

    def _tags(self) -> list[str]:
        from rocker.images.reference import is_tag

        return [tag for tag in self.client.tags() if is_tag(tag)]

    def one(self, reference: Reference) -> Pulled:
        """One name."""
        name = reference.digest or str(reference.tag)
        top = self.client.manifest(name)
        shown = reference.familiar if reference.digest else name
        self.progress.status(shown, f"Pulling from {reference.path}")
        what = f"manifest {name} of {reference.familiar_name}"
        data, digest, manifest = self._resolve(top.data, top.media_type, top.digest, what)
        manifest.check_image(what)
        names = [reference.with_digest(top.digest)]
        if reference.digest is None:
            names.append(reference)
        image_id, is_new = self._image(data, digest, manifest, names)
        self.progress.line(f"Digest: {top.digest}")
        return Pulled(reference, top.digest, image_id, is_new=is_new)

    def _resolve(
        self, data: bytes, media_type: str, digest: str, what: str
    ) -> tuple[bytes, str, formats.Manifest]:
        """From an index to the manifest for the platform."""
        for _ in range(_MAX_NESTING):
            document = formats.parse(data, media_type, what)
            if isinstance(document, formats.Manifest):
                return data, digest, document
            entry = document.choose(self.platform)
            found = self.client.manifest(entry.digest)
            if len(found.data) != entry.size:
                raise CorruptError(
                    f"{what}: manifest {entry.digest} has {len(found.data)} bytes, its index says {entry.size}"
                )
            data, media_type, digest = found.data, entry.media_type, entry.digest
        raise CorruptError(f"{what}: more than {_MAX_NESTING} indexes one below the other")

    def _image(
        self, data: bytes, digest: str, manifest: formats.Manifest, names: list[Reference]
    ) -> tuple[str, bool]:
        image_id = manifest.config.digest
        store = Store(self.catalog.root)
        with store.draft(self.catalog) as draft:
            if self.catalog.query("SELECT 1 FROM images WHERE id = ?", (image_id,)):
                is_new = not self._is_named(names[-1], image_id)
                config, layers = store.read_document(image_id), []
            else:
                is_new = True
                config = self.client.document(image_id, manifest.config.size, "the image's configuration")
                draft.add_bytes(config)
                layers = self._layers(draft, manifest, ImageConfig.from_json(config).diff_ids)
            draft.add_bytes(data)
            image = NewImage(image_id, config, layers, names, manifest=digest)
            register(self.catalog, draft, [image])
        return image_id, is_new

    def _is_named(self, name: Reference, image_id: str) -> bool:
        rows = self.catalog.query("SELECT image_id FROM tags WHERE reference = ?", (str(name),))
        return bool(rows) and rows[0][0] == image_id

    def _layers(self, draft: Draft, manifest: formats.Manifest, diff_ids: list[str]) -> list[NewLayer]:
        if len(diff_ids) != len(manifest.layers):
            raise CorruptError(
                f"the manifest names {len(manifest.layers)} layers, the configuration {len(diff_ids)}"
            )
        pairs = list(zip(manifest.layers, diff_ids, strict=True))
        sizes, jobs = self._plan(draft, pairs)
        _check_room(draft.path, sum(job.size for job in jobs.values()))
        fetch(self.client, list(jobs.values()), self.progress, self.transport.abort)
        for job in jobs.values():
            draft.adopt_blob(job.blob_path, job.digest)
            draft.adopt_layer(job.tree_path, job.diff_id)
            sizes[job.digest] = job.unpacked_size
        return [
            NewLayer(diff_id, sizes[layer.digest], layer.digest, layer.size, layer.media_type)
            for layer, diff_id in pairs
        ]

    def _plan(
        self, draft: Draft, pairs: list[tuple[Descriptor, str]]
    ) -> tuple[dict[str, int], dict[str, Job]]:
        """Sizes of the layers that are here, and what is to be fetched: each blob once."""
        sizes: dict[str, int] = {}
        jobs: dict[str, Job] = {}
        for layer, diff_id in pairs:
            known = jobs.get(layer.digest)
            if known is not None:
                if known.diff_id != diff_id or known.size != layer.size:
                    raise CorruptError(f"layer {layer.digest} is named twice, with different contents")
                continue
            size = draft.known_size(layer.digest, diff_id)
            job = Job(layer.digest, layer.size, diff_id, draft.new_path(), draft.new_path())
            if size is None:
                jobs[layer.digest] = job
                self.progress.status(job.name, "Pulling fs layer")
            else:
                sizes[layer.digest] = size
                self.progress.status(job.name, "Already exists")
        return sizes, jobs


def _check_room(path: str, wanted: int) -> None:
    """Say before the first byte that the layers do not even fit as they come.

    Raises:
        NoSpaceError: so it is.
    """
    found = os.statvfs(path)
    free = found.f_bavail * found.f_frsize
    if wanted > free:
        raise NoSpaceError(
            f"no space left: the image's layers are {wanted} bytes, {wanted - free} more than are free",
            hint="free some space, or choose another data root with --root",
            path=path,
        )
