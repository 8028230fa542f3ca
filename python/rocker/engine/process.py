"""The program of a container: command, environment, user, merged from the image and the options as Docker does."""

from __future__ import annotations

import os

from rocker.engine.config import ContainerConfig
from rocker.errors import InvalidArgumentError
from rocker.parse.signal import number_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rocker.engine.options import HealthCheck, RunOptions
    from rocker.images.config import ImageConfig


def merge(options: RunOptions, image: ImageConfig | None, *, creator: str | None = None) -> ContainerConfig:
    """Merge what the user said with the image's configuration.

    Nothing of the image but Entrypoint, Cmd, Env, WorkingDir, User, StopSignal, Volumes, Labels, ExposedPorts,
    Healthcheck and Shell is looked at, and none of these is read as an instruction to the engine (CVE-2022-23648 and
    its like).

    Raises:
        InvalidArgumentError: there is no command, or a value cannot be one.
    """
    entrypoint, cmd = _command(options, image)
    args = (*(entrypoint or ()), *cmd)
    if not args:
        raise InvalidArgumentError("No command specified", hint="name a program after the image")
    if not args[0]:
        raise InvalidArgumentError(
            'exec: "": executable file not found in $PATH', hint="the command is empty"
        )
    workdir = options.workdir or (image.working_dir if image else "")
    if options.workdir and not options.workdir.startswith("/"):
        raise InvalidArgumentError(
            f"the working directory '{options.workdir}' is invalid, it needs to be an absolute path"
        )
    signal = options.stop_signal or (image.stop_signal if image else "") or 15
    _check_strings("argument", args)
    return ContainerConfig(
        options=options,
        args=args,
        entrypoint=entrypoint,
        cmd=cmd,
        env=merge_env(options.env, image.env if image else ()),
        workdir=workdir if workdir.startswith("/") or not workdir else "/" + workdir,
        user=options.user or (image.user if image else ""),
        labels={**image.labels, **options.labels} if image else dict(options.labels),
        stop_signal=number_of(signal),
        layers=tuple(image.diff_ids) if image else (),
        volumes=tuple(sorted(image.volumes)) if image else (),
        exposed_ports=_exposed(options, image),
        healthcheck=_healthcheck(options, image),
        shell=tuple(image.shell or ()) if image else (),
        creator=creator,
    )


def _healthcheck(options: RunOptions, image: ImageConfig | None) -> HealthCheck | None:
    given = image.healthcheck if image else None
    if given is None and options.healthcheck is None:
        return None
    from rocker.engine.health import merge as merge_health

    return merge_health(options.healthcheck, given)


def _exposed(options: RunOptions, image: ImageConfig | None) -> tuple[str, ...]:
    """Return `80/tcp` and its like: what the image and the user expose, and what is published."""
    found = {port if "/" in port else f"{port}/tcp" for port in (image.exposed_ports if image else ())}
    if options.expose:
        found.update(options.expose)
    if options.ports:
        found.update(f"{port.container_port}/{port.protocol}" for port in options.ports)
    return tuple(sorted(found))


def _command(
    options: RunOptions, image: ImageConfig | None
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    command = tuple(options.command)
    if options.entrypoint is not None:
        # Docker: an own entrypoint drops the image's Cmd, and `--entrypoint ""` the image's Entrypoint.
        own = tuple(options.entrypoint)
        return (None if own in {(), ("",)} else own), command
    entrypoint = image.entrypoint if image else None
    cmd = command or tuple((image.cmd if image else None) or ())
    return (tuple(entrypoint) if entrypoint else None), cmd


def merge_env(user: Iterable[str], image: Iterable[str]) -> tuple[str, ...]:
    """Return the user's variables, then those of the image that the user did not name.

    `NAME` alone takes the caller's value; where the caller has none it takes the image's away, and stays as `NAME`.
    The same in an image is dropped: an image must not read the caller's environment (CVE-2020-14370 and its like).

    Raises:
        InvalidArgumentError: a name is empty or a value contains NUL.
    """
    found: dict[str, str] = {}
    for entry in user:
        name, equals, _ = entry.partition("=")
        if not name:
            raise InvalidArgumentError(f"invalid environment variable: {entry}", hint="write NAME=VALUE")
        if equals:
            found[name] = entry
        else:
            known = os.environ.get(name)
            found[name] = name if known is None else f"{name}={known}"
    _check_strings("environment variable", found.values())
    for entry in image:
        name, equals, _ = entry.partition("=")
        if name and equals and "\0" not in entry:
            found.setdefault(name, entry)
    return tuple(found.values())


def environment(config_env: Sequence[str], *, path: str, hostname: str, tty: bool) -> list[str]:
    """Return `process.env`: the defaults, each replaced in place, then the rest. HOME is the mechanism's to add."""
    found = {"PATH": f"PATH={path}", "HOSTNAME": f"HOSTNAME={hostname}"}
    if tty:
        found["TERM"] = "TERM=xterm"
    for entry in config_env:
        name, equals, _ = entry.partition("=")
        if equals:
            found[name] = entry
        else:
            found.pop(name, None)
    return list(found.values())


def _check_strings(what: str, values: Iterable[str]) -> None:
    for value in values:
        if "\0" in value:
            raise InvalidArgumentError(f"{what} {value!r} contains a NUL byte")
