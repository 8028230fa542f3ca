"""`load`: images from a docker-archive, an OCI layout or both in one, in one pass over the archive.

Every member that is no small document goes to a draft as a blob, named by the digest of what was read;
then the documents say which of them are configurations and layers, and every digest they claim is compared.
Formats:
https://github.com/moby/moby/blob/master/image/spec/v1.2.md and
https://github.com/opencontainers/image-spec/blob/main/image-layout.md.
"""

from __future__ import annotations

import posixpath

from rocker.engine.catalog_errors import from_os
from rocker.errors import CorruptError, InvalidArgumentError
from rocker.images.config import MAX_LAYERS, ImageConfig, parse_json, parse_object
from rocker.images.digest import digits, is_hex, shown
from rocker.images.media_types import OCI_LAYER
from rocker.images.reference import Reference
from rocker.images.register import NewImage, NewLayer, register
from rocker.images.store import MAX_DOCUMENT, Draft, Store
from rocker.images.tar_reader import members

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Any, BinaryIO

    from rocker.engine.catalog import Catalog
    from rocker.images.tar_reader import Member

_DOCUMENTS = frozenset(("manifest.json", "index.json", "oci-layout"))
_BLOBS = "blobs/sha256/"
_MAX_IMAGES = 1000
_MAX_NESTING = 4
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_MAGICS = (
    (b"\x1f\x8b", "+gzip"),
    (b"\x28\xb5\x2f\xfd", "+zstd"),
    (b"\xfd7zXZ\x00", "+xz"),
    (b"BZh", "+bzip2"),
)


class LoadedImage:
    """What `load` made visible.

    Attributes:
        id: `sha256:<hex>`.
        references: the names it was given; empty for an image without a name.
    """

    __slots__ = ("id", "references")

    def __init__(self, id: str, references: list[Reference]) -> None:  # noqa: A002
        self.id = id
        self.references = references

    def lines(self) -> list[str]:
        """What `docker load` prints for it."""
        if not self.references:
            return [f"Loaded image ID: {self.id}"]
        return [f"Loaded image: {reference.familiar}" for reference in self.references]


def load(catalog: Catalog, source: int | str | os.PathLike[str]) -> list[LoadedImage]:
    """Load all images of an archive; either all become visible or none.

    Args:
        catalog: where to.
        source: a path, or a file descriptor, which stays open and need not be seekable.

    Raises:
        CorruptError: it is no such archive, it is damaged, or something in it is not what its digest says.
        NoSpaceError: it does not fit.
        UnsupportedError: it is compressed with zstd, and neither Python nor the system can read that.
    """
    store = Store(catalog.root)
    store.collect(catalog)
    try:
        stream = _open(source)
    except OSError as error:
        raise from_os(error, "open the archive") from error
    with stream, store.draft(catalog) as draft:
        images = _Archive(draft, stream).images()
        register(catalog, draft, images)
    return [LoadedImage(image.id, image.references) for image in images]


def _open(source: int | str | os.PathLike[str]) -> BinaryIO:
    if isinstance(source, int):
        return open(source, "rb", closefd=False)
    return open(source, "rb")


