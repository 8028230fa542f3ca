"""`rocker system boot`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App
    from rocker.engine.container import Container
    from rocker.errors import RockerError


def boot(app: App, _values: Values, _arguments: list[str]) -> int:
    """Start what should run, and print the names of what was started."""
    failures: list[RockerError] = []

    def failed(container: Container, error: RockerError) -> None:
        failures.append(error)
        app.err(f"rocker: {container.name} could not be started: {error.message}")
        if error.hint:
            app.err(f"hint: {error.hint}")

    for container in app.engine.boot(failed=failed):
        app.out(container.name)
    return 1 if failures else 0


COMMAND = DockerCommand(
    "boot",
    boot,
    usage="",
    summary="Start the containers that should run after the machine has started: those with the restart policy always,"
    "\nand those with unless-stopped that were not stopped",
    most=0,
)
