"""`info`: the engine and its host, as Docker's `GET /info` has it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.engine import Engine


def info(engine: Engine) -> dict[str, Any]:
    """Return the document; see `Engine.info`."""
    from rocker.engine.options import LOG_DRIVERS
    from rocker.engine.times import format_rfc3339

    machine = os.uname()
    statuses = _statuses(engine)
    running = statuses.count("running") + statuses.count("restarting")
    import time

    return {
        "ID": _machine_id(),
        "Containers": len(statuses),
        "ContainersRunning": running,
        "ContainersPaused": statuses.count("paused"),
        "ContainersStopped": len(statuses) - running - statuses.count("paused"),
        "Images": int(str(engine.catalog.query("SELECT count(*) FROM images")[0][0])),
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", _file_system(engine.root)]],
        "Plugins": {
            "Volume": [],
            "Network": ["bridge", "host", "ipvlan", "macvlan", "null"],
            "Authorization": None,
            "Log": list(LOG_DRIVERS),
        },
        **_cdi(engine),
        "SystemTime": format_rfc3339(time.time_ns()),
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": _cgroup_version(),
        "KernelVersion": machine.release,
        "OperatingSystem": _operating_system(),
        "OSType": "linux",
        "Architecture": machine.machine,
        "NCPU": os.cpu_count() or 1,
        "MemTotal": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "DockerRootDir": engine.root,
        "RunRoot": engine.run_root,
        "Name": machine.nodename,
        "Labels": [],
        "ExperimentalBuild": False,
        "ServerVersion": engine.version()["Version"],
        "Runtimes": {"rocker-runtime": {"path": _runtime()}},
        "DefaultRuntime": "rocker-runtime",
        "Swarm": {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": False,
            "Error": "",
        },
        "LiveRestoreEnabled": True,
        "InitBinary": "rocker-runtime",
        "SecurityOptions": ["name=seccomp,profile=default", *_userns(engine), "name=cgroupns"],
        "Warnings": None,
    }


def _cdi(engine: Engine) -> dict[str, Any]:
    from rocker.cdi.directories import of_engine
    from rocker.cdi.registry import Registry

    registry = Registry(of_engine(engine))
    return {
        "CDISpecDirs": list(registry.directories),
        "DiscoveredDevices": [{"Source": "cdi", "ID": name} for name in sorted(registry.devices)],
    }


def _statuses(engine: Engine) -> list[str]:
    from rocker.engine.state import status_of

    states = engine.core.read_states(engine.run_root, engine.root, engine.catalog.container_ids())
    return [status_of(state) for state in states]


def _userns(engine: Engine) -> list[str]:
    """Say as Docker that containers have user namespaces, if the configuration turns them on."""
    from rocker.engine.settings import read

    return ["name=userns"] if read(engine.root).userns not in {"", "host"} else []


def _runtime() -> str:
    from rocker.engine.start import RUNTIME

    return RUNTIME


def _cgroup_version() -> str:
    """2 only where the unified hierarchy has the memory controller; beside v1 controllers it has not."""
    from rocker.engine.files import read

    return "2" if "memory" in read("/sys/fs/cgroup/cgroup.controllers").split() else "1"


def _machine_id() -> str:
    """An id of this host that does not tell its machine id (machine-id(5) asks for that)."""
    import hashlib

    from rocker.engine.files import read

    return hashlib.sha256(b"rocker\0" + read("/etc/machine-id").strip().encode()).hexdigest()[:32]


def _operating_system() -> str:
    from rocker.engine.files import read

    for line in read("/etc/os-release").splitlines():
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME":
            return value.strip("\"'")
    return "Linux"


def _file_system(path: str) -> str:
    """Return the type of the file system that holds a path: the mount with the longest matching target."""
    from rocker.engine.files import read

    best, kind = "", "unknown"
    for line in read("/proc/self/mounts").splitlines():
        fields = line.split()
        target = fields[1]
        if len(target) >= len(best) and (path == target or path.startswith(target.rstrip("/") + "/")):
            best, kind = target, fields[2]
    return kind
