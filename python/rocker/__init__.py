"""rocker: a container engine to import.

    import rocker

    result = rocker.run("debian", ["echo", "hi"])        # waits; removed afterwards
    with rocker.Engine(root="/var/lib/rocker") as engine:
        container = engine.run("debian", ["sleep", "60"], detach=True, bind_to_caller=True)
        container.exec(["ls"]).stdout

The engine runs in this process; no daemon is needed. What is not used is not imported. Lower down, `rocker.core` is the
native mechanism alone. Errors: `rocker.errors`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.container import Container as Container
    from rocker.engine.engine import Engine as Engine
    from rocker.engine.network import Network as Network
    from rocker.engine.options import Attachment as Attachment
    from rocker.engine.options import Bind as Bind
    from rocker.engine.options import Device as Device
    from rocker.engine.options import DeviceRequest as DeviceRequest
    from rocker.engine.options import ExecOptions as ExecOptions
    from rocker.engine.options import HealthCheck as HealthCheck
    from rocker.engine.options import ImageMount as ImageMount
    from rocker.engine.options import Port as Port
    from rocker.engine.options import RunOptions as RunOptions
    from rocker.engine.options import Tmpfs as Tmpfs
    from rocker.engine.options import Ulimit as Ulimit
    from rocker.engine.options import VolumeMount as VolumeMount
    from rocker.engine.popen import DEVNULL as DEVNULL
    from rocker.engine.popen import PIPE as PIPE
    from rocker.engine.popen import Popen as Popen
    from rocker.engine.shared import run as run
    from rocker.engine.volumes.volume import Volume as Volume
    from rocker.errors import RockerError as RockerError
    from rocker.models.result import CommandFailedError as CommandFailedError
    from rocker.models.result import Result as Result
    from rocker.models.result import Usage as Usage

    __version__: str

_HOMES = {
    "Attachment": "rocker.engine.options",
    "Bind": "rocker.engine.options",
    "CommandFailedError": "rocker.models.result",
    "Container": "rocker.engine.container",
    "DEVNULL": "rocker.engine.popen",
    "Device": "rocker.engine.options",
    "DeviceRequest": "rocker.engine.options",
    "Engine": "rocker.engine.engine",
    "ExecOptions": "rocker.engine.options",
    "HealthCheck": "rocker.engine.options",
    "ImageMount": "rocker.engine.options",
    "Network": "rocker.engine.network",
    "PIPE": "rocker.engine.popen",
    "Port": "rocker.engine.options",
    "Popen": "rocker.engine.popen",
    "Result": "rocker.models.result",
    "RockerError": "rocker.errors",
    "RunOptions": "rocker.engine.options",
    "Tmpfs": "rocker.engine.options",
    "Ulimit": "rocker.engine.options",
    "Usage": "rocker.models.result",
    "Volume": "rocker.engine.volumes.volume",
    "VolumeMount": "rocker.engine.options",
    "__version__": "rocker._core",
    "run": "rocker.engine.shared",
}
__all__ = [
    "DEVNULL",
    "PIPE",
    "Attachment",
    "Bind",
    "CommandFailedError",
    "Container",
    "Device",
    "DeviceRequest",
    "Engine",
    "ExecOptions",
    "HealthCheck",
    "ImageMount",
    "Network",
    "Popen",
    "Port",
    "Result",
    "RockerError",
    "RunOptions",
    "Tmpfs",
    "Ulimit",
    "Usage",
    "Volume",
    "VolumeMount",
    "__version__",
    "run",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'rocker' has no attribute {name!r}")
    import importlib

    found = getattr(importlib.import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
