"""Requests to a container's shim (docs/protocol.md)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.container import Container


def call(
    container: Container, op: str, *, answer_within: float | None = None, **members: Any
) -> dict[str, Any]:
    """Send a request with one answer; raises NotRunningError when there is no shim, TimeoutError without an answer."""
    engine = container.engine
    if answer_within is None:
        return engine.core.call(engine.run_root, container.id, body(op, **members))
    return engine.core.call(engine.run_root, container.id, body(op, **members), timeout=answer_within)


def body(op: str, **members: Any) -> bytes:
    """Return a request as bytes."""
    import json

    return json.dumps({"op": op, **members}, separators=(",", ":")).encode()
