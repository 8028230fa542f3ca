"""`save`: images as a tar that is an OCI layout and a docker-archive at once, as Docker 25 and later do.

The layers are the blobs that came, byte for byte. The archive of the same images is the same, byte for byte.
"""

from __future__ import annotations

import json

from rocker.engine.catalog_errors import from_os
from rocker.images.digest import of_bytes
from rocker.images.media_types import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    import tarfile
    from typing import Any, BinaryIO

    from rocker.engine.catalog import Catalog
    from rocker.images.images import Image
    from rocker.images.reference import Reference
    from rocker.images.store import Store


def save(catalog: Catalog, refs: list[str], target: int) -> list[str]:
    """Write images to the file descriptor `target`, which stays open and need not be seekable; their ids.

    Args:
        catalog: where from.
        refs: names (with their tag), ids or prefixes of ids; a name without a tag means all its tags.
        target: a file descriptor.

    Raises:
        ImageNotFoundError: there is no such image; nothing has been written then.
        CorruptError: what the store has is damaged.
    """
    import tarfile

    from rocker.images.images import ImageService
    from rocker.images.store import Store

    chosen = _choose(ImageService(catalog), refs)
    writer = _Writer(Store(catalog.root))
    try:
        with (
            open(target, "wb", closefd=False) as out,
            tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive,
        ):
            writer.write(archive, chosen)
    except OSError as error:
        raise from_os(error, "write the archive") from error
    return [image.id for image, _ in chosen]


def _choose(service: Any, refs: list[str]) -> list[tuple[Image, list[Reference]]]:
    """Each image once, with the names it is to have in the archive."""
    chosen: dict[str, tuple[Image, list[Reference]]] = {}
    for ref in refs:
        for image, names in service.select(ref):
            known = chosen.setdefault(image.id, (image, []))[1]
            known.extend(name for name in names if name not in known)
    return list(chosen.values())


class _Writer:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: set[str] = set()

    def write(self, archive: tarfile.TarFile, images: list[tuple[Image, list[Reference]]]) -> None:
        _directory(archive, "blobs")
        _directory(archive, "blobs/sha256")
        entries: list[dict[str, Any]] = []
        index: list[dict[str, Any]] = []
        repositories: dict[str, dict[str, str]] = {}
        for image, names in images:
            manifest = self._manifest(image)
            self._image(archive, image, manifest)
            index += _index_entries(manifest, names)
            entries.append(_docker_entry(image, names))
            for name in names:
                top = image.layers[-1].diff_id if image.layers else image.id
                repositories.setdefault(name.familiar_name, {})[str(name.tag)] = top.removeprefix("sha256:")
        _document(archive, "index.json", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": index})
        _document(archive, "manifest.json", entries)
        _document(archive, "oci-layout", {"imageLayoutVersion": "1.0.0"})
        _document(archive, "repositories", repositories)

    def _image(self, archive: tarfile.TarFile, image: Image, manifest: bytes) -> None:
        for layer in image.layers:
            self._blob(archive, layer.blob)
        self._small(archive, image.id, self._store.read_document(image.id))
        self._small(archive, of_bytes(manifest), manifest)

    def _manifest(self, image: Image) -> bytes:
        """The manifest that came with the image, else one made of what is known."""
        if image.manifest is not None:
            return self._store.read_document(image.manifest)
        config = self._store.read_document(image.id)
        layers = [
            {"mediaType": layer.media_type, "digest": layer.blob, "size": layer.blob_size}
            for layer in image.layers
        ]
        return _json(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": {"mediaType": OCI_CONFIG, "digest": image.id, "size": len(config)},
                "layers": layers,
            }
        )

    def _small(self, archive: tarfile.TarFile, digest: str, data: bytes) -> None:
        if digest not in self._written:
            self._written.add(digest)
            _bytes(archive, _name(digest), data)

    def _blob(self, archive: tarfile.TarFile, digest: str) -> None:
        if digest in self._written:
            return
        self._written.add(digest)
        with open(self._store.blob_path(digest), "rb") as file:
            archive.addfile(_header(_name(digest), _size(file)), file)


def _index_entries(manifest: bytes, names: list[Reference]) -> list[dict[str, Any]]:
    kind = str(json.loads(manifest).get("mediaType") or OCI_MANIFEST)
    entry: dict[str, Any] = {"mediaType": kind, "digest": of_bytes(manifest), "size": len(manifest)}
    return [
        {
            **entry,
            "annotations": {
                "io.containerd.image.name": str(name),
                "org.opencontainers.image.ref.name": str(name.tag),
            },
        }
        for name in names
    ] or [entry]


def _docker_entry(image: Image, names: list[Reference]) -> dict[str, Any]:
    sources = {
        layer.diff_id: {"mediaType": layer.media_type, "size": layer.blob_size, "digest": layer.blob}
        for layer in image.layers
    }
    return {
        "Config": _name(image.id),
        "RepoTags": [name.familiar for name in names] or None,
        "Layers": [_name(layer.blob) for layer in image.layers],
        "LayerSources": sources,
    }


def _name(digest: str) -> str:
    return "blobs/sha256/" + digest.removeprefix("sha256:")


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _document(archive: tarfile.TarFile, name: str, value: object) -> None:
    _bytes(archive, name, _json(value))


def _bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    import io

    archive.addfile(_header(name, len(data)), io.BytesIO(data))


def _size(file: BinaryIO) -> int:
    import os

    return os.fstat(file.fileno()).st_size


def _header(name: str, size: int) -> tarfile.TarInfo:
    import tarfile

    header = tarfile.TarInfo(name)
    header.size = size
    return header


def _directory(archive: tarfile.TarFile, name: str) -> None:
    import tarfile

    header = _header(name, 0)
    header.type = tarfile.DIRTYPE
    header.mode = 0o755
    archive.addfile(header)
