"""Requests to a container's shim (docs/protocol.md)."""

from __future__ import annotations

from rocker.models.jsontext import encode

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
    return to_bytes({"op": op, **members})


def to_bytes(document: dict[str, Any]) -> bytes:
    """Write a request. A byte that is not UTF-8 becomes U+FFFD, as in Docker: JSON has no place for it."""
    text = encode(document)
    # How Python holds such a byte (PEP 383), and half of what some letters beyond U+FFFF are written as.
    return (encode(_in_unicode(document)) if "\\udc" in text else text).encode()


def _in_unicode(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, dict):
        return {_in_unicode(key): _in_unicode(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_in_unicode(inner) for inner in value]
    return value
