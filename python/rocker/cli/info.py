"""`rocker info`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rocker.cli.app import App

_LINES = (
    ("Containers", "Containers"), ("ContainersRunning", " Running"), ("ContainersPaused", " Paused"),
    ("ContainersStopped", " Stopped"), ("Images", "Images"), ("ServerVersion", "Server Version"),
    ("Driver", "Storage Driver"), ("LoggingDriver", "Logging Driver"), ("CgroupDriver", "Cgroup Driver"),
    ("CgroupVersion", "Cgroup Version"), ("KernelVersion", "Kernel Version"), ("OperatingSystem", "Operating System"),
    ("OSType", "OSType"), ("Architecture", "Architecture"), ("NCPU", "CPUs"), ("MemTotal", "Total Memory"),
    ("Name", "Name"), ("ID", "ID"), ("DockerRootDir", "Root Dir"),
)  # fmt: skip


_LISTS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("CDISpecDirs", "CDI spec directories", str),
    ("DiscoveredDevices", "Discovered Devices", lambda device: f"{device['Source']}: {device['ID']}"),
)


def info(app: App, values: Values, _arguments: list[str]) -> int:
    """Show what the engine has and what the machine offers."""
    found = app.engine.info()
    if values["format"]:
        app.out(render(found, values["format"]))
        return 0
    for key, label in _LINES:
        if key in found:
            app.out(f"{label}: {_shown(key, found[key])}")
    for key, label, shown in _LISTS:
        if found.get(key):
            app.out(f"{label}:")
            for entry in found[key]:
                app.out(f"  {shown(entry)}")
    if found.get("SecurityOptions"):
        app.out("Security Options:")
        for option in found["SecurityOptions"]:
            app.out(f" {option.removeprefix('name=').partition(',')[0]}")
    for warning in found.get("Warnings") or []:
        app.err(f"WARNING: {warning}")
    return 0


def _shown(key: str, value: Any) -> str:
    if key == "MemTotal":
        from rocker.formatting.units import binary_size

        return binary_size(value)
    return str(value)


def render(document: dict[str, Any], form: str) -> str:
    """A document as JSON or through a template."""
    if form == "json":
        from rocker.formatting.template.functions import to_json

        return to_json(document)
    from rocker.cli.inspect import as_fields
    from rocker.formatting.template import Template

    return Template(form).render(as_fields(document))


COMMAND = DockerCommand(
    "info",
    info,
    usage="[OPTIONS]",
    summary="Display system-wide information",
    aliases=["rocker system info", "rocker info"],
    flags=[
        Flag("-f", "--format", kind="string", default="",
             help="Format output using a custom template: 'json' or 'TEMPLATE', a Go template"),
    ],
    most=0,
)  # fmt: skip
