"""`rocker run`: create, start, and be its mouthpiece until it ends."""

from __future__ import annotations

import os

from rocker.cli.command import DockerCommand, UsageError, Values
from rocker.cli.flags import Flag
from rocker.cli.options import (
    attached_streams,
    detach_bytes,
    detach_flags,
    parse_seconds,
    run_flags,
    to_run_options,
)
from rocker.cli.streams import NotTerminalError, check_terminal, console_size, exit_code, proxy
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from rocker.cli.app import App
    from rocker.engine.container import Container
    from rocker.engine.options import RunOptions


def run(app: App, values: Values, arguments: list[str]) -> int:
    """Run a command in a new container."""
    if values["detach"] and values["attach"]:
        raise UsageError("Conflicting options: -a and -d")
    if (values["wait"] or values["wait_timeout"]) and not values["detach"]:
        raise InvalidArgumentError("--wait needs --detach", hint="without -d the command waits for the end")
    streams = attached_streams(values)
    try:
        check_terminal(stdin="stdin" in streams, tty=values["tty"])
    except NotTerminalError:
        app.failure = 1
        raise
    options = to_run_options(values, arguments)
    if values["tty"]:
        options = options.replace(console_size=console_size())
    with CidFile(values["cidfile"]) as cidfile:
        container = create(app, options, cidfile, for_run=True, quiet=values["quiet"])
    if values["detach"]:
        container.start()
        app.out(container.id)
        if values["wait"] and container.health != "none":
            app.flush()
            container.wait(values["wait_timeout"], condition="healthy")
        return 0
    session = container.launch(
        stdin="stdin" in streams,
        stdout="stdout" in streams,
        stderr="stderr" in streams,
        console_size=options.console_size,
    )
    keys = detach_bytes(values["detach_keys"])
    event = proxy(app, session, tty=values["tty"], keys=keys, sig_proxy=values["sig_proxy"])
    return exit_code(app, event)


def create(app: App, options: RunOptions, cidfile: CidFile, *, for_run: bool, quiet: bool) -> Container:
    """Create the container and write its id down. `for_run`: it is started next, see `Engine.create`.

    With `quiet` nothing is shown of a pull.
    """
    if not quiet:
        app.engine.show_pull = app.pull_progress
    container = app.engine.create(options, for_run=for_run)
    cidfile.write(container.id)
    return container


class CidFile:
    """The file of `--cidfile`: it must not exist, and it vanishes when no container was made."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._written = False

    def __enter__(self) -> Self:
        if self._path:
            try:
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644))
            except FileExistsError:
                raise InvalidArgumentError(
                    f"Container ID file found, make sure the other container isn't running or delete {self._path}",
                    path=self._path,
                ) from None
            except OSError as error:
                raise InvalidArgumentError(
                    f"failed to create the container ID file: open {self._path}: {error.strerror}",
                    errno=error.errno,
                    path=self._path,
                ) from error
        return self

    def write(self, container_id: str) -> None:
        """Write the id, without a newline."""
        if self._path:
            with open(self._path, "w", encoding="ascii") as file:
                file.write(container_id)
            self._written = True

    def __exit__(self, *_error: object) -> None:
        if self._path and not self._written and os.path.exists(self._path):
            os.unlink(self._path)


COMMAND = DockerCommand(
    "run",
    run,
    usage="[OPTIONS] IMAGE [COMMAND] [ARG...]",
    summary="Create and run a new container from an image",
    aliases=["rocker container run", "rocker run"],
    flags=[
        *run_flags(),
        *detach_flags(),
        Flag("-d", "--detach", help="Run container in background and print container ID"),
        Flag("-q", "--quiet", help="Suppress the pull output"),
        Flag("--wait", help="With --detach, wait until the container is healthy"),
        Flag("--wait-timeout", kind="seconds", parse=parse_seconds, help="Wait so long at most (also 1m30s)"),
    ],
    least=1,
    interspersed=False,
    failure=125,
    runs_programs=True,
)
