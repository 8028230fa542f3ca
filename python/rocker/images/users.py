"""Which containers use an image: those made from it, and those that show its files by a mount.

A mount is in the container's configuration, as JSON. The search for a text in it goes first: hardly any row has to be
read for an answer.
"""

from __future__ import annotations

from rocker.models.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.catalog import Catalog

_MOUNTS = (
    "FROM containers, json_each(containers.config, '$.mounts') AS mount "
    "WHERE instr(containers.config, ?1) AND json_extract(mount.value, '$.kind') = 'ImageMount' "
)


class User(Struct):
    """A container that uses an image.

    Attributes:
        id: 64 hex digits.
        name: its name.
        mounts: whether it is made from another image and only mounts this one.
    """

    id: str
    name: str
    mounts: bool = False

    def __str__(self) -> str:
        """As messages name it: Docker's short id, and the name where no other list leads to the container."""
        return f"{self.id[:12]} ({self.name})" if self.mounts else self.id[:12]


def users(catalog: Catalog, image_id: str) -> list[User]:
    """Return the containers made from an image (`sha256:<hex>`), newest first, then those that only mount it."""
    made = [User(row.id, row.name) for row in catalog.list_containers(image_id=image_id)]
    rows = catalog.query(
        f"SELECT DISTINCT containers.id, containers.name {_MOUNTS} "
        "AND json_extract(mount.value, '$.image') = ?1 AND image_id != ?1 ORDER BY created_ns DESC, containers.id",
        (image_id,),
    )
    return made + [User(str(row[0]), str(row[1]), True) for row in rows]


def counts(catalog: Catalog) -> dict[str, int]:
    """Return how many containers use each image; an image that none uses is left out."""
    made: Any = catalog.query("SELECT image_id, count(*) FROM containers GROUP BY image_id")
    mounted: Any = catalog.query(
        f"SELECT json_extract(mount.value, '$.image'), count(DISTINCT containers.id) {_MOUNTS} "
        "AND json_extract(mount.value, '$.image') != image_id GROUP BY 1",
        ('"ImageMount"',),
    )
    found: dict[str, int] = dict(made)
    for image_id, count in mounted:
        found[image_id] = found.get(image_id, 0) + count
    return found
