"""`rocker version`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.cli.app import App

_LINES = (
    ("Version", "Version"), ("ApiVersion", "API version"), ("GitCommit", "Git commit"), ("BuildTime", "Built"),
    ("KernelVersion", "Kernel"),
)  # fmt: skip


def version(app: App, values: Values, _arguments: list[str]) -> int:
    """Show the version of rocker: there is one program, so client and engine are the same."""
    found = app.engine.version()
    # Docker's templates ask for `.Client.Version` and `.Server.Version`.
    both = {"Client": found, "Server": found}
    if values["format"]:
        from rocker.cli.info import render

        app.out(render(both, values["format"]))
        return 0
    for name in both:
        app.out(f"{name}: rocker")
        app.out("\n".join(_describe(found)))
        if name == "Client":
            app.out("")
    return 0


def _describe(found: dict[str, Any]) -> list[str]:
    lines = [f" {label + ':':<18}{found[key]}" for key, label in _LINES if found.get(key)]
    return [*lines, f" {'OS/Arch:':<18}{found.get('Os', 'linux')}/{found.get('Arch', '')}"]


def short_version() -> str:
    """What `rocker --version` prints."""
    from rocker import _core

    return f"rocker version {_core.__version__}"


COMMAND = DockerCommand(
    "version",
    version,
    usage="[OPTIONS]",
    summary="Show the rocker version information",
    flags=[
        Flag("-f", "--format", kind="string", default="",
             help="Format output using a custom template: 'json' or 'TEMPLATE', a Go template"),
    ],
    most=0,
)  # fmt: skip
