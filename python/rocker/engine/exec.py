"""`exec`: another process in a running container."""

from __future__ import annotations

import os

from rocker.engine import capabilities, defaults, launch, process, spec
from rocker.engine.keywords import environment, words
from rocker.engine.options import ExecOptions
from rocker.engine.requests import body
from rocker.engine.session import Session, result_of
from rocker.engine.state import running
from rocker.errors import InvalidArgumentError, RockerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from rocker.engine.container import Container
    from rocker.models.result import Result

_ALL = (True, True, True)


def run(
    container: Container,
    command: Sequence[str] | str,
    stdin: bytes | str | None,
    *,
    env: Mapping[str, str] | Sequence[str],
    workdir: str | None,
    user: str | int | None,
    privileged: bool,
    tty: bool,
    timeout: float | None,
    max_output: int | str | None,
) -> Result:
    """Run a command and wait for its result; see `Container.exec`."""
    options = ExecOptions(
        words(command),
        env=environment(env),
        workdir=workdir,
        user=None if user is None else str(user),
        privileged=privileged,
        tty=tty,
        stdin_open=stdin is not None,
    )
    if isinstance(max_output, str):
        from rocker.parse.size import named_size

        max_output = named_size("max_output", max_output)
    data = stdin.encode() if isinstance(stdin, str) else stdin
    with session(container, options, (stdin is not None, True, True)) as connection:
        stdout, stderr, event = connection.communicate(data, timeout=timeout, max_output=max_output)
    return result_of(stdout, stderr, event, container.id)


def session(container: Container, options: ExecOptions, streams: tuple[bool, bool, bool]) -> Session:
    """Run a command and stay connected; see `Container.exec_session`."""
    engine = container.engine
    core = engine.core.request(
        engine.run_root, container.id, _request(container, options, streams[0]), attach=streams
    )
    return Session(engine, core, None, auto_remove=False)


def detached(container: Container, options: ExecOptions) -> None:
    """Run a command and return when it runs; see `Container.exec_detached`."""
    engine = container.engine
    request = _request(container, options, has_input=False, detach=True)
    engine.core.request(engine.run_root, container.id, request).close()


def _request(container: Container, options: ExecOptions, has_input: bool, *, detach: bool = False) -> bytes:
    running(container, "exec")
    config = container.config
    members: dict[str, Any] = {
        "id": os.urandom(32).hex(),
        "process": _process(container, options),
        "user": options.user or config.user or "0",
        "stdin": has_input,
        "tty": options.tty,
        "detach": detach,
        "unconfined": options.privileged or config.options.privileged,
    }
    if config.options.groups and not options.user:
        members["groups"] = list(config.options.groups)
    return body("exec", **members)


def _process(container: Container, options: ExecOptions) -> dict[str, Any]:
    """The container's own process with another command: the same variables, limits and capabilities."""
    args = tuple(options.command)
    if not args or not args[0]:
        raise InvalidArgumentError("No exec command specified", hint="name a program after the container")
    if options.workdir is not None and not options.workdir.startswith("/"):
        raise InvalidArgumentError(f"Cwd must be an absolute path, not {options.workdir!r}")
    config = container.config
    document = spec.process(config, _hostname(container), container.engine.warn)
    env = process.merge_env(options.env, config.env)
    document["env"] = process.environment(
        env, path=defaults.PATH, hostname=_hostname(container), tty=options.tty
    )
    if config.options.links:
        from rocker.network.links import add_variables

        add_variables(container.engine, container.id, container.name, config, document)
    document["args"] = list(args)
    document["cwd"] = options.workdir or config.workdir or "/"
    document["terminal"] = options.tty
    document.pop("consoleSize", None)
    if options.privileged:
        document["capabilities"] = capabilities.document(capabilities.resolve((), (), privileged=True))
    if options.console_size and options.tty:
        document["consoleSize"] = {"height": options.console_size[0], "width": options.console_size[1]}
    return document


def _hostname(container: Container) -> str:
    """The host name; the lender of it may have gone meanwhile, then the short id."""
    try:
        return launch.hostname_of(container.engine, container.id, container.config)
    except RockerError:
        return container.short_id
