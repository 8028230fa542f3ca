"""`inspect`: everything about a container, as Docker's `GET /containers/{id}/json` has it."""

from __future__ import annotations

import os

from rocker.engine import defaults, logconfig, network_settings
from rocker.engine import state as states
from rocker.engine.options import DEFAULT_SHM_SIZE, Bind, ImageMount, Tmpfs, VolumeMount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.config import ContainerConfig
    from rocker.engine.container import Container
    from rocker.engine.engine import Engine
    from rocker.engine.options import DeviceRequest, RunOptions
    from rocker.models.container import ContainerInspect, Mount


_WITH_PATH = frozenset(("json-file", "local"))
"""Log drivers whose file is the log itself."""


def inspect(engine: Engine, container: Container, *, size: bool) -> ContainerInspect:
    """Return the document; see `Container.inspect`."""
    from rocker.engine.times import format_rfc3339

    config, id = container.config, container.id  # noqa: A001
    state = engine.state(id)
    driver = logconfig.driver_of(config)
    run = f"{engine.run_root}/containers/{id}"
    document: ContainerInspect = {
        "Id": id,
        "Created": format_rfc3339(container.created_ns),
        "Path": config.args[0],
        "Args": list(config.args[1:]),
        "State": states.document(state),
        "Image": container.image_id,
        "ResolvConfPath": f"{run}/resolv.conf",
        "HostnamePath": f"{run}/hostname",
        "HostsPath": f"{run}/hosts",
        "LogPath": f"{engine.root}/{logconfig.path_of(id, driver)}" if driver in _WITH_PATH else "",
        "Name": "/" + container.name,
        "RestartCount": (state or {}).get("restart_count", 0),
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": None,
        "HostConfig": _host_config(config, container.name),
        "GraphDriver": _graph_driver(engine, id, config),
        "Mounts": mounts(engine, config),
        "Config": _config(container),
        "NetworkSettings": network_settings.document(engine, id, container.name, config, state),
    }
    if size:
        from rocker.engine.size import sizes

        document["SizeRw"], document["SizeRootFs"] = sizes(engine, id, container.image_id)
    return document


def _graph_driver(engine: Engine, id: str, config: ContainerConfig) -> dict[str, Any]:  # noqa: A002
    """Where the layers are. There is no merged directory: the root is mounted inside the container only."""
    own = engine.directory(id)
    lower = [
        f"{engine.root}/layers/sha256/{layer.removeprefix('sha256:')}" for layer in reversed(config.layers)
    ]
    if config.options.rootfs is not None:
        lower = [os.path.abspath(config.options.rootfs)]
    data = {
        "LowerDir": ":".join(lower),
        "MergedDir": "",
        "UpperDir": f"{own}/upper",
        "WorkDir": f"{own}/work",
    }
    return {"Data": data, "Name": "overlay2"}


def mounts(engine: Engine, config: ContainerConfig) -> list[Mount]:
    """Return `Mounts`: what the user, other containers and the image mount."""
    found: list[Mount] = []
    for mount in config.all_mounts:
        if isinstance(mount, VolumeMount):
            found.append(
                {
                    "Type": "volume",
                    "Name": mount.name,
                    "Source": f"{engine.root}/volumes/{mount.name}/_data",
                    "Destination": mount.target,
                    "Driver": mount.driver or "local",
                    "Mode": "ro" if mount.read_only else "",
                    "RW": not mount.read_only,
                    "Propagation": "",
                }
            )
        elif isinstance(mount, ImageMount):
            found.append(
                {
                    "Type": "image",
                    "Source": mount.image,
                    "Destination": mount.target,
                    "Mode": "",
                    "RW": False,
                    "Propagation": "",
                }
            )
        elif isinstance(mount, Bind):
            found.append(
                {
                    "Type": "bind",
                    "Source": os.path.abspath(mount.source),
                    "Destination": mount.target,
                    "Mode": "ro" if mount.read_only else "",
                    "RW": not mount.read_only,
                    "Propagation": mount.propagation,
                }
            )
        else:
            found.append(
                {
                    "Type": "tmpfs",
                    "Source": "",
                    "Destination": mount.target,
                    "Mode": "",
                    "RW": "ro" not in mount.options,
                    "Propagation": "",
                }
            )
    return found


