"""`boot`: after the machine has started, start the containers whose restart policy wants it."""

from __future__ import annotations

from rocker.errors import NotRunningError, RockerError
from rocker.parse.restart import parse_restart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rocker.engine.config import ContainerConfig
    from rocker.engine.container import Container
    from rocker.engine.engine import Engine


def boot(engine: Engine, failed: Callable[[Container, RockerError], None]) -> list[Container]:
    """Start what should run and does not; see `Engine.boot`."""
    from rocker.engine.container import Container
    from rocker.engine.list import select

    rows = select(engine, all=True, filters=None, limit=None)
    wanted = [
        Container(engine, row, config) for row, config, state in reversed(rows) if should_run(config, state)
    ]
    started: list[Container] = []
    while wanted:
        waiting: dict[Container, RockerError] = {}
        for container in wanted:
            try:
                container.start()
            except NotRunningError as error:
                # It joins the namespaces of one that may be started after it.
                waiting[container] = error
            except RockerError as error:
                failed(container, error)
            else:
                started.append(container)
        if len(waiting) == len(wanted):
            for container, refusal in waiting.items():
                failed(container, refusal)
            break
        wanted = list(waiting)
    return started


def should_run(config: ContainerConfig, state: dict[str, Any] | None) -> bool:
    """Tell whether a container is to be started with the machine: Docker's rules for a daemon that starts.

    One that was never started is not; `on-failure` is about a program's end, and the machine's is none.
    """
    if state is None or state["status"] in {"running", "paused", "restarting", "created"}:
        return False
    policy = parse_restart(config.options.restart).name
    return policy == "always" or (policy == "unless-stopped" and not state.get("stopped"))
