"""`restart`: stop, then start."""

from __future__ import annotations

import contextlib

from rocker.engine import emit
from rocker.engine.requests import call
from rocker.engine.start import start
from rocker.engine.stop import stop
from rocker.errors import NotRunningError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container


def restart(container: Container, timeout: float | None, *, signal: str | int | None) -> None:
    """Stop it and start it again; see `Container.restart`. One with `auto_remove` survives the stop."""
    if container.options.auto_remove:
        with contextlib.suppress(NotRunningError):
            call(container, "remove", value=False)
    stop(container, timeout, signal=signal, keep=True)
    start(container)
    attributes = emit.attributes_of(container.name, container.config)
    emit.container(container.engine, "restart", container.id, attributes)
