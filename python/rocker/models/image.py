"""Images as the Docker Engine API (1.41 to 1.50) describes them. Imported by type checkers only."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class RootFS(TypedDict):
    """`RootFS` of `inspect`: the diffIDs, lowest first."""

    Type: str
    Layers: list[str]


class ImageSummary(TypedDict):
    """One row of `GET /images/json`; `Created` is in seconds since the epoch, sizes are bytes."""

    Id: str
    ParentId: str
    RepoTags: list[str]
    RepoDigests: list[str]
    Created: int
    Size: int
    SharedSize: int
    VirtualSize: int
    Labels: dict[str, str] | None
    Containers: int


class ImageInspect(TypedDict):
    """`GET /images/{name}/json`; `Created` is RFC 3339, sizes are bytes."""

    Id: str
    RepoTags: list[str]
    RepoDigests: list[str]
    Parent: str
    Comment: str
    Created: str
    DockerVersion: str
    Author: str
    Config: dict[str, Any]
    Architecture: str
    Variant: NotRequired[str]
    Os: str
    Size: int
    VirtualSize: int
    GraphDriver: dict[str, Any]
    RootFS: RootFS
    Metadata: dict[str, str]


class HistoryItem(TypedDict):
    """One row of `GET /images/{name}/history`, newest first; `Created` is in seconds since the epoch."""

    Id: str
    Created: int
    CreatedBy: str
    Tags: list[str] | None
    Size: int
    Comment: str


class Removal(TypedDict):
    """One row of the answer of `DELETE /images/{name}`; one of the two."""

    Untagged: NotRequired[str]
    Deleted: NotRequired[str]
