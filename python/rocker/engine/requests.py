"""Requests to a container's shim (docs/protocol.md)."""

from __future__ import annotations

from rocker.models.jsontext import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.container import Container


def call(container: Container, op: str, **members: Any) -> dict[str, Any]:
    """Send a request with one answer; raises NotRunningError when there is no shim."""
    engine = container.engine
    return engine.core.call(engine.run_root, container.id, body(op, **members))


def body(op: str, **members: Any) -> bytes:
    """Return a request as bytes."""
    return encode({"op": op, **members}).encode()
