"""The ids that containers with a user namespace of their own have on the host."""

from __future__ import annotations

STATEMENTS = (
    # Given back with the container's row, whoever dies when. Containers that share a namespace have the same range.
    """CREATE TABLE id_ranges (
        container_id TEXT PRIMARY KEY REFERENCES containers (id) ON DELETE CASCADE,
        start INTEGER NOT NULL,
        size INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX id_ranges_by_start ON id_ranges (start)",
)