class _Archive:
    """An archive whose members are in the draft.

    Attributes:
        documents: the few that are read by name.
        files: digest and size of every other file, by normalised name.
        links: target of every link, by normalised name.
    """

    def __init__(self, draft: Draft, stream: BinaryIO) -> None:
        self.draft = draft
        self.documents: dict[str, bytes] = {}
        self.files: dict[str, tuple[str, int]] = {}
        self.links: dict[str, str] = {}
        with members(stream) as entries:
            for entry in entries:
                self._take(entry)

    def _take(self, entry: Member) -> None:
        name = _normal(entry.name)
        if entry.kind == "link":
            self.links[name] = _normal(entry.target)
        elif entry.content is None:
            return
        elif name in _DOCUMENTS:
            self.documents[name] = entry.content.read(MAX_DOCUMENT + 1)
            if len(self.documents[name]) > MAX_DOCUMENT:
                raise CorruptError(f"archive: {name} is longer than {MAX_DOCUMENT} bytes")
        else:
            digest, size = self.draft.add_blob(entry.content)
            if name.startswith(_BLOBS) and digest != f"sha256:{name[len(_BLOBS) :]}":
                raise CorruptError(f"archive: {shown(name)} is damaged: its content has digest {digest}")
            self.files[name] = (digest, size)

    def images(self) -> list[NewImage]:
        """The images the documents describe, layers unpacked."""
        if "manifest.json" in self.documents:
            return self._docker_images()
        if "index.json" in self.documents:
            return self._oci_images()
        raise CorruptError(
            "archive: it has neither manifest.json nor index.json",
            hint="`rocker import` makes an image from the archive of a root file system",
        )

    # --- docker-archive ---

    def _docker_images(self) -> list[NewImage]:
        entries = parse_json(self.documents["manifest.json"], "manifest.json")
        if not isinstance(entries, list) or not 0 < len(entries) <= _MAX_IMAGES:
            raise CorruptError(f"manifest.json: expected a list of 1 to {_MAX_IMAGES} images")
        manifests = self._manifests_by_config()
        return [self._docker_image(entry, manifests) for entry in entries]

    def _docker_image(self, entry: Any, manifests: dict[str, str]) -> NewImage:
        if not isinstance(entry, dict):
            raise CorruptError(f"manifest.json: expected an object, found {shown(entry)}")
        name = entry.get("Config")
        names = entry.get("Layers") or []
        tags = entry.get("RepoTags") or []
        if not isinstance(name, str) or not isinstance(names, list) or not isinstance(tags, list):
            raise CorruptError("manifest.json: Config must be a name, Layers and RepoTags lists")
        config_id, _ = self._file(name)
        claimed = name.removesuffix(".json").rpartition("/")[2]
        if is_hex(claimed) and config_id != f"sha256:{claimed}":
            raise CorruptError(f"archive: {shown(name)} is damaged: its content has digest {config_id}")
        layers = [self._file(layer) for layer in names]
        return self._image(config_id, layers, [_tag(tag) for tag in tags], manifests.get(config_id))

    def _manifests_by_config(self) -> dict[str, str]:
        """The combined form's manifests, to be kept; an archive without an index has none."""
        if "index.json" not in self.documents:
            return {}
        found = {}
        for digest, _ in self._index_entries():
            config = self._manifest(digest).get("config")
            if isinstance(config, dict) and isinstance(config.get("digest"), str):
                found[config["digest"]] = digest
        return found

    def _file(self, name: Any) -> tuple[str, int]:
        """Digest and size of the file that a document names, through the archive's own links."""
        if not isinstance(name, str):
            raise CorruptError(f"manifest.json: expected a name, found {shown(name)}")
        path = _normal(name)
        for _ in range(_MAX_NESTING):
            if path in self.files:
                return self.files[path]
            if path not in self.links:
                break
            path = self.links[path]
        raise CorruptError(f"archive: {shown(name)} is missing")

    # --- OCI layout ---

    def _oci_images(self) -> list[NewImage]:
        layout = parse_object(self.documents.get("oci-layout", b"{}"), "oci-layout")
        version = layout.get("imageLayoutVersion", "1.0.0")
        if not isinstance(version, str) or not version.startswith("1."):
            raise CorruptError(f"oci-layout: unknown version {shown(version)}")
        images: dict[str, NewImage] = {}
        for digest, references in self._index_entries():
            known = images.get(digest)
            if known is not None:
                known.references.extend(new for new in references if new not in known.references)
                continue
            images[digest] = self._oci_image(digest, references)
        if not images:
            raise CorruptError("index.json: it names no image for this host's platform")
        return list(images.values())

    def _oci_image(self, digest: str, references: list[Reference]) -> NewImage:
        manifest = self._manifest(digest)
        config = _descriptor(manifest.get("config"), "config")
        layers = manifest.get("layers")
        if not isinstance(layers, list):
            raise CorruptError(f"manifest {digest}: layers must be a list")
        blobs = [self._blob(_descriptor(layer, "layer")) for layer in layers]
        return self._image(self._blob(config)[0], blobs, references, digest)

    def _manifest(self, digest: str) -> dict[str, Any]:
        manifest = parse_object(self.draft.read_document(digest), f"manifest {digest}")
        if "manifests" in manifest and ("layers" in manifest or "config" in manifest):
            raise CorruptError(f"manifest {digest}: it is an index and a manifest at once")
        return manifest

    def _blob(self, digest: str) -> tuple[str, int]:
        return self._file(_BLOBS + digits(digest))

    def _index_entries(self) -> list[tuple[str, list[Reference]]]:
        """Digest and names of each image manifest in `index.json` and the indexes below it."""
        index = parse_object(self.documents["index.json"], "index.json")
        return self._entries_of(index, "index.json", [], _MAX_NESTING)

    def _entries_of(
        self, index: dict[str, Any], what: str, inherited: list[Reference], depth: int
    ) -> list[tuple[str, list[Reference]]]:
        manifests = index.get("manifests")
        if "layers" in index or "config" in index or not isinstance(manifests, list):
            raise CorruptError(f"{what}: it is no image index")
        if depth == 0 or len(manifests) > _MAX_IMAGES:
            raise CorruptError(f"{what}: more than {_MAX_NESTING} levels or {_MAX_IMAGES} entries")
        found = []
        for entry in manifests:
            digest = _descriptor(entry, what)
            references = _annotated(entry) or inherited
            if _BLOBS + digits(digest) not in self.files or not _is_for_host(entry):
                # `docker save` of one platform keeps the index with the others' descriptors.
                continue
            document = self._manifest(digest)
            if "manifests" in document:
                found += self._entries_of(document, f"index {digest}", references, depth - 1)
            else:
                found.append((digest, references))
        return found

    # --- both ---

    def _image(
        self,
        config_id: str,
        blobs: list[tuple[str, int]],
        references: list[Reference],
        manifest: str | None,
    ) -> NewImage:
        data = self.draft.read_document(config_id)
        diff_ids = ImageConfig.from_json(data).diff_ids
        if len(diff_ids) != len(blobs) or len(blobs) > MAX_LAYERS:
            raise CorruptError(
                f"image {config_id}: {len(blobs)} layers, its configuration names {len(diff_ids)}"
            )
        layers = []
        for (blob, blob_size), diff_id in zip(blobs, diff_ids, strict=True):
            _, size = self.draft.add_layer(blob, diff_id)
            media_type = layer_media_type(self.draft.blob_path(blob))
            layers.append(NewLayer(diff_id, size, blob, blob_size, media_type))
        return NewImage(config_id, data, layers, references, manifest=manifest)


