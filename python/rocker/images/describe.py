"""Images in the shapes of Docker's API."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.images.images import Image
    from rocker.images.reference import Reference
    from rocker.models.image import HistoryItem, ImageInspect, ImageSummary

_NEVER = "0001-01-01T00:00:00Z"


def summary(image: Image, references: list[Reference], containers: int) -> ImageSummary:
    """One row of `docker images`."""
    tags, digests = _names(references)
    return {
        "Id": image.id,
        "ParentId": image.parent,
        "RepoTags": tags,
        "RepoDigests": digests,
        "Created": seconds(image.config.created),
        "Size": image.size,
        "SharedSize": -1,
        "VirtualSize": image.size,
        "Labels": image.config.labels or None,
        "Containers": containers,
    }


def inspect(image: Image, references: list[Reference], layers: list[str]) -> ImageInspect:
    """`docker image inspect`; `layers` are the layer directories, lowest first."""
    tags, digests = _names(references)
    config = image.config
    found: ImageInspect = {
        "Id": image.id,
        "RepoTags": tags,
        "RepoDigests": digests,
        "Parent": image.parent,
        "Comment": _text(config.document, "comment") or _last_comment(config.document),
        "Created": config.created or _NEVER,
        "DockerVersion": _text(config.document, "docker_version"),
        "Author": config.author,
        "Config": config.document.get("config") or {},
        "Architecture": config.architecture,
        "Os": config.os,
        "Size": image.size,
        "VirtualSize": image.size,
        "GraphDriver": {"Name": "overlay2", "Data": _graph(layers)},
        "RootFS": {"Type": "layers", "Layers": [layer.diff_id for layer in image.layers]},
        "Metadata": {"LastTagTime": _NEVER},
    }
    if config.variant:
        found["Variant"] = config.variant
    return found


def history(image: Image, references: list[Reference]) -> list[HistoryItem]:
    """`docker history`: newest first; steps that made no layer have size 0."""
    sizes = iter([layer.size for layer in image.layers])
    steps = image.config.document.get("history")
    items: list[HistoryItem] = []
    for step in steps if isinstance(steps, list) else []:
        if not isinstance(step, dict):
            continue
        items.append(
            {
                "Id": "<missing>",
                "Created": seconds(_text(step, "created")),
                "CreatedBy": _text(step, "created_by"),
                "Tags": None,
                "Size": 0 if step.get("empty_layer") else next(sizes, 0),
                "Comment": _text(step, "comment"),
            }
        )
    items.reverse()
    if items:
        items[0]["Id"] = image.id
        items[0]["Tags"] = _names(references)[0] or None
    return items


def seconds(text: str) -> int:
    """Seconds since the epoch of an RFC 3339 time; 0 when it is none."""
    from datetime import datetime

    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        return 0


def _names(references: list[Reference]) -> tuple[list[str], list[str]]:
    tags = [name.familiar for name in references if name.digest is None]
    return tags, [name.familiar for name in references if name.digest is not None]


def _graph(layers: list[str]) -> dict[str, str]:
    if not layers:
        return {}
    data = {"UpperDir": layers[-1]}
    if len(layers) > 1:
        data["LowerDir"] = ":".join(reversed(layers[:-1]))
    return data


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _last_comment(document: dict[str, Any]) -> str:
    steps = document.get("history")
    last = steps[-1] if isinstance(steps, list) and steps else None
    return _text(last, "comment") if isinstance(last, dict) else ""
