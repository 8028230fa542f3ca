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


class VolumesPruned(TypedDict):
    """`POST /volumes/prune`; the space is bytes."""

    VolumesDeleted: list[str]
    SpaceReclaimed: int