def _config(container: Container) -> dict[str, Any]:
    config, options = container.config, container.options
    found: dict[str, Any] = {
        "Hostname": options.hostname
        or ("" if (options.network or "").startswith("container:") else container.short_id),
        "Domainname": options.domainname or "",
        "User": config.user,
        "AttachStdin": "stdin" in options.attach,
        "AttachStdout": "stdout" in options.attach,
        "AttachStderr": "stderr" in options.attach,
        "Tty": options.tty,
        "OpenStdin": options.stdin_open,
        "StdinOnce": options.stdin_open and "stdin" in options.attach,
        "Env": _shown_env(config),
        "Cmd": list(config.cmd) or None,
        "Image": container.image,
        "Volumes": {path: {} for path in _nameless(config)} or None,
        "WorkingDir": config.workdir,
        "Entrypoint": None if config.entrypoint is None else list(config.entrypoint),
        "OnBuild": None,
        "Labels": dict(config.labels),
    }
    if config.healthcheck is not None:
        from rocker.engine.health import shown

        found["Healthcheck"] = shown(config.healthcheck)
    if config.shell:
        found["Shell"] = list(config.shell)
    if config.exposed_ports:
        found["ExposedPorts"] = {port: {} for port in config.exposed_ports}
    if options.stop_signal or config.stop_signal != 15:  # noqa: PLR2004
        found["StopSignal"] = options.stop_signal or str(config.stop_signal)
    if options.stop_timeout is not None:
        found["StopTimeout"] = options.stop_timeout
    return found


def _nameless(config: ContainerConfig) -> list[str]:
    """Where volumes without a name are: the image's, and the user's."""
    own = [
        mount.target for mount in config.options.mounts if isinstance(mount, VolumeMount) and not mount.name
    ]
    return [*config.volumes, *own]


def _shown_env(config: ContainerConfig) -> list[str]:
    """The variables as Docker keeps them; the ones that only take something away are left out."""
    return [entry for entry in config.env if "=" in entry]


def _host_config(config: ContainerConfig, name: str) -> dict[str, Any]:
    options = config.options
    return {
        **_host_basics(config, options),
        **_host_network(options, name),
        **_host_security(options),
        **_host_resources(options),
    }


def _host_basics(config: ContainerConfig, options: RunOptions) -> dict[str, Any]:
    binds = [
        mount
        for mount in options.mounts
        if isinstance(mount, Bind) or (isinstance(mount, VolumeMount) and mount.name)
    ]
    tmpfs = {mount.target: _tmpfs_words(mount) for mount in options.mounts if isinstance(mount, Tmpfs)}
    found: dict[str, Any] = {
        "Binds": [_bind_words(bind) for bind in binds] or None,
        "ContainerIDFile": "",
        "LogConfig": {"Type": logconfig.driver_of(config), "Config": dict(options.log_opts)},
        "RestartPolicy": _restart_policy(options.restart),
        "AutoRemove": options.auto_remove,
        "VolumeDriver": "",
        "VolumesFrom": list(options.volumes_from) or None,
        "ConsoleSize": list(options.console_size or (0, 0)),
        "Annotations": dict(options.annotations),
        "GroupAdd": list(options.groups) or None,
        "Runtime": "rocker-runtime",
        "Isolation": "",
        "Timeout": options.timeout,
    }
    if tmpfs:
        found["Tmpfs"] = tmpfs
    if options.init:
        found["Init"] = True
    if options.sysctls:
        found["Sysctls"] = dict(options.sysctls)
    return found


def _host_network(options: RunOptions, name: str) -> dict[str, Any]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in options.ports:
        text = "" if port.host_port is None else str(port.host_port)
        if port.host_port_end:
            text += f"-{port.host_port_end}"
        bound = {"HostIp": port.host_ip, "HostPort": text}
        bindings.setdefault(f"{port.container_port}/{port.protocol}", []).append(bound)
    links = (link.partition(":") for link in options.links)
    return {
        "NetworkMode": options.network or "bridge",
        "PortBindings": bindings,
        "Dns": list(options.dns),
        "DnsOptions": list(options.dns_options),
        "DnsSearch": list(options.dns_search),
        "ExtraHosts": list(options.extra_hosts) or None,
        "Links": [f"/{target}:/{name}/{alias or target}" for target, _, alias in links] or None,
        "PublishAllPorts": options.publish_all,
    }


