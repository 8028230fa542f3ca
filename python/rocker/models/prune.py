"""Answers of the prunes and of `system df`, in the shapes of the Docker Engine API. Imported by type checkers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from rocker.models.container import ContainerSummary
    from rocker.models.image import ImageSummary, Removal
    from rocker.models.volume import VolumeUsage


class ContainersPruned(TypedDict):
    """`POST /containers/prune`; `SpaceReclaimed` is bytes."""

    ContainersDeleted: list[str]
    SpaceReclaimed: int


class ImagesPruned(TypedDict):
    """`POST /images/prune`; `SpaceReclaimed` is bytes."""

    ImagesDeleted: list[Removal]
    SpaceReclaimed: int


class DiskUsage(TypedDict):
    """`GET /system/df`; `LayersSize` is the bytes of all layers, each counted once; nothing is built, or kept of it."""

    LayersSize: int
    Images: list[ImageSummary]
    Containers: list[ContainerSummary]
    Volumes: list[VolumeUsage]
    BuildCache: list[dict[str, Any]]
