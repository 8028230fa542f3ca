"""User namespaces: whose root a container's root is.

`host` is the host's. `auto` and `private` are a namespace of the container's own, whose ids are a range of the host's
that nobody else has; `container:NAME` is another container's. What is not said is the configuration's (`settings`).
"""

from __future__ import annotations

from rocker.engine import id_ranges
from rocker.errors import ConflictError, InvalidArgumentError
from rocker.parse.userns import parse_userns

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any

    from rocker.engine.config import ContainerConfig
    from rocker.engine.engine import Engine
    from rocker.engine.options import RunOptions

_JOINED = (("network", "network"), ("pid", "PID"), ("ipc", "IPC"), ("uts", "UTS"))
_PING = "net.ipv4.ping_group_range"


def resolve(engine: Engine, options: RunOptions) -> str:
    """Return the mode of a new container: empty for the host's ids, `auto[:size=N]`, `private` or `container:ID`.

    Raises:
        InvalidArgumentError: the mode is none, or other options contradict it.
        ConflictError: it is to join namespaces that belong to another user namespace.
        ContainerNotFoundError: a container that it names is not there.
    """
    said = options.userns
    if not said:
        from rocker.engine.settings import read

        said = read(engine.root).userns or "host"
        said = (said != "host" and _lender(engine, options)) or said
    wanted = parse_userns(said)
    mode = said
    if wanted.mode == "container":
        lender = engine.catalog.get_by_ref(wanted.container).id
        mode = f"container:{lender}" if id_ranges.find(engine, lender) else ""
    if wanted.mode == "host" or not mode:
        _check_idmaps(options)
        return ""
    _check(options)
    _check_joined(engine, options, mode)
    return mode


def _lender(engine: Engine, options: RunOptions) -> str:
    """Whose user namespace the configuration means for a container that joins other namespaces of another one."""
    for field, _ in _JOINED:
        value = getattr(options, field) or ""
        if value.startswith("container:") and value != "container:":
            return f"container:{engine.catalog.get_by_ref(value.removeprefix('container:')).id}"
    return ""


def _check(options: RunOptions) -> None:
    """Docker's refusals."""
    hint = "--userns=host starts it with the host's ids"
    if options.privileged:
        raise InvalidArgumentError(
            "privileged mode is incompatible with user namespaces.  "
            "You must run the container in the host namespace when running privileged mode",
            hint=hint,
        )
    for is_wanted, what in (
        (options.network == "host", "network namespace"),
        (options.pid == "host", "PID namespace"),
        (options.cgroupns == "host", "cgroup namespace"),
    ):
        if is_wanted:
            whose = "the host's" if what == "network namespace" else "the host"
            raise InvalidArgumentError(
                f"cannot share {whose} {what} when user namespaces are enabled", hint=hint
            )


def _check_idmaps(options: RunOptions) -> None:
    from rocker.engine.options import Bind

    for mount in options.mounts:
        if isinstance(mount, Bind) and mount.idmap:
            raise InvalidArgumentError(
                f"the bind at {mount.target} cannot be id-mapped: the container has the host's ids",
                hint="--userns=auto gives it its own",
            )


def _check_joined(engine: Engine, options: RunOptions, mode: str) -> None:
    """What a namespace allows is up to the user namespace that it was made in: without that there is no use in it."""
    for field, what in _JOINED:
        value = getattr(options, field) or ""
        if not value.startswith("container:"):
            continue
        other = engine.catalog.get_by_ref(value.removeprefix("container:"))
        if not _same(engine, mode, other.id):
            raise ConflictError(
                f"cannot join the {what} namespace of container {other.name}: it belongs to another user namespace",
                hint=f"--userns=container:{other.name} joins that too",
            )


def _same(engine: Engine, mode: str, other: str) -> bool:
    """Whether a container with this mode shares the user namespace of another one: nobody else has its range."""
    if not mode.startswith("container:"):
        return False
    return id_ranges.find(engine, mode.removeprefix("container:")) == id_ranges.find(engine, other)


def insert(engine: Engine, db: sqlite3.Connection, id: str, mode: str) -> None:  # noqa: A002
    """Take a range for a new container, in the transaction of its row.

    Raises:
        ConflictError: there is none.
    """
    wanted = parse_userns(mode)
    if wanted.mode == "container":
        id_ranges.share(db, id, wanted.container)
    else:
        id_ranges.lease(engine, db, id, wanted.size)


def complete(engine: Engine, id: str, config: ContainerConfig, request: dict[str, Any]) -> None:  # noqa: A002
    """Add the namespace and its ids to a launch request.

    Raises:
        NotRunningError: another container, whose namespace it is, does not run.
    """
    span = id_ranges.find(engine, id)
    if span is None:
        from rocker.errors import CorruptError

        raise CorruptError(f"container {id[:12]} has lost its range of ids", path=engine.catalog.path)
    start, size = span
    linux = request["spec"]["linux"]
    linux["uidMappings"] = linux["gidMappings"] = [{"containerID": 0, "hostID": start, "size": size}]
    namespace = {"type": "user"}
    if config.userns.startswith("container:"):
        namespace["path"] = f"/proc/{engine.donor(config.userns.removeprefix('container:')).pid}/ns/user"
    linux["namespaces"].append(namespace)
    sysctl = linux.get("sysctl", {})
    if _PING in sysctl and _PING not in config.options.sysctls:
        # The kernel takes groups of the namespace only.
        sysctl[_PING] = f"0 {size - 1}"
