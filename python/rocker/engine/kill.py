"""`kill`: a signal; SIGKILL goes to the whole cgroup, so that a fork bomb dies too."""

from __future__ import annotations

import contextlib

from rocker.engine.requests import body, call
from rocker.engine.session import Session
from rocker.engine.signals import parse_signal
from rocker.engine.state import not_running
from rocker.errors import GoneError, NotRunningError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container

_SIGKILL = 9


def kill(container: Container, signal: str | int) -> None:
    """Send a signal; see `Container.kill`."""
    number = parse_signal(signal)
    try:
        if number == _SIGKILL:
            end(container)
        else:
            call(container, "signal", signal=number)
    except NotRunningError:
        raise not_running(container, "kill") from None


def end(container: Container) -> None:
    """Kill all of its processes and wait until it has exited.

    Raises:
        NotRunningError: it does not run.
    """
    engine = container.engine
    # Waiting begins before the kill: afterwards there may be no shim left to ask.
    core = engine.core.request(engine.run_root, container.id, body("wait"))
    with Session(engine, core, container.id, auto_remove=container.options.auto_remove) as session:
        with contextlib.suppress(GoneError, NotRunningError):  # it may end before it can answer
            call(container, "kill")
        session.wait()
