"""`system df`: what lies on the disk, and for whom."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.engine import Engine
    from rocker.models.image import ImageSummary
    from rocker.models.prune import DiskUsage
    from rocker.models.volume import VolumeUsage


def usage(engine: Engine) -> DiskUsage:
    """Return what images, containers and volumes take; see `Engine.disk_usage`."""
    from rocker.engine.list import rows

    sizes = {
        str(name): int(str(size)) for name, size in engine.catalog.query("SELECT diff_id, size FROM layers")
    }
    return {
        "LayersSize": sum(sizes.values()),
        "Images": _images(engine, sizes),
        "Containers": rows(engine, all=True, filters=None, limit=None, size=True),
        "Volumes": _volumes(engine),
        "BuildCache": [],
    }


def _images(engine: Engine, sizes: dict[str, int]) -> list[ImageSummary]:
    """All images, with the bytes that each shares with others."""
    layers: dict[str, set[str]] = {}
    users: dict[str, int] = {}
    for image_id, diff_id in engine.catalog.query("SELECT DISTINCT image_id, diff_id FROM image_layers"):
        layers.setdefault(str(image_id), set()).add(str(diff_id))
        users[str(diff_id)] = users.get(str(diff_id), 0) + 1
    found = engine.images.list()
    for image in found:
        image["SharedSize"] = sum(
            sizes.get(layer, 0) for layer in layers.get(image["Id"], ()) if users[layer] > 1
        )
    return found


def _volumes(engine: Engine) -> list[VolumeUsage]:
    from rocker.engine.size import tree_size

    counted = engine.catalog.query(
        "SELECT volume, count(DISTINCT container_id) FROM volume_uses GROUP BY volume"
    )
    users = {str(volume): int(str(count)) for volume, count in counted}
    return [
        {
            **volume.inspect(),
            "UsageData": {"RefCount": users.get(volume.name, 0), "Size": tree_size(volume.mountpoint)},
        }
        for volume in engine.volumes.list()
    ]
