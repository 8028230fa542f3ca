"""`rocker exec`: another process in a running container."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.cli.options import detach_bytes, detach_flags, read_env_files
from rocker.cli.streams import NotTerminalError, check_terminal, console_size, exit_code, proxy
from rocker.errors import ConflictError, ContainerNotFoundError, RockerError
from rocker.parse.keyvalue import parse_env

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def execute(app: App, values: Values, arguments: list[str]) -> int:
    """Run a command in a running container."""
    from rocker.engine.options import ExecOptions

    container = app.engine.containers.get(arguments[0])
    tty, stdin = values["tty"], values["interactive"]
    if not values["detach"]:
        try:
            check_terminal(stdin=stdin, tty=tty)
        except NotTerminalError:
            app.failure = 1
            raise
    options = ExecOptions(
        arguments[1:],
        env=read_env_files(values["env_file"]) + values["env"],
        workdir=values["workdir"],
        user=values["user"],
        privileged=values["privileged"],
        tty=tty,
        stdin_open=stdin,
        console_size=console_size() if tty else None,
    )
    try:
        if values["detach"]:
            container.exec_detached(options)
            return 0
        session = container.exec_session(options, stdin=stdin)
    except (ConflictError, ContainerNotFoundError):
        raise
    except RockerError:  # it runs, but the process could not be made: no such user, no such directory
        app.failure = 126
        raise
    event = proxy(app, session, tty=tty, keys=detach_bytes(values["detach_keys"]), sig_proxy=False)
    return exit_code(app, event)


COMMAND = DockerCommand(
    "exec",
    execute,
    usage="[OPTIONS] CONTAINER COMMAND [ARG...]",
    summary="Execute a command in a running container",
    aliases=["rocker container exec", "rocker exec"],
    flags=[
        Flag("-d", "--detach", help="Detached mode: run command in the background"),
        detach_flags()[0],
        Flag("-e", "--env", kind="list", parse=parse_env, many=True, help="Set environment variables"),
        Flag("--env-file", kind="list", many=True, help="Read in a file of environment variables"),
        Flag("-i", "--interactive", help="Keep STDIN open even if not attached"),
        Flag("--privileged", help="Give extended privileges to the command"),
        Flag("-t", "--tty", help="Allocate a pseudo-TTY"),
        Flag("-u", "--user", kind="string", help='Username or UID (format: "<name|uid>[:<group|gid>]")'),
        Flag("-w", "--workdir", kind="string", help="Working directory inside the container"),
    ],
    least=2,
    interspersed=False,
    runs_programs=True,
)
