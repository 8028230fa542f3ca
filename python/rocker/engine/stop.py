"""`stop`: the stop signal, then SIGKILL."""

from __future__ import annotations

from rocker.engine.options import DEFAULT_STOP_TIMEOUT
from rocker.engine.requests import body
from rocker.engine.session import Session
from rocker.errors import NotRunningError
from rocker.parse.signal import number_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container


def stop(
    container: Container, timeout: float | None, *, signal: str | int | None, keep: bool = False
) -> None:
    """Stop it; see `Container.stop`. With `keep` its row stays, whatever its `auto_remove` says."""
    config = container.config
    number = config.stop_signal if signal is None else number_of(signal)
    if timeout is None:
        chosen = config.options.stop_timeout
        timeout = DEFAULT_STOP_TIMEOUT if chosen is None else chosen
    engine = container.engine
    request = body("stop", signal=number, timeout=float(timeout))
    try:
        core = engine.core.request(engine.run_root, container.id, request)
    except NotRunningError:
        return
    with Session(engine, core, container.id, auto_remove=config.options.auto_remove and not keep) as session:
        session.wait()
