"""Images, their layers and tags; containers."""

from __future__ import annotations

STATEMENTS = (
    # id: sha256:<hex> of the configuration; config: that document, byte for byte;
    # size: bytes of all layers, unpacked.
    """CREATE TABLE images (
        id TEXT PRIMARY KEY,
        config TEXT NOT NULL,
        size INTEGER NOT NULL,
        manifest TEXT,
        parent TEXT,
        added_ns INTEGER NOT NULL
    ) WITHOUT ROWID""",
    # form: 'tree' or 'erofs'; size: bytes of the tar.
    # How many images use a layer is a query over image_layers.
    """CREATE TABLE layers (
        diff_id TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        form TEXT NOT NULL
    ) WITHOUT ROWID""",
    # blob: digest of the layer as it came, compressed or not; size: of that blob.
    """CREATE TABLE image_layers (
        image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        diff_id TEXT NOT NULL REFERENCES layers (diff_id),
        blob TEXT NOT NULL,
        media_type TEXT NOT NULL,
        size INTEGER NOT NULL,
        PRIMARY KEY (image_id, position)
    ) WITHOUT ROWID""",
    "CREATE INDEX image_layers_by_diff_id ON image_layers (diff_id)",
    # reference: full form, docker.io/library/debian:latest or name@sha256:<hex>.
    """CREATE TABLE tags (
        reference TEXT PRIMARY KEY,
        image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
    ) WITHOUT ROWID""",
    "CREATE INDEX tags_by_image ON tags (image_id)",
    # image_id is no foreign key: a forced removal leaves the container with the id of an image that is gone.
    """CREATE TABLE containers (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        image_id TEXT NOT NULL,
        image_ref TEXT NOT NULL,
        created_ns INTEGER NOT NULL,
        auto_remove INTEGER NOT NULL,
        config TEXT NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX containers_by_image ON containers (image_id)",
)