def _restart_policy(text: str) -> dict[str, Any]:
    from rocker.parse.restart import parse_restart

    policy = parse_restart(text)
    return {"Name": policy.name, "MaximumRetryCount": policy.maximum_retries}


def _bind_words(bind: Bind | VolumeMount) -> str:
    if isinstance(bind, VolumeMount):
        said = [word for word, is_said in (("ro", bind.read_only), ("nocopy", bind.no_copy)) if is_said]
        return ":".join([bind.name, bind.target, *([",".join(said)] if said else [])])
    words = [] if bind.propagation == "rprivate" else [bind.propagation]
    if bind.read_only:
        words.insert(0, "ro")
    if bind.idmap:
        words.append("idmap")
    return ":".join([os.path.abspath(bind.source), bind.target, *([",".join(words)] if words else [])])


def _tmpfs_words(mount: Tmpfs) -> str:
    words = list(mount.options)
    if mount.size is not None:
        words.append(f"size={mount.size}")
    if mount.mode is not None:
        words.append(f"mode={mount.mode:o}")
    return ",".join(words)


def _host_security(options: RunOptions) -> dict[str, Any]:
    return {
        "CapAdd": list(options.cap_add) or None,
        "CapDrop": list(options.cap_drop) or None,
        "CgroupnsMode": options.cgroupns or "private",
        "IpcMode": options.ipc or "private",
        "Cgroup": "",
        "OomScoreAdj": options.oom_score_adj,
        "PidMode": options.pid or "",
        "Privileged": options.privileged,
        "ReadonlyRootfs": options.read_only,
        "SecurityOpt": list(options.security_opt) or None,
        "UTSMode": options.uts or "",
        "UsernsMode": options.userns or "",
        "ShmSize": DEFAULT_SHM_SIZE if options.shm_size is None else options.shm_size,
        "MaskedPaths": None if options.privileged else list(defaults.masked_paths()),
        "ReadonlyPaths": None if options.privileged else list(defaults.READONLY_PATHS),
    }


def _device_request(request: DeviceRequest) -> dict[str, Any]:
    return {
        "Driver": request.driver,
        "Count": request.count,
        "DeviceIDs": list(request.device_ids) or None,
        "Capabilities": [list(wanted) for wanted in request.capabilities] or None,
        "Options": None if request.driver == "cdi" and not request.options else dict(request.options),
    }


def _host_resources(options: RunOptions) -> dict[str, Any]:
    from rocker.engine.resources import DEFAULT_PIDS

    return {
        "CpuShares": options.cpu_shares or 0,
        "Memory": options.memory or 0,
        "NanoCpus": round((options.cpus or 0) * 10**9),
        "CgroupParent": options.cgroup_parent or "",
        "BlkioWeight": options.blkio_weight or 0,
        "BlkioWeightDevice": [],
        "BlkioDeviceReadBps": [],
        "BlkioDeviceWriteBps": [],
        "BlkioDeviceReadIOps": [],
        "BlkioDeviceWriteIOps": [],
        "CpuPeriod": options.cpu_period or 0,
        "CpuQuota": options.cpu_quota or 0,
        "CpuRealtimePeriod": 0,
        "CpuRealtimeRuntime": 0,
        "CpusetCpus": options.cpuset_cpus or "",
        "CpusetMems": options.cpuset_mems or "",
        "Devices": [
            {
                "PathOnHost": device.source,
                "PathInContainer": device.target,
                "CgroupPermissions": device.permissions,
            }
            for device in options.devices
        ],
        "DeviceCgroupRules": list(options.device_cgroup_rules) or None,
        "DeviceRequests": [_device_request(request) for request in options.device_requests] or None,
        "KernelMemoryTCP": 0,
        "MemoryReservation": options.memory_reservation or 0,
        "MemorySwap": options.memory_swap or 2 * (options.memory or 0),
        "MemorySwappiness": options.memory_swappiness,
        "OomKillDisable": options.oom_kill_disable,
        "PidsLimit": DEFAULT_PIDS if options.pids_limit is None else options.pids_limit,
        "Ulimits": [{"Name": limit.name, "Hard": limit.hard, "Soft": limit.soft} for limit in options.ulimits]
        or None,
        "CpuCount": 0,
        "CpuPercent": 0,
        "IOMaximumIOps": 0,
        "IOMaximumBandwidth": 0,
    }
