"""The launch request of docs/protocol.md, from a container's configuration."""

from __future__ import annotations

import os
from functools import partial

from rocker.engine import files, logconfig, namespaces, seccomp
from rocker.engine import spec as specification
from rocker.engine.donor import look_at
from rocker.engine.options import DEFAULT_STOP_TIMEOUT
from rocker.engine.roots import BASE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rocker.engine.config import ContainerConfig
    from rocker.engine.engine import Engine
    from rocker.engine.namespaces import Donor


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
    started: bool = True,
) -> dict[str, Any]:
    """Return the request as a document. When it is not to be started yet, containers that it joins need not run.

    Raises:
        RockerError: an option is wrong, or something it names is not there; see `spec.generate`.
    """
    options = config.options
    donor = engine.donor if started else partial(look_at, engine)
    hostname = hostname_of(engine, id, config, donor)
    shm = _shared_shm(engine, id, config, donor)
    volume = None
    if config.mounts is not None:
        from rocker.engine.volumes.mounts import document as volume_document

        volume = partial(volume_document, engine)
    context = specification.Context(id, hostname, donor, engine.warn, shm, volume=volume)
    document = specification.generate(config, context)
    network = namespaces.network_mode(options)
    request: dict[str, Any] = {
        "op": "start",
        "id": id,
        "spec": document,
        "rootfs": rootfs(config),
        "user": config.user or "0",
        "stdin": _stdin(config),
        "log": logconfig.document(id, config),
        "network": {"mode": network.partition(":")[0]},
        "files": files.contents(network, hostname, _donor_files(engine, network, donor)),
        "stop_signal": config.stop_signal,
        "stop_timeout": float(DEFAULT_STOP_TIMEOUT if options.stop_timeout is None else options.stop_timeout),
    }
    if not options.privileged:
        profile = seccomp.profile_of(options.security_opt)
        program = seccomp.filter_for(
            engine.core, engine.root, profile, tuple(document["process"]["capabilities"]["bounding"])
        )
        if program is not None:
            request["seccomp"] = program
    if options.groups:
        request["groups"] = list(options.groups)
    if options.init:
        request["init"] = True
    if options.auto_remove:
        request["remove"] = True
    if options.timeout is not None:
        request["timeout"] = float(options.timeout)
    return request


def rootfs(config: ContainerConfig) -> dict[str, Any]:
    """Return `rootfs` of the request."""
    options = config.options
    found: dict[str, Any] = {"base": BASE, "upper": True, "volatile": options.auto_remove}
    if options.rootfs is not None:
        found["directory"] = os.path.abspath(options.rootfs)
    else:
        found["layers"] = [f"layers/sha256/{layer.removeprefix('sha256:')}" for layer in config.layers]
    return found


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
    engine: Engine,
    id: str,  # noqa: A002
    config: ContainerConfig,
    donor: Callable[[str], Donor],
) -> str | None:
    """Return the directory that is /dev/shm of a shareable IPC namespace, on the run root's tmpfs."""
    mode = config.options.ipc or ""
    if mode.startswith("container:"):
        return shm_directory(engine, donor(mode.removeprefix("container:")).id)
    return shm_directory(engine, id) if mode == "shareable" else None


def shm_directory(engine: Engine, id: str) -> str:  # noqa: A002
    """Return where a container with `--ipc shareable` keeps its /dev/shm."""
    return f"{engine.run_root}/shm/{id}"


def make_shm(engine: Engine, id: str, config: ContainerConfig) -> None:  # noqa: A002
    """Make the directory of a shareable /dev/shm, just before the start."""
    if config.options.ipc == "shareable":
        path = shm_directory(engine, id)
        os.makedirs(path, mode=0o700, exist_ok=True)
        os.chmod(path, 0o1777)  # noqa: S103 -- as /dev/shm; the run root above it is 0700
