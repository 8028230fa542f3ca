# ruff: noqa: D102, A002 -- documented in `_core.pyi`, whose shape this is
"""The native core as the engine sees it: whatever has these functions will do. Imported by type checkers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class CoreSession(Protocol):
    """`_core.Session`."""

    @property
    def pid(self) -> int: ...
    @property
    def stdin(self) -> int | None: ...
    @property
    def stdout(self) -> int | None: ...
    @property
    def stderr(self) -> int | None: ...
    def detach_fd(self, name: str) -> int: ...
    def fileno(self) -> int: ...
    def wait(self, timeout: float | None = None) -> dict[str, Any] | None: ...
    def communicate(
        self, input: bytes | None = None, *, timeout: float | None = None, max_output: int | None = None
    ) -> tuple[bytes, bytes, dict[str, Any]]: ...
    def proxy(
        self, stdin: int, stdout: int, stderr: int, *, tty: bool, detach_keys: bytes, sig_proxy: bool
    ) -> dict[str, Any]: ...
    def resize(self, width: int, height: int) -> None: ...
    def signal(self, number: int) -> None: ...
    def close(self) -> None: ...


class Core(Protocol):
    """`rocker._core`."""

    __version__: str

    def start(
        self,
        runtime: str,
        root: str,
        run: str,
        request: bytes,
        *,
        attach: tuple[bool, bool, bool],
        bind_to_caller: bool = False,
    ) -> CoreSession: ...
    def request(
        self, run: str, id: str, body: bytes, *, attach: tuple[bool, bool, bool] = (False, False, False)
    ) -> CoreSession: ...
    def call(self, run: str, id: str, body: bytes) -> dict[str, Any]: ...
    def read_states(self, run: str, root: str, ids: list[str]) -> list[dict[str, Any] | None]: ...
    def settle(self, run: str, root: str, id: str) -> None: ...
    def seccomp_compile(self, profile: bytes) -> bytes: ...
    def cgroup_stats(self, cgroup: str) -> dict[str, Any]: ...
    def sha256(self, data: bytes) -> bytes: ...
    def remove_tree(self, path: str) -> None: ...
    def event_write(self, run: str, line: bytes) -> None: ...
    def event_read(
        self, run: str, *, past: bool = True, follow: bool = False, until_ns: int | None = None
    ) -> Iterator[bytes]: ...
    def log_read(
        self,
        path: str,
        driver: str,
        *,
        follow: Callable[[], bool] | None = None,
        container: tuple[str, str] | None = None,
        tail: int | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
    ) -> Iterator[tuple[str, int, bytes]]: ...
    def log_copy(
        self,
        path: str,
        driver: str,
        stdout: int,
        stderr: int,
        *,
        container: tuple[str, str] | None = None,
        tail: int | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
        timestamps: bool = False,
        details: str = "",
    ) -> None: ...
