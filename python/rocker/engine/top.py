"""`top`: the processes of a container, as the host's ps(1) shows them. Nothing of the container is executed."""

from __future__ import annotations

from rocker.engine import emit
from rocker.engine.requests import call
from rocker.engine.state import running
from rocker.errors import InvalidArgumentError, NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocker.engine.container import Container
    from rocker.models.container import Top


def top(container: Container, ps_args: str | Sequence[str]) -> Top:
    """Return titles and rows; see `Container.top`."""
    running(container, "top")
    pids = frozenset(str(pid) for pid in call(container, "pids").get("pids") or ())
    args = ps_args.split() if isinstance(ps_args, str) else list(ps_args)
    _check(args)
    found = select(_ps(args or ["-ef"]), pids)
    emit.container(
        container.engine, "top", container.id, emit.attributes_of(container.name, container.config)
    )
    return found


def _check(args: list[str]) -> None:
    """Refuse another column that calls itself PID: rows are chosen by that.

    Raises:
        InvalidArgumentError: there is one.
    """
    import re

    for name, title in re.findall(r"([^\s,=]*)=\s*(PID\S*)", " ".join(args)):
        if name != "pid":
            raise InvalidArgumentError(f'specifying "{name}={title}" is not allowed')


def _ps(args: list[str]) -> str:
    import subprocess

    try:
        done = subprocess.run(["ps", *args], capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError as error:
        raise NotFoundError("ps is not installed on this host", hint="install procps", path="ps") from error
    if done.returncode:
        raise InvalidArgumentError(f"error running ps: {done.stderr.strip()}", hint="ps(1) lists its options")
    return done.stdout


def select(output: str, pids: frozenset[str]) -> Top:
    """Keep those rows of ps's output whose PID is wanted; the last column may contain spaces.

    With ps's option `m` the threads of a process follow it, each with `-` for a PID.

    Raises:
        InvalidArgumentError: there is no PID column.
    """
    header, *rows = output.splitlines()
    titles = header.split()
    if "PID" not in titles:
        raise InvalidArgumentError(
            "Couldn't find PID field in ps output", hint="let ps show the column PID: -o pid,cmd"
        )
    column = titles.index("PID")
    processes, wanted = [], False
    for row in rows:
        fields = row.split(None, len(titles) - 1)
        if len(fields) <= column:
            continue
        if fields[column] != "-":
            wanted = fields[column] in pids
        if wanted:
            processes.append(fields)
    return {"Titles": titles, "Processes": processes}
