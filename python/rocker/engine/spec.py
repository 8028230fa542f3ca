"""From a container's configuration to the OCI runtime specification's `config.json`; pure but for stat(2)."""

from __future__ import annotations

import os

from rocker.engine import capabilities, defaults, devices, mounts, namespaces, resources, rlimits, sysctls
from rocker.engine.options import Bind
from rocker.engine.process import environment
from rocker.parse.security import parse_security_opt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from rocker.engine.config import ContainerConfig
    from rocker.engine.namespaces import Donor
    from rocker.engine.options import ImageMount, RunOptions, VolumeMount

OCI_VERSION = "1.2.0"
CGROUP_PARENT = "/rocker"


class Context:
    """What a specification needs from outside its configuration.

    Attributes:
        id: the container's full id.
        hostname: its host name.
        donor: finds a running container whose namespaces are joined.
        warn: takes what is accepted but has no effect.
        shared_shm: mount of the /dev/shm that goes with another container's IPC namespace, or None.
        volume: makes the mount of a volume or image at a target; None where there is none.
    """

    __slots__ = ("donor", "hostname", "id", "shared_shm", "volume", "warn")

    def __init__(
        self,
        id: str,  # noqa: A002
        hostname: str,
        donor: Callable[[str], Donor],
        warn: Callable[[str], None],
        shared_shm: dict[str, Any] | None = None,
        *,
        volume: Callable[[VolumeMount | ImageMount, str], dict[str, Any]] | None = None,
    ) -> None:
        self.id = id
        self.hostname = hostname
        self.donor = donor
        self.warn = warn
        self.shared_shm = shared_shm
        self.volume = volume


def generate(config: ContainerConfig, context: Context) -> dict[str, Any]:
    """Return the document.

    Raises:
        InvalidArgumentError: an option is wrong; NotFoundError: a device or source is not there; NotRunningError,
        ConflictError: another container cannot lend its namespaces.
    """
    options = config.options
    spec: dict[str, Any] = {
        "ociVersion": OCI_VERSION,
        "root": {"path": options.rootfs or "rootfs", "readonly": options.read_only},
        "mounts": _mounts(config, context),
        "process": process(config, context.hostname, context.warn),
        "linux": _linux(config, context),
    }
    if options.uts is None or options.uts == "private":
        if not (options.network or "").startswith("container:"):
            spec["hostname"] = context.hostname
        if options.domainname:
            spec["domainname"] = options.domainname
    if options.annotations:
        spec["annotations"] = dict(options.annotations)
    return spec


def process(config: ContainerConfig, hostname: str, warn: Callable[[str], None]) -> dict[str, Any]:
    """Return `process`. Its user is 0 here: names are looked up by the mechanism, in the container."""
    options = config.options
    document: dict[str, Any] = {
        "terminal": options.tty,
        "cwd": config.workdir or "/",
        "env": environment(config.env, path=defaults.PATH, hostname=hostname, tty=options.tty),
        "args": list(config.args),
        "user": {"uid": 0, "gid": 0},
        "capabilities": capabilities.document(granted(options)),
        "noNewPrivileges": no_new_privileges(options.security_opt),
        "oomScoreAdj": options.oom_score_adj,
    }
    if options.console_size and options.tty:
        document["consoleSize"] = {"height": options.console_size[0], "width": options.console_size[1]}
    if options.ulimits:
        document["rlimits"] = rlimits.document(options.ulimits, warn)
    return document


def granted(options: RunOptions) -> tuple[str, ...]:
    """Return the capabilities that these options give."""
    base = capabilities.DOCKER if "docker-compat" in options.security_opt else capabilities.DEFAULT
    return capabilities.resolve(options.cap_add, options.cap_drop, privileged=options.privileged, base=base)


def no_new_privileges(security_opt: Sequence[str]) -> bool:
    """Tell whether `no-new-privileges` is among the security options; the last one counts.

    Raises:
        InvalidArgumentError: see `parse_security_opt`.
    """
    return dict(map(parse_security_opt, security_opt)).get("no-new-privileges") == "true"


def _mounts(config: ContainerConfig, context: Context) -> list[dict[str, Any]]:
    options = config.options
    own_shm = context.shared_shm is None and options.ipc not in {"none", "host"}
    found = mounts.default_mounts(options.shm_size, sysfs_rw=options.privileged, own_shm=own_shm)
    if context.shared_shm is not None:
        found.append(context.shared_shm)
    if options.ipc == "host":
        found.append(
            mounts.bind_document("/dev/shm", "/dev/shm", ["rbind", "rprivate", "nosuid", "noexec", "nodev"])
        )
    if options.ipc == "host":
        found = [mount for mount in found if mount["destination"] != "/dev/mqueue"]
    if options.ipc == "host" and os.path.isdir("/dev/mqueue"):
        found.append(
            mounts.bind_document(
                "/dev/mqueue", "/dev/mqueue", ["rbind", "rprivate", "nosuid", "noexec", "nodev"]
            )
        )
    own = mounts.resolve(config.all_mounts, privileged=options.privileged, volume=context.volume)
    replaced = {mount["destination"] for mount in own}
    return [mount for mount in found if mount["destination"] not in replaced] + own


def _linux(config: ContainerConfig, context: Context) -> dict[str, Any]:
    options = config.options
    limits = resources.resolve(options)
    network = namespaces.network_mode(options)
    own_ipc = options.ipc in {None, "", "private", "none", "shareable"}
    parent = options.cgroup_parent or CGROUP_PARENT
    document: dict[str, Any] = {
        "namespaces": namespaces.resolve(options, context.donor),
        "cgroupsPath": f"/{parent.strip('/')}/{context.id}",
        "resources": limits,
    }
    sysctl = sysctls.resolve(options.sysctls, network=network, own_ipc=own_ipc)
    if sysctl:
        document["sysctl"] = sysctl
    propagation = _root_propagation(config)
    if propagation:
        document["rootfsPropagation"] = propagation
    if options.privileged:
        limits["devices"] = [devices.ALLOW_ALL]
        document["devices"] = _merge_nodes(devices.of_host(), devices.resolve(options.devices)[0])
        return document
    nodes, rules = devices.resolve(options.devices) if options.devices else ([], [])
    rules += [devices.parse_rule(rule) for rule in options.device_cgroup_rules]
    compat = devices.MKNOD_ANY if "docker-compat" in options.security_opt else ()
    limits["devices"] = [*devices.DEFAULT_RULES, *compat, *rules]
    if nodes:
        document["devices"] = nodes
    document["maskedPaths"] = list(defaults.masked_paths())
    document["readonlyPaths"] = list(defaults.READONLY_PATHS)
    return document


def _root_propagation(config: ContainerConfig) -> str | None:
    """A shared or slave bind needs a root mount that is not private, as in Docker."""
    modes = {mount.propagation.removeprefix("r") for mount in config.all_mounts if isinstance(mount, Bind)}
    if "shared" in modes:
        return "shared"
    return "slave" if "slave" in modes else None


def _merge_nodes(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By path in the container; the later one wins."""
    return list({node["path"]: node for node in (*first, *second)}.values())
