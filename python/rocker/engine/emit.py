"""Events as they happen; what a shim sees happen it writes itself (`rust/runtime/src/shim/tell.rs`)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocker.engine.config import ContainerConfig
    from rocker.engine.engine import Engine
    from rocker.models.event import EventType

_FIRST_VERSION = frozenset(("container", "image"))
"""Types that also have the members of the API's first version."""


def emit(
    engine: Engine,
    kind: EventType,
    action: str,
    id: str,  # noqa: A002
    attributes: Mapping[str, str],
) -> None:
    """Write an event of this moment. One that cannot be written is lost: what happened has happened.

    Args:
        engine: where it happened.
        kind: what it happened to.
        action: Docker's word, such as `create`, `destroy`, `tag`, `mount`, `connect`.
        id: of what it happened to: an id, or the name of a volume.
        attributes: what is said of it: `name`, labels, and what belongs to the action.
    """
    import time

    from rocker.errors import RockerError

    try:
        engine.core.event_write(engine.run_root, line(kind, action, id, attributes, time.time_ns()))
    except RockerError:
        return


def line(
    kind: EventType,
    action: str,
    id: str,  # noqa: A002
    attributes: Mapping[str, str],
    now_ns: int,
) -> bytes:
    """Return an event as a line of the file: a message of `GET /events`."""
    from rocker.models.jsontext import encode

    message: dict[str, object] = {}
    if kind in _FIRST_VERSION:
        message = {"status": action, "id": id}
        if kind == "container" and "image" in attributes:
            message["from"] = attributes["image"]
    message["Type"] = kind
    message["Action"] = action
    message["Actor"] = {"ID": id, "Attributes": dict(sorted(attributes.items()))}
    message["scope"] = "local"
    message["time"] = now_ns // 10**9
    message["timeNano"] = now_ns
    return encode(message).encode() + b"\n"


def container(engine: Engine, action: str, id: str, attributes: Mapping[str, str]) -> None:  # noqa: A002
    """Write an event of a container, whose attributes are those of `attributes_of` and the action's own."""
    emit(engine, "container", action, id, attributes)


def attributes_of(name: str, config: ContainerConfig) -> dict[str, str]:
    """Return what every event says of a container: its labels, image and name."""
    options = config.options
    return {**config.labels, "image": options.image or options.rootfs or "", "name": name}
