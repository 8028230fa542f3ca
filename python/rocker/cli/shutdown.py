"""`rocker system shutdown`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.parse.number import parse_int

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App
    from rocker.engine.container import Container
    from rocker.errors import RockerError


def shutdown(app: App, values: Values, _arguments: list[str]) -> int:
    """Stop what runs, and print the names of what was stopped."""
    failures: list[RockerError] = []

    def failed(container: Container, error: RockerError) -> None:
        failures.append(error)
        app.err(f"rocker: {container.name} could not be stopped: {error.message}")
        if error.hint:
            app.err(f"hint: {error.hint}")

    for container in app.engine.shutdown(values["timeout"], failed=failed):
        app.out(container.name)
    return 1 if failures else 0


COMMAND = DockerCommand(
    "shutdown",
    shutdown,
    usage="[OPTIONS]",
    summary="Stop all running containers before the machine goes down; system boot starts again those with the restart"
    "\npolicies always and unless-stopped",
    flags=[
        Flag(
            "-t",
            "--timeout",
            kind="int",
            parse=parse_int,
            help="Seconds to wait before killing the containers (default: each one's own)",
        )
    ],
    most=0,
)
