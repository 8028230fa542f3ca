"""`push`: images from the store to a registry.

An image that came with a manifest goes with it, byte for byte, so that it has the same digest everywhere. For others
one is made; their plain layers are compressed first, and the store keeps the compressed form from then on, with the
manifest.
"""

from __future__ import annotations

import json
import os

from rocker.engine.catalog_errors import from_os
from rocker.errors import (
    ConflictError,
    CorruptError,
    DeniedError,
    ImageNotFoundError,
    InvalidArgumentError,
    RockerError,
    UnsupportedError,
)
from rocker.images.crew import Crew
from rocker.images.media_types import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
)
from rocker.images.progress import SILENT, Progress
from rocker.images.reference import Reference
from rocker.images.store import Store
from rocker.images.upload import upload
from rocker.registry.client import Client
from rocker.registry.conf import Conf
from rocker.registry.errors import RefusedError
from rocker.registry.source import sources
from rocker.registry.transport import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.catalog import Catalog
    from rocker.images.images import Image, ImageService, Layer
    from rocker.images.store import Draft

PARALLEL = 5
"""Layers at a time, as Docker's daemon."""
_GZIP, _ZSTD = "gzip", "zstd"


class Pushed:
    """What one name became at its registry."""

    __slots__ = ("digest", "image_id", "reference")

    def __init__(self, reference: Reference, digest: str, image_id: str) -> None:
        self.reference = reference
        self.digest = digest
        self.image_id = image_id


def push(
    service: ImageService, text: str, *, all_tags: bool = False, progress: Progress = SILENT
) -> list[Pushed]:
    """Bring an image, or all tags of a repository, to the registry that the name says.

    Args:
        service: where from.
        text: `[registry/]name[:tag]`; with `all_tags` without tag.
        all_tags: every tag of this name that is here.
        progress: is told of the states in Docker's words.

    Raises:
        ImageNotFoundError: no image has this name. InvalidArgumentError: it is a digest.
        DeniedError: the registry refuses. RegistryError: it cannot be reached, or answers wrongly.
    """
    bare = Reference.parse(text, default_tag=False)
    if bare.digest is not None:
        raise InvalidArgumentError("cannot push a digest reference")
    if all_tags and bare.tag is not None:
        raise InvalidArgumentError("tag can't be used with --all-tags/-a")
    names = _names(service, Reference.parse(text), all_tags=all_tags)
    conf = Conf.read()
    source = sources(names[0], conf, push=True)[0]
    progress.line(f"The push refers to repository [{bare.name}]")
    with Transport() as transport:
        client = Client(transport, source, conf, push=True)
        try:
            return [_Push(service, client, transport, name, progress).run() for name in names]
        except RefusedError as error:
            raise DeniedError(error.message, hint=error.hint or f"rocker login {bare.domain}") from error


def _names(service: ImageService, reference: Reference, *, all_tags: bool) -> list[Reference]:
    if all_tags:
        rows = service.catalog.query(
            "SELECT reference FROM tags WHERE reference >= ? AND reference < ? ORDER BY 1",
            (reference.name + ":", reference.name + ";"),
        )
        if rows:
            return [Reference.parse(str(row[0])) for row in rows]
    elif service.catalog.query("SELECT 1 FROM tags WHERE reference = ?", (str(reference),)):
        return [reference]
    rows = service.catalog.query(
        "SELECT 1 FROM tags WHERE reference >= ? AND reference < ? LIMIT 1",
        (reference.name + ":", reference.name + ";"),
    )
    if rows:
        raise ImageNotFoundError(f"tag does not exist: {reference.familiar}")
    raise ImageNotFoundError(
        f"An image does not exist locally with the tag: {reference.familiar_name}",
        hint=f"rocker tag IMAGE {reference.familiar}",
    )


