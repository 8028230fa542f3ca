"""The launch request of docs/protocol.md, from a container's configuration."""

from __future__ import annotations

import os

from rocker.engine import files, logconfig, namespaces, seccomp
from rocker.engine import spec as specification
from rocker.engine.donor import lend, look_at
from rocker.engine.options import DEFAULT_STOP_TIMEOUT
from rocker.engine.roots import BASE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rocker.engine.config import ContainerConfig
    from rocker.engine.engine import Engine
    from rocker.engine.namespaces import Donor
    from rocker.engine.options import ImageMount, VolumeMount


def hostname_of(
    engine: Engine,
    id: str,  # noqa: A002
    config: ContainerConfig,
    donor: Callable[[str], Donor] | None = None,
) -> str:
    """Return the host name: what was said, else that of the joined namespace, else the short id."""
    options = config.options
    if options.hostname:
        return options.hostname
    for mode in (options.network, options.uts):
        if mode == "host":
            return os.uname().nodename
        if mode and mode.startswith("container:"):
            return (donor or engine.donor)(mode.removeprefix("container:")).hostname
    return id[:12]


def build(
    engine: Engine,
    id: str,  # noqa: A002
    config: ContainerConfig,
    *,
    name: str | None = None,
    started: bool = True,
    placed: bool = True,
) -> dict[str, Any]:
    """Return the request as a document. When it is not to be started yet, containers that it joins need not run.

    Without `placed` the container has no endpoints yet: `rocker.network.plan.complete` adds what depends on these.

    Raises:
        RockerError: an option is wrong, or something it names is not there; see `spec.generate`.
    """
    options = config.options
    donor = engine.donor if started else lambda reference: look_at(engine, reference)
    hostname = hostname_of(engine, id, config, donor)
    shm = _shared_shm(engine, config, donor)
    context = specification.Context(id, hostname, donor, engine.warn, shm, volume=_volumes(engine, config))
    document = specification.generate(config, context)
    network = namespaces.network_mode(options)
    request: dict[str, Any] = {
        "op": "start",
        "id": id,
        "spec": document,
        "rootfs": rootfs(engine.root, config),
        "user": config.user or "0",
        "stdin": _stdin(config),
        "log": logconfig.document(id, config),
        "network": _network(engine, network),
        "files": {},
        "stop_signal": config.stop_signal,
        "stop_timeout": float(DEFAULT_STOP_TIMEOUT if options.stop_timeout is None else options.stop_timeout),
    }
    if network != "bridge":
        if started and network.startswith("container:"):
            lend(engine, donor(network.removeprefix("container:")))
        borrowed = _donor_files(engine, network, donor)
        request["files"] = files.contents(engine, options, network, hostname, borrowed)
    elif placed:
        from rocker.network.plan import complete

        complete(engine, id, config, request, name=name)
    if not options.privileged:
        profile = seccomp.profile_of(options.security_opt)
        program = seccomp.filter_for(
            engine.core, engine.root, profile, tuple(document["process"]["capabilities"]["bounding"])
        )
        if program is not None:
            request["seccomp"] = program
    if config.userns and placed:
        from rocker.engine import userns

        userns.complete(engine, id, config, request)
    request |= _life(engine, config, hostname)
    if options.device_requests:
        _inject(engine, id, config, request)
    return request


def _inject(engine: Engine, id: str, config: ContainerConfig, request: dict[str, Any]) -> None:  # noqa: A002
    """Make the edits of CDI devices, and say where their hooks find the container."""
    from rocker.cdi.inject import inject

    document = request["spec"]
    groups = inject(engine, config, document)
    if groups:
        request["groups"] = [*request.get("groups", ()), *map(str, groups)]
    if "hooks" in document:
        request["bundle"] = f"{engine.run_root}/containers/{id}"


def _network(engine: Engine, mode: str) -> dict[str, Any]:
    """Return `network` of the request but for endpoints; the networks `host` and `none` are known by id in events."""
    found: dict[str, Any] = {"mode": mode.partition(":")[0]}
    if mode in {"host", "none"}:
        found["id"] = engine.catalog.query("SELECT id FROM networks WHERE name = ?", (mode,))[0][0]
    return found


