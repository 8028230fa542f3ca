"""`shutdown`: before the machine goes down, stop the containers that run, all at once."""

from __future__ import annotations

import contextlib
import time

from rocker.engine.options import DEFAULT_STOP_TIMEOUT
from rocker.engine.requests import call
from rocker.engine.state import RUNS
from rocker.errors import (
    ContainerNotFoundError,
    GoneError,
    NotRunningError,
    RockerError,
    TimeoutError,  # noqa: A004 -- ours
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from rocker.engine.container import Container
    from rocker.engine.engine import Engine

_GRACE = 30.0
"""Seconds that a container may take to end after its SIGKILL, on a loaded machine."""


def shutdown(
    engine: Engine, timeout: float | None, failed: Callable[[Container, RockerError], None]
) -> list[Container]:
    """Stop what runs; see `Engine.shutdown`."""
    stopped: list[Container] = []
    seen: set[str] = set()
    # Others may start containers until they are stopped themselves.
    while found := [one for one in engine.containers.list() if one.id not in seen]:
        seen.update(container.id for container in found)
        asked: list[tuple[Container, float | None]] = []
        for container in found:
            patience = _patience(container, timeout)
            try:
                _ask(container, patience)
            except (NotRunningError, GoneError):  # it has just ended
                continue
            except RockerError as error:
                failed(container, error)
            else:
                asked.append((container, None if patience < 0 else time.monotonic() + patience + _GRACE))
        for container, deadline in asked:
            try:
                _await(container, deadline)
            except RockerError as error:
                failed(container, error)
            else:
                stopped.append(container)
    return stopped


def _patience(container: Container, timeout: float | None) -> float:
    chosen = container.options.stop_timeout if timeout is None else timeout
    return float(DEFAULT_STOP_TIMEOUT if chosen is None else chosen)


def _ask(container: Container, patience: float) -> None:
    """Have its shim stop it: it does so whoever listens, so that no descriptor is held for each of very many."""
    signal = container.config.stop_signal
    with contextlib.suppress(TimeoutError):  # its only answer is its end
        call(container, "stop", answer_within=0.0, signal=signal, timeout=patience, machine=True)


def _await(container: Container, deadline: float | None) -> None:
    try:
        # The first end that is told may be one that came before the request.
        while container.status in RUNS:
            container.wait(None if deadline is None else max(deadline - time.monotonic(), 0.0))
    except ContainerNotFoundError:  # it removes itself
        pass
