"""Volumes, and which containers use them."""

from __future__ import annotations

STATEMENTS = (
    # options, labels: JSON objects of texts; options are the driver's, empty for a plain directory.
    # anonymous: made for a container that gave no name.
    """CREATE TABLE volumes (
        name TEXT PRIMARY KEY,
        driver TEXT NOT NULL,
        options TEXT NOT NULL,
        labels TEXT NOT NULL,
        anonymous INTEGER NOT NULL,
        created_ns INTEGER NOT NULL
    ) WITHOUT ROWID""",
    # A volume in use cannot be deleted: the foreign key refuses it, whatever two processes do at once.
    # own: the container named no volume here, so that the volume goes with the last one of its users.
    """CREATE TABLE volume_uses (
        container_id TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
        target TEXT NOT NULL,
        volume TEXT NOT NULL REFERENCES volumes (name),
        own INTEGER NOT NULL,
        PRIMARY KEY (container_id, target)
    ) WITHOUT ROWID""",
    "CREATE INDEX volume_uses_by_volume ON volume_uses (volume)",
)
