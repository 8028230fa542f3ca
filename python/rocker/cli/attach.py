"""`rocker attach`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.cli.options import detach_bytes, detach_flags
from rocker.cli.streams import check_terminal, console_size, exit_code, proxy
from rocker.errors import NotRunningError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def attach(app: App, values: Values, arguments: list[str]) -> int:
    """Join the streams of a running container."""
    container = app.engine.containers.get(arguments[0])
    if container.status == "paused":
        raise NotRunningError("You cannot attach to a paused container, unpause it first")
    if container.status == "restarting":
        raise NotRunningError("You cannot attach to a restarting container, wait until it is running")
    if container.status != "running":
        raise NotRunningError("You cannot attach to a stopped container, start it first")
    stdin = container.options.stdin_open and not values["no_stdin"]
    check_terminal(stdin=stdin, tty=container.tty)
    session = container.attach(stdin=stdin)
    if container.tty and (size := console_size()):
        # A program that draws its screen repaints when the size changes, not when it stays: so it changes
        # twice.
        session.resize(size[1] + 1, size[0] + 1)
        session.resize(size[1], size[0])
    keys = detach_bytes(values["detach_keys"] or container.options.detach_keys)
    event = proxy(app, session, tty=container.tty, keys=keys, sig_proxy=values["sig_proxy"])
    return exit_code(app, event)


COMMAND = DockerCommand(
    "attach",
    attach,
    usage="[OPTIONS] CONTAINER",
    summary="Attach local standard input, output, and error streams to a running container",
    aliases=["rocker container attach", "rocker attach"],
    flags=[*detach_flags(), Flag("--no-stdin", help="Do not attach STDIN")],
    least=1,
    most=1,
)
