"""New images become visible: content and rows in one transaction."""

from __future__ import annotations

import time

from rocker.images.config import ImageConfig

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from rocker.engine.catalog import Catalog
    from rocker.images.reference import Reference
    from rocker.images.store import Draft


class NewLayer:
    """A layer of an image to be registered.

    Attributes:
        diff_id: digest of the tar.
        size: of the tar, bytes.
        blob: digest of the archive as it came.
        blob_size: of that, bytes.
        media_type: of that.
    """

    __slots__ = ("blob", "blob_size", "diff_id", "media_type", "size")

    def __init__(self, diff_id: str, size: int, blob: str, blob_size: int, media_type: str) -> None:
        self.diff_id = diff_id
        self.size = size
        self.blob = blob
        self.blob_size = blob_size
        self.media_type = media_type


class NewImage:
    """An image to be registered.

    Attributes:
        id: digest of its configuration.
        config: that document.
        layers: lowest first.
        references: its names.
        manifest: digest of its manifest as it came, or None.
        parent: id of the image it was made from, or None.
    """

    __slots__ = ("config", "id", "layers", "manifest", "parent", "references")

    def __init__(
        self,
        id: str,  # noqa: A002 -- the field's word
        config: bytes,
        layers: list[NewLayer],
        references: list[Reference],
        *,
        manifest: str | None = None,
        parent: str | None = None,
    ) -> None:
        ImageConfig.from_json(config)
        self.id = id
        self.config = config
        self.layers = layers
        self.references = references
        self.manifest = manifest
        self.parent = parent


def register(catalog: Catalog, draft: Draft, images: list[NewImage]) -> None:
    """Make images visible, all of them or none; a name that another image had moves to the new one."""
    draft.sync()
    with catalog.write() as db:
        for image in images:
            known = db.execute("SELECT 1 FROM images WHERE id = ?", (image.id,)).fetchone()
            if known is None:
                _insert(db, draft, image)
            for reference in image.references:
                db.execute(
                    "INSERT INTO tags VALUES (?1, ?2) ON CONFLICT (reference) DO UPDATE SET image_id = ?2",
                    (str(reference), image.id),
                )


def _insert(db: sqlite3.Connection, draft: Draft, image: NewImage) -> None:
    blobs = [image.id, *(layer.blob for layer in image.layers)]
    if image.manifest is not None:
        blobs.append(image.manifest)
    draft.publish(blobs, [layer.diff_id for layer in image.layers])
    size = sum(layer.size for layer in image.layers)
    db.execute(
        "INSERT INTO images (id, config, size, manifest, parent, added_ns) VALUES (?, ?, ?, ?, ?, ?)",
        (image.id, image.config.decode("utf-8"), size, image.manifest, image.parent, time.time_ns()),
    )
    for position, layer in enumerate(image.layers):
        db.execute("INSERT OR IGNORE INTO layers VALUES (?, ?, 'tree')", (layer.diff_id, layer.size))
        db.execute(
            "INSERT INTO image_layers VALUES (?, ?, ?, ?, ?, ?)",
            (image.id, position, layer.diff_id, layer.blob, layer.media_type, layer.blob_size),
        )
