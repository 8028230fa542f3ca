"""What `state.json` says, in Docker's words."""

from __future__ import annotations

from rocker.errors import ConflictError, ContainerNotFoundError, NotRunningError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeGuard

    from rocker.engine.container import Container
    from rocker.models.container import State, Status

NEVER = "0001-01-01T00:00:00Z"
RUNS = frozenset({"running", "paused", "restarting"})
"""Where a container counts as running: one between two starts does, as in Docker."""
HAS_PROCESSES = frozenset({"running", "paused"})
"""Where there is a program, with its namespaces."""


def has_processes(state: dict[str, Any] | None) -> TypeGuard[dict[str, Any]]:
    """Tell whether a container of this state has a program."""
    return state is not None and state["status"] in HAS_PROCESSES


def has_network(state: dict[str, Any] | None) -> TypeGuard[dict[str, Any]]:
    """Tell whether it is in its networks: the shim keeps links, ports and names from one restart to the next."""
    return state is not None and state["status"] in RUNS


def status_of(state: dict[str, Any] | None) -> Status:
    """Return the status; a container without a state was never started."""
    if state is None:
        return "created"
    status: Status = state["status"]
    return status


def document(state: dict[str, Any] | None) -> State:
    """Return `State` of `inspect`."""
    status = status_of(state)
    found = state or {}
    error = found.get("error") or {}
    document: State = {
        "Status": status,
        "Running": status in RUNS,
        "Paused": status == "paused",
        "Restarting": status == "restarting",
        "OOMKilled": found.get("oom_killed", False),
        "Dead": False,
        "Pid": found.get("pid") or 0,
        "ExitCode": found.get("exit_code") or 0,
        "Error": error.get("message", "") if isinstance(error, dict) else str(error),
        "StartedAt": found.get("started_at") or NEVER,
        "FinishedAt": found.get("finished_at") or NEVER,
        "TimedOut": found.get("timed_out", False),
    }
    if found.get("health"):
        from rocker.engine.health import state as health_state

        document["Health"] = health_state(found["health"])
    return document


def describe(state: dict[str, Any] | None, now_ns: int) -> str:
    """Return Docker's `Status` text of `ps`: `Up 3 seconds`, `Exited (0) 2 minutes ago`, `Created`."""
    from rocker.engine.times import parse_rfc3339_ns
    from rocker.formatting.units import human_duration

    status = status_of(state)
    if state is None or status == "created":
        return "Created"
    if status in HAS_PROCESSES:
        age = human_duration((now_ns - parse_rfc3339_ns(state["started_at"])) / 1e9)
        if status == "paused":
            return f"Up {age} (Paused)"
        health = health_of(state)
        return f"Up {age}" if health == "none" else f"Up {age} ({_HEALTH.get(health, health)})"
    if status == "restarting":
        age = human_duration((now_ns - parse_rfc3339_ns(state["finished_at"])) / 1e9)
        return f"Restarting ({state['exit_code']}) {age} ago"
    if not state.get("finished_at"):
        return f"Exited ({state['exit_code']})"
    age = human_duration((now_ns - parse_rfc3339_ns(state["finished_at"])) / 1e9)
    return f"Exited ({state['exit_code']}) {age} ago"


_HEALTH = {"starting": "health: starting"}


def health_of(state: dict[str, Any] | None) -> str:
    """Return `starting`, `healthy`, `unhealthy`, or `none` without a health check."""
    health: dict[str, Any] = (state or {}).get("health") or {}
    return str(health.get("status", "none"))


def running(container: Container, doing: str = "") -> dict[str, Any]:
    """Return the state of a container that must run and not be paused.

    Raises:
        NotRunningError: it does not run. ConflictError: it is paused or restarting.
        ContainerNotFoundError: it has gone.
    """
    state = alive(container, doing)
    if state["status"] == "restarting":
        raise restarting(container)
    if state["status"] == "paused":
        raise ConflictError(
            f"Container {container.name} is paused, unpause the container before {doing or 'this'}",
            hint=f"rocker unpause {container.name}",
        )
    return state


def alive(container: Container, doing: str = "") -> dict[str, Any]:
    """Return the state of one that runs, is paused or waits for its next start; raises as `running`."""
    state = container.engine.state(container.id)
    if state is None or state["status"] not in RUNS:
        raise not_running(container, doing)
    return state


def restarting(container: Container) -> ConflictError:
    """Return the error for what cannot be done between two starts."""
    return ConflictError(
        f"Container {container.id} is restarting, wait until the container is running",
        hint=f"rocker logs {container.name} may say why it ends",
    )


def not_running(container: Container, doing: str = "") -> NotRunningError | ContainerNotFoundError:
    """Return the error for a container that does not run, or has gone."""
    if not container.engine.catalog.query("SELECT 1 FROM containers WHERE id = ?", (container.id,)):
        return ContainerNotFoundError(f"No such container: {container.id}")
    prefix = f"Cannot {doing} container: {container.name}: " if doing == "kill" else ""
    return NotRunningError(
        f"{prefix}Container {container.id} is not running",
        hint=f"start it first: rocker start {container.name}",
    )