def _volumes(
    engine: Engine, config: ContainerConfig
) -> Callable[[VolumeMount | ImageMount, str], dict[str, Any]] | None:
    """Return what makes the mount of a volume or an image; None where there is neither."""
    if config.mounts is None:
        return None
    from rocker.engine.volumes.mounts import document

    return lambda mount, target: document(engine, mount, target)


def _life(engine: Engine, config: ContainerConfig, hostname: str) -> dict[str, Any]:
    """Return what is said only of some containers: more groups, and what happens besides the program's own life."""
    options = config.options
    found: dict[str, Any] = {}
    if options.groups:
        found["groups"] = list(options.groups)
    if options.init:
        found["init"] = True
    if options.auto_remove:
        found["remove"] = True
    if options.timeout is not None:
        found["timeout"] = float(options.timeout)
    if options.restart not in {"no", ""}:
        found["restart"] = _restart(options.restart)
    if config.healthcheck is not None:
        from rocker.engine import health

        found["health"] = health.request(config, hostname, engine.warn)
    return found


def _restart(text: str) -> dict[str, Any]:
    from rocker.parse.restart import parse_restart

    policy = parse_restart(text)
    return {"policy": policy.name, "max_retries": policy.maximum_retries}


def rootfs(root: str, config: ContainerConfig) -> dict[str, Any]:
    """Return `rootfs` of the request; `root` is the data root."""
    options = config.options
    found: dict[str, Any] = {"base": BASE, "upper": True, "volatile": options.auto_remove}
    if options.rootfs is not None:
        found["directory"] = os.path.abspath(options.rootfs)
        # No layer may lie within another (Linux, Documentation/filesystems/overlayfs.rst): where the directory
        # holds the data root, as with `--rootfs /`, mount points are made in the upper one instead.
        if lies_within(root, options.rootfs):
            del found["base"]
    else:
        found["layers"] = [f"layers/sha256/{layer.removeprefix('sha256:')}" for layer in config.layers]
    return found


def lies_within(path: str, directory: str) -> bool:
    """Whether `path`, which may still be missing, is `directory` or below it, by whatever links or bind mounts."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    try:
        wanted = os.stat(directory)
        here = os.stat(path)
        while not os.path.samestat(here, wanted):
            path += "/.."
            above = os.stat(path)
            if os.path.samestat(here, above):
                return False
            here = above
    except OSError:  # gone meanwhile, or a loop of links: whoever opens it says so
        return False
    return True


def _stdin(config: ContainerConfig) -> str:
    """As in Docker, `-i` without `-d` closes the input with its first client (StdinOnce)."""
    if not config.options.stdin_open:
        return "closed"
    return "once" if "stdin" in config.options.attach else "open"


def _donor_files(engine: Engine, network: str, donor: Callable[[str], Donor]) -> str | None:
    if not network.startswith("container:"):
        return None
    return f"{engine.run_root}/containers/{donor(network.removeprefix('container:')).id}"


def _shared_shm(
    engine: Engine, config: ContainerConfig, donor: Callable[[str], Donor]
) -> dict[str, Any] | None:
    """Return the mount of another container's /dev/shm, which goes with its IPC namespace.

    It is that container's own tmpfs, of the size that it was given: a directory of the run root has no limit.
    """
    mode = config.options.ipc or ""
    if not mode.startswith("container:"):
        return None
    other = donor(mode.removeprefix("container:"))
    state = engine.state(other.id) or {}
    options = [
        "rprivate", "nosuid", "noexec", "nodev", "driver-type=tmpfs", "driver-o=mode=1777", "driver-device=shm",
        f"shared-with={other.pid}:{state.get('shim_pid', 0)}:/dev/shm",
    ]  # fmt: skip
    directory = f"{engine.run_root}/containers/{other.id}"
    return {"destination": "/dev/shm", "type": "volume", "source": directory, "options": options}