class _Blob:
    """A layer on its way.

    Attributes:
        layer: as the store has it.
        digest, size, kind: of what is sent; `kind` is its compression.
        target: the file of the compressed form, if one is to be made.
    """

    def __init__(self, layer: Layer, kind: str, target: str) -> None:
        self.layer = layer
        self.digest = layer.blob
        self.size = layer.blob_size
        self.kind = kind
        self.target = target
        self.name = layer.diff_id.partition(":")[2][:12]


class _Push:
    """One name of one image."""

    def __init__(
        self,
        service: ImageService,
        client: Client,
        transport: Transport,
        reference: Reference,
        progress: Progress,
    ) -> None:
        self._service = service
        self._catalog: Catalog = service.catalog
        self._store = Store(service.catalog.root)
        self._client = client
        self._transport = transport
        self._reference = reference
        self._progress = progress
        self._origins: dict[str, list[str]] = {}

    def run(self) -> Pushed:
        image = self._service.get(str(self._reference))
        with self._store.draft(self._catalog) as draft:
            own = self._own_manifest(image)
            blobs = self._blobs(image, draft, keep=own is not None)
            self._send(blobs, image)
            data = own if own is not None else self._make(image, blobs)
            kind = json.loads(data).get("mediaType") or OCI_MANIFEST
            digest = self._client.put_manifest(str(self._reference.tag), data, str(kind))
            self._keep(draft, image, blobs, data if own is None else None, digest)
        self._progress.line(f"{self._reference.tag}: digest: {digest} size: {len(data)}")
        return Pushed(self._reference, digest, image.id)

    def _own_manifest(self, image: Image) -> bytes | None:
        """The manifest that came with the image, unless it is only of an archive and names plain layers."""
        if image.manifest is None:
            return None
        known = any(name.digest is not None for name in self._service.references(image.id))
        if not known and any(_compression(layer.media_type) == "" for layer in image.layers):
            return None
        return self._store.read_document(image.manifest)

    def _blobs(self, image: Image, draft: Draft, *, keep: bool) -> list[_Blob]:
        """Each blob once."""
        found: dict[str, _Blob] = {}
        for layer in image.layers:
            kind = _compression(layer.media_type)
            if kind not in ("", _GZIP, _ZSTD) and not keep:
                raise UnsupportedError(
                    f"layer {layer.diff_id} is compressed by {kind}, which registries do not take"
                )
            if layer.blob in found:
                continue
            blob = found[layer.blob] = _Blob(layer, kind, "")
            self._progress.status(blob.name, "Preparing")
            if not kind and not keep and not self._is_compressed(blob):
                blob.target = draft.new_path()
        return list(found.values())

    def _is_compressed(self, blob: _Blob) -> bool:
        """Whether another image has this layer in compressed form: then that is sent."""
        rows = self._catalog.query(
            "SELECT blob, size FROM image_layers WHERE diff_id = ? AND media_type LIKE '%gzip' LIMIT 1",
            (blob.layer.diff_id,),
        )
        for digest, size in rows:
            blob.digest, blob.size, blob.kind = str(digest), int(str(size)), _GZIP
        return bool(rows)

    def _send(self, blobs: list[_Blob], image: Image) -> None:
        self._origins = {blob.digest: self._neighbours(blob.digest) for blob in blobs}
        crew = Crew(self._transport.abort)
        crew.run(blobs, self._send_one, PARALLEL)
        upload(self._client, self._store.blob_path(image.id), image.id, [], lambda _done, _total: None)

    def _send_one(self, blob: _Blob) -> None:
        path = self._store.blob_path(blob.digest)
        if blob.target:
            path = self._compress(blob, path)
        how = upload(
            self._client,
            path,
            blob.digest,
            self._origins.get(blob.digest, []),
            lambda done, total: self._progress.advance(blob.name, "Pushing", done, total),
        )
        self._progress.status(blob.name, how)

    def _compress(self, blob: _Blob, path: str) -> str:
        from rocker import _core

        try:
            source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                with open(blob.target, "xb", buffering=0) as out:
                    made = _core.layer_compress(source, out.fileno())
            finally:
                os.close(source)
        except OSError as error:
            if isinstance(error, RockerError):
                raise
            raise from_os(error, "compress a layer") from error
        if made["diff_id"] != blob.layer.diff_id:
            raise CorruptError(
                f"blob {blob.layer.blob} is damaged: its content has another digest", path=path
            )
        blob.digest, blob.size, blob.kind = str(made["digest"]), int(made["size"]), _GZIP
        return blob.target

    def _neighbours(self, blob: str) -> list[str]:
        """Other repositories of this registry that have, or had, a layer."""
        start = f"{self._reference.domain}/"
        rows = self._catalog.query(
            "SELECT DISTINCT reference FROM tags JOIN image_layers USING (image_id) "
            "WHERE blob = ? AND reference >= ? AND reference < ? AND reference LIKE '%@%' ORDER BY 1",
            (blob, start, start[:-1] + "0"),
        )
        paths = [Reference.parse(str(row[0])).path for row in rows]
        return [path for path in dict.fromkeys(paths) if path != self._reference.path]

    def _make(self, image: Image, blobs: list[_Blob]) -> bytes:
        """A manifest: Docker's schema 2, which every registry takes, unless a layer has a form that it lacks."""
        oci = any(blob.kind != _GZIP for blob in blobs)
        by_layer = {blob.layer.blob: blob for blob in blobs}
        size = os.stat(self._store.blob_path(image.id)).st_size
        layers = []
        for layer in image.layers:
            blob = by_layer[layer.blob]
            layers.append(
                {"mediaType": _media_type(blob.kind, oci=oci), "size": blob.size, "digest": blob.digest}
            )
        config = OCI_CONFIG if oci else DOCKER_CONFIG
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST if oci else DOCKER_MANIFEST,
            "config": {"mediaType": config, "size": size, "digest": image.id},
            "layers": layers,
        }
        return json.dumps(document, indent=3).encode()

    def _keep(self, draft: Draft, image: Image, blobs: list[_Blob], data: bytes | None, digest: str) -> None:
        """Remember the digest by name; and a manifest that was made, with the layers it names."""
        made = [blob for blob in blobs if blob.digest != blob.layer.blob]
        if data is not None:
            draft.add_bytes(data)
            for blob in made:
                if blob.target:
                    draft.adopt_blob(blob.target, blob.digest)
            draft.sync()
        with self._catalog.write() as db:
            known = db.execute("SELECT manifest FROM images WHERE id = ?", (image.id,)).fetchone()
            if known is None:
                raise ConflictError(f"image {image.short_id} was removed while it was pushed")
            if data is not None and known[0] == image.manifest:
                draft.publish([digest, *(blob.digest for blob in made)], [])
                db.execute("UPDATE images SET manifest = ? WHERE id = ?", (digest, image.id))
                for blob in made:
                    db.execute(
                        "UPDATE image_layers SET blob = ?, size = ?, media_type = ? WHERE image_id = ? AND blob = ?",
                        (blob.digest, blob.size, _media_type(_GZIP, oci=False), image.id, blob.layer.blob),
                    )
            db.execute(
                "INSERT INTO tags VALUES (?1, ?2) ON CONFLICT (reference) DO UPDATE SET image_id = ?2",
                (str(self._reference.with_digest(digest)), image.id),
            )
        if made:
            self._store.collect(self._catalog)


def _compression(media_type: str) -> str:
    """The compression that a layer's media type names; empty for a plain tar."""
    end = media_type.rpartition(".tar")[2].lstrip("+.")
    return end if media_type.rpartition(".tar")[1] else "an unknown form"


def _media_type(kind: str, *, oci: bool) -> str:
    if oci:
        return OCI_LAYER + (f"+{kind}" if kind else "")
    return DOCKER_LAYER
