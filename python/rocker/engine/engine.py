"""The engine: one data root and one run root, and every verb on them. It runs in the caller's process.

SIGNATURES ONLY as yet; the bodies follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from rocker.engine.catalog import Catalog
    from rocker.engine.options import Bind, Device, ExecOptions, RunOptions, Tmpfs, Ulimit
    from rocker.images.service import ImageService
    from rocker.models.container import ContainerInspect, ContainerSummary, ExitEvent, Status, Top
    from rocker.models.result import Result


class Session:
    """A front end's connection to a container or to a process in it (`engine/session.py`)."""

    pid: int
    stdin: int | None
    stdout: int | None
    stderr: int | None

    def proxy(
        self,
        stdin: int = 0,
        stdout: int = 1,
        stderr: int = 2,
        *,
        tty: bool = False,
        detach_keys: bytes = b"\x10\x11",
        sig_proxy: bool = True,
    ) -> ExitEvent: ...
    def communicate(
        self, input: bytes | None = None, *, timeout: float | None = None, max_output: int | None = None
    ) -> tuple[bytes, bytes, ExitEvent]: ...
    def wait(self, timeout: float | None = None) -> ExitEvent | None: ...
    def resize(self, width: int, height: int) -> None: ...
    def signal(self, number: int) -> None: ...
    def close(self) -> None: ...


class Container:
    """One container (`engine/container.py`)."""

    id: str
    name: str

    @property
    def short_id(self) -> str: ...
    @property
    def image(self) -> str: ...
    @property
    def status(self) -> Status: ...
    @property
    def options(self) -> RunOptions: ...
    @property
    def tty(self) -> bool: ...

    def inspect(self, *, size: bool = False) -> ContainerInspect: ...
    def start(self) -> None: ...
    def launch(
        self,
        *,
        stdin: bool = False,
        stdout: bool = True,
        stderr: bool = True,
        bind_to_caller: bool = False,
        console_size: tuple[int, int] | None = None,
    ) -> Session:
        """Start it attached (CLI `run` and `start -a`)."""

    def attach(
        self, *, stdin: bool = False, stdout: bool = True, stderr: bool = True, logs: bool = False
    ) -> Session: ...
    def exec(
        self,
        command: Sequence[str] | str,
        *,
        stdin: bytes | None = None,
        env: Mapping[str, str] | Sequence[str] = (),
        workdir: str | None = None,
        user: str | None = None,
        privileged: bool = False,
        tty: bool = False,
        timeout: float | None = None,
        max_output: int | str | None = None,
    ) -> Result: ...
    def exec_session(
        self, options: ExecOptions, *, stdin: bool = False, stdout: bool = True, stderr: bool = True
    ) -> Session: ...
    def exec_detached(self, options: ExecOptions) -> None: ...
    def popen(self, command: Sequence[str] | str, **options: Any) -> Any: ...
    def logs(
        self,
        *,
        follow: bool = False,
        tail: int | None = None,
        since: float | str | None = None,
        until: float | str | None = None,
        timestamps: bool = False,
        stdout: bool = True,
        stderr: bool = True,
    ) -> bytes | Iterator[bytes]: ...
    def copy_logs(
        self,
        stdout: int,
        stderr: int,
        *,
        follow: bool = False,
        tail: int | None = None,
        since: float | str | None = None,
        until: float | str | None = None,
        timestamps: bool = False,
    ) -> None:
        """Write the log to two descriptors (CLI `logs`)."""

    def stats(self) -> dict[str, Any]: ...
    def top(self, ps_args: str = "-ef") -> Top: ...
    def wait(self, timeout: float | None = None) -> int:
        """Exit code. Raises TimeoutError."""

    def stop(self, timeout: float | None = None, *, signal: str | int | None = None) -> None: ...
    def kill(self, signal: str | int = "KILL") -> None: ...
    def restart(self, timeout: float | None = None, *, signal: str | int | None = None) -> None: ...
    def pause(self) -> None: ...
    def unpause(self) -> None: ...
    def rename(self, name: str) -> None: ...
    def remove(self, *, force: bool = False, volumes: bool = False) -> None: ...
    def resize(self, width: int, height: int) -> None: ...


class Containers:
    """`engine.containers` (`engine/containers.py`)."""

    def get(self, reference: str) -> Container:
        """By name, id or unambiguous prefix. Raises ContainerNotFoundError, ConflictError when ambiguous."""

    def list(
        self,
        *,
        all: bool = False,
        filters: Mapping[str, Sequence[str]] | None = None,
        limit: int | None = None,
    ) -> list[Container]: ...
    def rows(
        self,
        *,
        all: bool = False,
        filters: Mapping[str, Sequence[str]] | None = None,
        limit: int | None = None,
        size: bool = False,
    ) -> list[ContainerSummary]:
        """Engine API `/containers/json`, newest first (CLI `ps`)."""

    def create(self, options: RunOptions) -> Container: ...


class Engine:
    """One data root and one run root."""

    root: str
    run_root: str
    warnings: list[str]
    """What was accepted but is without effect here (clamped ulimits, `:z`, ...); front ends print `WARNING: …`, then clear."""
    catalog: Catalog
    images: ImageService
    containers: Containers

    def __init__(
        self, root: str | None = None, run: str | None = None, *, warn: Callable[[str], None] | None = None
    ) -> None:
        """Defaults: $ROCKER_ROOT or /var/lib/rocker, $ROCKER_RUN or /run/rocker. Touches nothing until used."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def close(self) -> None: ...
    def create(self, options: RunOptions) -> Container:
        """Take an image, a name and a row; nothing runs yet. An image that is absent is pulled unless `pull` is `never`."""

    def run_detached(self, options: RunOptions, *, bind_to_caller: bool = False) -> Container: ...
    @overload
    def run(
        self,
        image: str | None = None,
        command: Sequence[str] | str = (),
        *,
        detach: Literal[True],
        **options: Any,
    ) -> Container: ...
    @overload
    def run(self, image: str | None = None, command: Sequence[str] | str = (), **options: Any) -> Result: ...
    def run(self, image=None, command=(), **options):  # type: ignore[no-untyped-def]
        """The Python face; `mounts`, `memory="64m"`, `cpus`, `pids`, `stdin`, `bind_to_caller`, …"""

    def info(self) -> dict[str, Any]:
        """Engine API `/info`."""

    def version(self) -> dict[str, Any]:
        """Engine API `/version`."""
