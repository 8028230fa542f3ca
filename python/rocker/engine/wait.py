"""`wait`: until a container has exited, is healthy, or is gone."""

from __future__ import annotations

import time

from rocker.engine.requests import body, call
from rocker.engine.session import Session
from rocker.engine.state import RUNS
from rocker.errors import (
    ConflictError,
    ContainerNotFoundError,
    GoneError,
    InvalidArgumentError,
    NotRunningError,
    TimeoutError,  # noqa: A004 -- ours
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from rocker.engine.container import Container

CONDITIONS = ("not-running", "next-exit", "removed", "healthy")
_PAUSE = 0.05
"""Seconds between two looks where nothing tells: nobody watches over a container that does not run."""


def wait(container: Container, timeout: float | None, condition: str = "not-running") -> int:
    """Return the exit code, or 0 when it is healthy; see `Container.wait`."""
    if condition not in CONDITIONS:
        raise InvalidArgumentError(
            f"invalid condition: '{condition}'", hint="one of " + ", ".join(CONDITIONS)
        )
    deadline = None if timeout is None else time.monotonic() + timeout
    if condition == "healthy":
        return _healthy(container, timeout)
    if condition == "next-exit":
        last = _finished(container)
        _until(deadline, lambda: _began(container, last), f"container {container.name} does not run")
    while True:
        try:
            code = _exit(container, None if deadline is None else max(deadline - time.monotonic(), 0))
        except ContainerNotFoundError:
            if condition != "removed":
                raise
            return 0
        if code is None:
            raise TimeoutError(
                f"container {container.name} runs on after {timeout} s", hint="stop or kill ends it"
            )
        # After an end that its restart policy answers it goes on; one with `auto_remove` has no policy.
        if condition != "removed" or container.options.auto_remove or container.status not in RUNS:
            break
    if condition == "removed":
        _until(deadline, lambda: not _exists(container), f"container {container.name} is still there")
    return code


def _finished(container: Container) -> str | None:
    state = container.engine.state(container.id) or {}
    return state.get("finished_at")


def _began(container: Container, last: str | None) -> bool:
    """Whether it runs, or has run since its last end."""
    if container.status in RUNS or _finished(container) != last:
        return True
    if not _exists(container):
        raise ContainerNotFoundError(f"No such container: {container.id}")
    return False


def _exit(container: Container, timeout: float | None) -> int | None:
    """The exit code; None: it runs on after `timeout` seconds."""
    engine = container.engine
    try:
        # Not the request `wait`: its first answer is the end itself, so no timeout could pass. To join
        # without streams is answered at once, and the end follows.
        core = engine.core.request(engine.run_root, container.id, body("attach"))
    except NotRunningError:
        return _recorded(container)
    except GoneError:  # it was about to leave when it was asked
        if container.status in RUNS:
            raise
        return _recorded(container)
    with Session(engine, core, container.id, auto_remove=container.options.auto_remove) as session:
        event = session.wait(timeout)
    return None if event is None else event["exit_code"]


def _healthy(container: Container, timeout: float | None) -> int:
    try:
        answer = call(container, "wait", condition="healthy", answer_within=timeout)
    except TimeoutError:
        raise TimeoutError(
            f"container {container.name} is not healthy after {timeout} s", hint=_last_probe(container)
        ) from None
    except (NotRunningError, GoneError):
        if not _exists(container):
            raise ContainerNotFoundError(f"No such container: {container.id}") from None
        raise NotRunningError(
            f"container {container.name} exited ({_recorded(container)})",
            hint=f"rocker logs {container.name} may say why",
        ) from None
    if answer["health"] != "healthy":
        raise ConflictError(f"container {container.name} is unhealthy", hint=_last_probe(container))
    return 0


def _last_probe(container: Container) -> str | None:
    health = (container.engine.state(container.id) or {}).get("health") or {}
    if not health.get("log"):
        return None
    probe = health["log"][-1]
    return f"the last probe gave {probe['exit_code']}: {probe['output'].strip() or 'no output'}"


def _until(deadline: float | None, is_so: Callable[[], bool], otherwise: str) -> None:
    while not is_so():
        if deadline is not None and time.monotonic() >= deadline:
            raise TimeoutError(f"{otherwise} when the time is over")
        time.sleep(_PAUSE)


def _exists(container: Container) -> bool:
    return bool(container.engine.catalog.query("SELECT 1 FROM containers WHERE id = ?", (container.id,)))


def _recorded(container: Container) -> int:
    state = container.engine.state(container.id)
    if state is not None:
        code: int = state["exit_code"] or 0
        return code
    if not _exists(container):
        raise ContainerNotFoundError(f"No such container: {container.id}")
    return 0
