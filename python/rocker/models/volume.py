"""Volumes as the Docker Engine API (1.41 to 1.50) describes them. Imported by type checkers only."""

from __future__ import annotations

from typing import TypedDict


class VolumeInspect(TypedDict):
    """`GET /volumes/{name}`; `CreatedAt` is RFC 3339."""

    CreatedAt: str
    Driver: str
    Labels: dict[str, str] | None
    Mountpoint: str
    Name: str
    Options: dict[str, str] | None
    Scope: str


class UsageData(TypedDict):
    """How many containers use it, and the bytes of its files; what its driver mounts elsewhere counts nothing."""

    RefCount: int
    Size: int


class VolumeUsage(VolumeInspect):
    """One of `Volumes` of `GET /system/df`."""

    UsageData: UsageData


class VolumesPruned(TypedDict):
    """`POST /volumes/prune`; the space is bytes."""

    VolumesDeleted: list[str]
    SpaceReclaimed: int
