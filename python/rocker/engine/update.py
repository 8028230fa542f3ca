"""`update`: other limits and another restart policy, in the catalogue and for a container that runs."""

from __future__ import annotations

from rocker.engine import launch, resources
from rocker.engine.requests import body
from rocker.engine.state import RUNS
from rocker.errors import ConflictError, InvalidArgumentError, NotRunningError, RockerError
from rocker.parse.restart import parse_restart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.config import ContainerConfig
    from rocker.engine.container import Container
    from rocker.engine.options import RunOptions

FIELDS = (
    "memory", "memory_swap", "memory_reservation", "cpus", "cpu_shares", "cpu_period", "cpu_quota", "cpuset_cpus",
    "cpuset_mems", "pids_limit", "blkio_weight", "restart",
)  # fmt: skip
"""What can be changed: these members of `RunOptions`."""


def update(container: Container, changes: dict[str, Any]) -> None:
    """Change it; see `Container.update`. Either all is changed or nothing."""
    engine = container.engine
    # As in Docker 0 is as if it were not said, but for the number of processes.
    changes = {
        name: value for name, value in changes.items() if value or (name == "pids_limit" and value == 0)
    }
    # Two updates at once would each write the other's change away.
    with engine.catalog.write():
        row = engine.catalog.get_by_ref(container.id)
        config = type(container.config).decode(row.config)
        with _named(container):
            options = merge(config.options, changes)
        changed = config.replace(options=options)
        limits = resources.resolve(options)
        with _named(container):
            _apply(container, changed, _only(limits, changes), changes)
        engine.catalog.update_container(container.id, changed.encode())
    container._config = changed  # noqa: SLF001 -- the object's own module


class _named:  # noqa: N801 -- used like a function
    """Put the container in front of a refusal, as Docker does; `contextlib` would be another import."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RockerError):
            message = f"Cannot update container {self._container.id}: {error.message}"
            raise type(error)(message, hint=error.hint, errno=error.errno, path=error.path) from error


def _apply(
    container: Container, config: ContainerConfig, limits: dict[str, Any], changes: dict[str, Any]
) -> None:
    """Tell the shim, which makes the next start from the request that comes along."""
    engine = container.engine
    state = engine.state(container.id)
    if state is None or state["status"] not in RUNS:
        return
    request: dict[str, Any] = {"resources": limits}
    again = parse_restart(config.options.restart).name != "no"
    if again:
        request["launch"] = launch.build(engine, container.id, config)
        del request["launch"]["op"]
    if not limits and not again and "restart" not in changes:
        return
    try:
        engine.core.update(engine.root, engine.run_root, container.id, body("update", **request))
    except NotRunningError:  # it has just ended
        return


def merge(options: RunOptions, changes: dict[str, Any]) -> RunOptions:
    """Return the options after the change.

    Raises:
        InvalidArgumentError, ConflictError: the change contradicts itself or what stays.
    """
    unknown = [name for name in changes if name not in FIELDS]
    if unknown:
        from rocker.engine.suggest import near

        raise InvalidArgumentError(f"update has no option `{unknown[0]}`", hint=near(unknown[0], FIELDS))
    if "restart" in changes:
        policy = parse_restart(changes["restart"])
        if options.auto_remove and policy.name != "no":
            raise ConflictError(
                "Restart policy cannot be updated because AutoRemove is enabled for the container"
            )
    _check_cpus(options, changes)
    limit, swap = changes.get("memory"), options.memory_swap
    if limit and "memory_swap" not in changes and swap is not None and 0 < swap < limit:
        raise InvalidArgumentError(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
        )
    return options.replace(**changes)


def _check_cpus(options: RunOptions, changes: dict[str, Any]) -> None:
    if changes.get("cpus"):
        for field, word in (("cpu_period", "Period"), ("cpu_quota", "Quota")):
            if getattr(options, field) and field not in changes:
                raise ConflictError(
                    f"Conflicting options: Nano CPUs cannot be updated as CPU {word} has already been set"
                )
    for field, word in (("cpu_period", "Period"), ("cpu_quota", "Quota")):
        if changes.get(field) and options.cpus and "cpus" not in changes:
            raise ConflictError(
                f"Conflicting options: CPU {word} cannot be updated as NanoCPUs has already been set"
            )


_PARTS = {
    "memory": ("memory", "memory_swap", "memory_reservation"),
    "cpu": ("cpus", "cpu_shares", "cpu_period", "cpu_quota", "cpuset_cpus", "cpuset_mems"),
    "pids": ("pids_limit",),
    "blockIO": ("blkio_weight",),
}


def _only(limits: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The limits of which a part was named: what was not is not written again, whatever became of it meanwhile."""
    found = {
        part: limits[part]
        for part, fields in _PARTS.items()
        if part in limits and not changes.keys().isdisjoint(fields)
    }
    if "memory" in found:
        # v2 would kill what is above a new limit, where v1 refuses the limit.
        found["memory"] = {**found["memory"], "checkBeforeUpdate": True}
    return found
