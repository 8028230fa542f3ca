"""`start`: the launch request goes to the launcher, and the program runs when this returns."""

from __future__ import annotations

import os

from rocker.engine import launch, logconfig
from rocker.engine.emit import attributes_of
from rocker.engine.requests import to_bytes
from rocker.engine.session import Session
from rocker.errors import ConflictError, ContainerNotFoundError, NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.config import ContainerConfig
    from rocker.engine.container import Container
    from rocker.engine.engine import Engine
    from rocker.engine.ports import CoreSession

NOTHING = (False, False, False)
RUNTIME = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "_bin", "rocker-runtime")
"""The static executable inside this package."""


def start(container: Container) -> None:
    """Start it detached; a running one is left alone, as in Docker.

    Raises:
        ConflictError: it is paused, or is being started by another process.
        ContainerNotFoundError: it has gone. RockerError: it could not be started.
    """
    engine, id, config = container.engine, container.id, container.config  # noqa: A001
    if _runs(engine, id):
        return
    try:
        send(engine, id, config, _request(container), attach=NOTHING).close()
    except ConflictError:
        if not _runs(engine, id):
            raise


def start_attached(
    container: Container,
    *,
    attach: tuple[bool, bool, bool],
    bind_to_caller: bool,
    console_size: tuple[int, int] | None,
    request: dict[str, Any] | None = None,
) -> Session:
    """Start it and stay connected. A `request` made just before, by the same process, is used as it is.

    Raises:
        ConflictError: it runs already, or is paused.
        ContainerNotFoundError: it has gone. RockerError: it could not be started.
    """
    engine, id, config = container.engine, container.id, container.config  # noqa: A001
    if request is None:
        if _runs(engine, id):
            raise ConflictError(
                f"container {id[:12]} is already running", hint="attach joins a running container"
            )
        request = _request(container)
    if console_size and config.options.tty:
        request["spec"]["process"]["consoleSize"] = {"height": console_size[0], "width": console_size[1]}
    if attach[0] and request["stdin"] == "open" and not config.options.attach:
        request["stdin"] = "once"
    return send(engine, id, config, request, attach=attach, bind_to_caller=bind_to_caller)


def send(
    engine: Engine,
    id: str,  # noqa: A002
    config: ContainerConfig,
    request: dict[str, Any],
    *,
    attach: tuple[bool, bool, bool],
    bind_to_caller: bool = False,
) -> Session:
    """Send a launch request.

    Raises:
        ConflictError: another process has started it first; nothing is done to it.
        ContainerNotFoundError: it has gone.
        RockerError: it could not be started. An `auto_remove` container is removed then.
    """
    try:
        logconfig.complete(engine, id, config, request["log"])
        if request["network"]["mode"] == "bridge":
            from rocker.network.hold import starting

            with starting(engine, request["network"]):
                session = _start(engine, request, attach, bind_to_caller=bind_to_caller)
        else:
            session = _start(engine, request, attach, bind_to_caller=bind_to_caller)
    except BaseException as error:
        _refuse_gone(engine, id, error)
        if config.options.auto_remove and not _is_anothers(engine, id, error):
            from rocker.engine.remove import abandon

            abandon(engine, id)
        raise
    return Session(engine, session, id, auto_remove=config.options.auto_remove)


def _request(container: Container) -> dict[str, Any]:
    request = launch.build(container.engine, container.id, container.config, name=container.name)
    request["attributes"] = attributes_of(container.name, container.config)
    return request


def _refuse_gone(engine: Engine, id: str, error: BaseException) -> None:  # noqa: A002
    """A start that misses the container's files because somebody has removed it says so."""
    if not isinstance(error, NotFoundError):
        return
    if not engine.catalog.query("SELECT 1 FROM containers WHERE id = ?", (id,)):
        raise ContainerNotFoundError(f"No such container: {id}") from error


def _is_anothers(engine: Engine, id: str, error: BaseException) -> bool:  # noqa: A002
    """Whether a start has failed because another one came first. Other conflicts leave no shim behind."""
    if not isinstance(error, ConflictError):
        return False
    from rocker.engine.locks import shim_lives

    return shim_lives(engine, id)


def _start(
    engine: Engine, request: dict[str, Any], attach: tuple[bool, bool, bool], *, bind_to_caller: bool
) -> CoreSession:
    body = to_bytes(request)
    return engine.core.start(
        RUNTIME, engine.root, engine.run_root, body, attach=attach, bind_to_caller=bind_to_caller
    )


def _runs(engine: Engine, id: str) -> bool:  # noqa: A002
    state = engine.state(id)
    if state is not None and state["status"] == "paused":
        raise ConflictError(
            "cannot start a paused container, try unpause instead", hint="rocker unpause makes it go on"
        )
    return state is not None and state["status"] in {"running", "restarting"}
