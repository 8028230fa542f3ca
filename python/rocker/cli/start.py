"""`rocker start`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, UsageError, Values
from rocker.cli.flags import Flag
from rocker.cli.options import detach_bytes, detach_flags
from rocker.cli.streams import check_terminal, console_size, exit_code, proxy
from rocker.engine.state import RUNS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def start(app: App, values: Values, arguments: list[str]) -> int:
    """Start containers that were created or have exited."""
    if not (values["attach"] or values["interactive"]):
        return app.each(arguments, lambda name: app.engine.containers.get(name).start())
    if len(arguments) > 1:
        raise UsageError("you cannot start and attach multiple containers at once")
    container = app.engine.containers.get(arguments[0])
    stdin = values["interactive"] and container.options.stdin_open
    check_terminal(stdin=stdin, tty=container.tty)
    if container.status in RUNS:
        session = container.attach(stdin=stdin)
    else:
        session = container.launch(stdin=stdin, console_size=console_size() if container.tty else None)
    keys = detach_bytes(values["detach_keys"] or container.options.detach_keys)
    return exit_code(app, proxy(app, session, tty=container.tty, keys=keys, sig_proxy=values["sig_proxy"]))


COMMAND = DockerCommand(
    "start",
    start,
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Start one or more stopped containers",
    aliases=["rocker container start", "rocker start"],
    flags=[
        Flag("-a", "--attach", help="Attach STDOUT/STDERR and forward signals"),
        Flag("-i", "--interactive", help="Attach container's STDIN"),
        *detach_flags(),
    ],
    least=1,
)
