"""`kill`: a signal; SIGKILL goes to the whole cgroup, so that a fork bomb dies too."""

from __future__ import annotations

import contextlib

from rocker.engine.requests import call
from rocker.engine.state import not_running
from rocker.errors import GoneError, NotRunningError
from rocker.parse.signal import number_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container

_SIGKILL = 9


def kill(container: Container, signal: str | int) -> None:
    """Send a signal; see `Container.kill`."""
    number = number_of(signal)
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
    # One request that signals, kills what is left and answers once it has exited: there is no moment in which the
    # shim may be gone before it is asked.
    with contextlib.suppress(GoneError):
        call(container, "stop", signal=_SIGKILL, timeout=0, kill=True)
    if container.options.auto_remove:
        from rocker.engine.remove import forget

        forget(container.engine, container.id)
