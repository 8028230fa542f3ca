"""`logs`: what a container wrote."""

from __future__ import annotations

import os

from rocker.engine import logconfig
from rocker.engine.state import has_processes
from rocker.errors import UnsupportedError

_LAST = (1 << 63) - 1
"""In the year 2262: what is later is as late."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocker.engine.container import Container


def lines(
    container: Container,
    *,
    follow: bool,
    tail: int | None,
    since: float | str | None,
    until: float | str | None,
    timestamps: bool,
    stdout: bool,
    stderr: bool,
) -> Iterator[bytes]:
    """Return an iterator of lines; see `Container.logs`."""
    since_ns, until_ns = _when(since), _when(until)
    path, driver = _where(container)
    engine = container.engine
    if _never_written(container, path):
        return

    def runs() -> bool:
        state = engine.state(container.id)
        return has_processes(state)

    records = engine.core.log_read(
        path,
        driver,
        follow=runs if follow else None,
        container=(engine.run_root, container.id) if follow else None,
        tail=tail,
        since_ns=since_ns,
        until_ns=until_ns,
    )
    wanted = {name for name, asked in (("stdout", stdout), ("stderr", stderr)) if asked}
    for stream, time, line in records:
        if stream in wanted:
            yield _stamp(time) + line if timestamps else line


def copy(
    container: Container,
    stdout: int,
    stderr: int,
    *,
    follow: bool,
    tail: int | None,
    since: float | str | None,
    until: float | str | None,
    timestamps: bool,
    details: bool = False,
) -> None:
    """Write it to two descriptors; see `Container.copy_logs`."""
    since_ns, until_ns = _when(since), _when(until)
    path, driver = _where(container)
    engine = container.engine
    if _never_written(container, path):
        return
    engine.core.log_copy(
        path,
        driver,
        stdout,
        stderr,
        container=(engine.run_root, container.id) if follow else None,
        tail=tail,
        since_ns=since_ns,
        until_ns=until_ns,
        timestamps=timestamps,
        details=_details(container) if details else "",
    )


def _details(container: Container) -> str:
    """The attributes of its records as Docker shows them, with a space behind."""
    from urllib.parse import quote_plus

    from rocker.engine.logdrivers.attributes import attributes
    from rocker.engine.logdrivers.identity import Identity

    found = attributes(container.config)
    if container.options.log_opts.get("tag") and logconfig.driver_of(container.config) == "json-file":
        row = container.engine.catalog.get_by_ref(container.id)
        found["tag"] = Identity(row, container.config).tag("")
    pairs = (f"{quote_plus(name)}={quote_plus(value)}" for name, value in sorted(found.items()))
    return ",".join(pairs) + " "


def _where(container: Container) -> tuple[str, str]:
    form = logconfig.file_of(container.config)
    if form == "none":
        driver = logconfig.driver_of(container.config)
        made = "--log-driver none" if driver == "none" else "--log-opt cache-disabled=true"
        raise UnsupportedError(
            "configured logging driver does not support reading", hint=f"the container was made with {made}"
        )
    return f"{container.engine.root}/{logconfig.path_of(container.id, form)}", form


def _never_written(container: Container, path: str) -> bool:
    """Whether it was not started yet: then it has no log, which is no failure."""
    return container.status == "created" and not os.path.exists(path)


def _when(when: float | str | None) -> int | None:
    """Nanoseconds since the epoch; None where 0 or nothing says that there is no limit, as in Docker."""
    if not when or when == "0":
        return None
    if not isinstance(when, str):
        found = int(when * 10**9)
    else:
        import time

        from rocker.parse.duration import parse_time

        found = parse_time(when, time.time_ns())
    return max(-_LAST, min(found, _LAST))


def _stamp(ns: int) -> bytes:
    import time

    whole, fraction = divmod(ns, 10**9)
    return (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{fraction:09d}Z ").encode()