def layer_media_type(path: str) -> str:
    """OCI media type of a layer archive, by its magic."""
    with open(path, "rb") as file:
        head = file.read(6)
    return next((OCI_LAYER + suffix for magic, suffix in _MAGICS if head.startswith(magic)), OCI_LAYER)


def _normal(name: str) -> str:
    """A member's name without `./`; only ever a key, but one that leaves the archive is hostile."""
    normal = posixpath.normpath(name)
    if normal.startswith(("/", "../")) or normal == ".." or "\0" in normal:
        raise CorruptError(f"archive: a name that leaves it: {shown(name)}")
    return normal


def _tag(text: Any) -> Reference:
    if not isinstance(text, str):
        raise CorruptError(f"archive: invalid name of an image: {shown(text)}")
    try:
        reference = Reference.parse(text)
    except InvalidArgumentError as error:
        raise CorruptError(f"archive: invalid name of an image: {shown(text)}: {error}") from error
    if reference.digest is not None or reference.tag is None:
        raise CorruptError(f"archive: invalid tag {shown(text)}")
    return reference


def _annotated(entry: dict[str, Any]) -> list[Reference]:
    """The name a descriptor carries, if it is one: `ref.name` may be a bare tag, which names no image."""
    annotations = entry.get("annotations")
    if not isinstance(annotations, dict):
        return []
    for key in _NAMES:
        text = annotations.get(key)
        if isinstance(text, str) and (":" in text or "/" in text):
            try:
                reference = Reference.parse(text)
            except InvalidArgumentError:
                continue
            return [reference] if reference.tag and not reference.digest else []
    return []


def _descriptor(entry: Any, what: str) -> str:
    """The digest of a descriptor."""
    if not isinstance(entry, dict):
        raise CorruptError(f"{what}: expected a descriptor, found {shown(entry)}")
    digits(entry.get("digest"), what)
    return str(entry["digest"])


def _is_for_host(entry: dict[str, Any]) -> bool:
    """Attestations and other systems' images are not loaded; another architecture is, the engine warns."""
    platform = entry.get("platform")
    return not isinstance(platform, dict) or platform.get("os", "linux") == "linux"
