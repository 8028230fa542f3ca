"""`rocker logs`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def logs(app: App, values: Values, arguments: list[str]) -> int:
    """Write what a container has written, and go on with `-f`."""
    container = app.engine.containers.get(arguments[0])
    app.flush()
    container.copy_logs(
        1,
        2,
        follow=values["follow"],
        tail=values["tail"],
        since=values["since"],
        until=values["until"],
        timestamps=values["timestamps"],
        details=values["details"],
    )
    return 0


def _lines(text: str) -> int | None:
    """The number of `--tail`; `all`, and what is no number, is everything, as Docker has it."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004 -- digits


COMMAND = DockerCommand(
    "logs",
    logs,
    usage="[OPTIONS] CONTAINER",
    summary="Fetch the logs of a container",
    aliases=["rocker container logs", "rocker logs"],
    flags=[
        Flag("--details", help="Show extra details provided to logs"),
        Flag("-f", "--follow", help="Follow log output"),
        Flag(
            "--since",
            kind="string",
            help='Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
        ),
        Flag(
            "-n",
            "--tail",
            kind="string",
            parse=_lines,
            help='Number of lines to show from the end of the logs (default "all")',
        ),
        Flag("-t", "--timestamps", help="Show timestamps"),
        Flag(
            "--until",
            kind="string",
            help='Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
        ),
    ],
    least=1,
    most=1,
)
