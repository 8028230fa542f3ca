"""`restart`: stop, then start."""

from __future__ import annotations

import contextlib

from rocker.engine import emit
from rocker.engine.requests import call
from rocker.engine.session import Session
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
        _stop_and_keep(container, timeout, signal=signal)
    else:
        stop(container, timeout, signal=signal)
    start(container.engine, container.id, container.config)
    attributes = emit.attributes_of(container.name, container.config)
    emit.container(container.engine, "restart", container.id, attributes)


def _stop_and_keep(container: Container, timeout: float | None, *, signal: str | int | None) -> None:
    from rocker.engine.options import DEFAULT_STOP_TIMEOUT
    from rocker.engine.requests import body
    from rocker.parse.signal import number_of

    config, engine = container.config, container.engine
    number = config.stop_signal if signal is None else number_of(signal)
    seconds = timeout if timeout is not None else config.options.stop_timeout
    request = body("stop", signal=number, timeout=float(DEFAULT_STOP_TIMEOUT if seconds is None else seconds))
    with contextlib.suppress(NotRunningError):
        core = engine.core.request(engine.run_root, container.id, request)
        with Session(engine, core, container.id, auto_remove=False) as session:
            session.wait()
