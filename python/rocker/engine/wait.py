"""`wait`: until a container has exited."""

from __future__ import annotations

from rocker.engine.requests import body
from rocker.engine.session import Session
from rocker.errors import ContainerNotFoundError, GoneError, NotRunningError, TimeoutError  # noqa: A004 -- ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container


def wait(container: Container, timeout: float | None) -> int:
    """Return the exit code; see `Container.wait`."""
    engine = container.engine
    try:
        # Not the request `wait`: its first answer is the end itself, so no timeout could pass. To join
        # without streams is answered at once, and the end follows.
        core = engine.core.request(engine.run_root, container.id, body("attach"))
    except NotRunningError:
        return _recorded(container)
    except GoneError:  # it was about to leave when it was asked
        if container.status in {"running", "paused"}:
            raise
        return _recorded(container)
    with Session(engine, core, container.id, auto_remove=container.options.auto_remove) as session:
        event = session.wait(timeout)
    if event is None:
        raise TimeoutError(
            f"container {container.name} runs on after {timeout} s", hint="stop or kill ends it"
        )
    return event["exit_code"]


def _recorded(container: Container) -> int:
    state = container.engine.state(container.id)
    if state is not None:
        code: int = state["exit_code"] or 0
        return code
    if not container.engine.catalog.query("SELECT 1 FROM containers WHERE id = ?", (container.id,)):
        raise ContainerNotFoundError(f"No such container: {container.id}")
    return 0
