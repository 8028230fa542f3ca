"""The native core alone, for people who want the mechanism without the engine: no catalogue, no images, no defaults.

    from rocker import core

    with core.start(spec, root="/tmp/r", run="/tmp/s", rootfs="/srv/tree") as process:      # an OCI specification
        stdout, stderr, event = process.communicate()
    core.cgroup_stats("/rocker/…")["memory"]["usage"]
    for stream, time_ns, line in core.follow_log("/…/x-json.log", "json-file", running=lambda: True): ...
    core.apply_layer("layer.tar.gz", "/srv/tree")["diff_id"]

    with core.overlay("/mnt/merged", ["/srv/base", "/srv/more"], upper="/srv/upper", work="/srv/work") as target: ...

Every call that can block releases the GIL; every failure is a `rocker.errors.RockerError`. A container's own overlay
(`layers` of `start`) is mounted in its mount namespace alone; `overlay` is for those who want one where they are.
"""

from __future__ import annotations

import os

from rocker._core import (
    Session,
    __version__,
    call,
    cgroup_stats,
    digest_file,
    ensure_launcher,
    layer_apply,
    layer_pack,
    log_copy,
    log_read,
    mount_overlay,
    read_states,
    remove_tree,
    request,
    seccomp_compile,
    unmount,
)
from rocker._core import start as _start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

__all__ = [
    "Session",
    "__version__",
    "apply_layer",
    "call",
    "cgroup_stats",
    "digest",
    "digest_file",
    "ensure_launcher",
    "follow_log",
    "layer_apply",
    "layer_pack",
    "log_copy",
    "log_read",
    "mount_overlay",
    "overlay",
    "pack_layer",
    "read_states",
    "remove_tree",
    "request",
    "seccomp_compile",
    "start",
    "unmount",
]


def start(
    spec: Mapping[str, Any],
    *,
    root: str | os.PathLike[str],
    run: str | os.PathLike[str],
    rootfs: str | os.PathLike[str] | None = None,
    layers: Sequence[str] = (),
    id: str | None = None,  # noqa: A002 -- the field's word
    remove: bool = True,
    stdin: bool = False,
    stdout: bool = True,
    stderr: bool = True,
    timeout: float | None = None,
    bind_to_caller: bool = False,
) -> Session:
    """Start a process in namespaces from an OCI runtime specification.

    Args:
        spec: the document of `config.json`.
        root: the data root: the container's upper directory and log go below its `containers/`.
        run: the run root, best on a tmpfs: sockets and state.
        rootfs: a directory that is the root, copy-on-write; else `layers`.
        layers: directories below `root`, lowest first, stacked by overlay.
        id: 64 hex digits; made up when None.
        remove: whether everything goes when the process ends.
        stdin: whether to attach a pipe to its input.
        stdout: whether to attach a pipe to its output.
        stderr: whether to attach a pipe to its errors.
        timeout: seconds after which it is killed.
        bind_to_caller: whether it ends with this process.

    Raises:
        CommandNotFoundError, CommandNotExecutableError: the program is not there, or is none.
        InvalidArgumentError, UnsupportedError: something in the specification is wrong, or is not offered.
        RockerError: anything else that kept it from starting.
    """
    import json

    from rocker.engine import roots
    from rocker.engine.start import RUNTIME

    data, state = os.path.abspath(root), os.path.abspath(run)
    roots.prepare(data, state)
    identity = os.urandom(32).hex() if id is None else id
    os.makedirs(f"{data}/containers/{identity}", mode=0o700, exist_ok=True)
    tree: dict[str, Any] = {"layers": list(layers), "upper": True, "volatile": remove}
    if rootfs is not None:
        tree["directory"] = os.path.abspath(rootfs)
    document = {
        "op": "start",
        "id": identity,
        "spec": spec,
        "rootfs": tree,
        "remove": remove,
        "stdin": "once" if stdin else "closed",
        "log": {"driver": "none"},
        "timeout": timeout,
    }
    if spec.get("hooks"):
        document["bundle"] = f"{state}/containers/{identity}"
    return _start(
        RUNTIME,
        data,
        state,
        json.dumps(document).encode(),
        attach=(stdin, stdout, stderr),
        bind_to_caller=bind_to_caller,
    )


def apply_layer(
    source: str | os.PathLike[str], destination: str | os.PathLike[str], *, limit: int | None = None
) -> dict[str, Any]:
    """Apply a layer archive to a new directory and digest it in the same pass.

    Args:
        source: the archive: tar, plain or packed with gzip, zstd or xz.
        destination: a directory that is not there yet.
        limit: most bytes of tar that are accepted.

    Returns:
        `diff_id`, `digest`, `size`, `unpacked_size` and `entries`; see `layer_apply`.

    Raises:
        CorruptError: it is no archive, or a hostile one. NoSpaceError: no room. Nothing is left then.
    """
    archive = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return layer_apply(archive, os.fspath(destination), limit=limit)
    finally:
        os.close(archive)


def pack_layer(source: str | os.PathLike[str], destination: str | os.PathLike[str]) -> dict[str, Any]:
    """Write a directory as a plain tar, overlay's whiteouts as an image's; returns as `apply_layer`."""
    archive = os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        return layer_pack(os.fspath(source), archive)
    finally:
        os.close(archive)


def digest(path: str | os.PathLike[str]) -> tuple[str, int]:
    """Return `sha256:…` and the size of a file."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return digest_file(file)
    finally:
        os.close(file)


def follow_log(
    path: str | os.PathLike[str],
    driver: str = "json-file",
    *,
    running: Callable[[], bool],
    tail: int | None = None,
) -> Iterator[tuple[str, int, bytes]]:
    """Iterate over (stream, nanoseconds since the epoch, line) and wait for more until `running()` is false."""
    return log_read(os.fspath(path), driver, follow=running, tail=tail)


class overlay:  # noqa: N801 -- used like a function: `with overlay(...) as target`
    """Mount an overlay at a directory of the caller's own mount namespace, and take it away again.

    Args:
        target: a directory.
        lower: directories that are never written, lowest first: one with `upper`, else at least two.
        upper: where changes go; None makes it read-only.
        work: an empty directory of the same file system as `upper`, for overlay's own use.
        volatile: changes need not survive a crash of the machine; nothing is synced at the end.

    Entering it mounts and returns the target; leaving it unmounts, at once even where files are open.

    Raises:
        InvalidArgumentError: too few directories, or `upper` without `work`. NotFoundError: one is not there.
        DeniedError: without CAP_SYS_ADMIN. See `Documentation/filesystems/overlayfs.rst`.
    """

    def __init__(
        self,
        target: str | os.PathLike[str],
        lower: Sequence[str | os.PathLike[str]],
        *,
        upper: str | os.PathLike[str] | None = None,
        work: str | os.PathLike[str] | None = None,
        volatile: bool = False,
    ) -> None:
        self.target = os.fspath(target)
        self._lower = [os.fspath(path) for path in lower]
        self._upper = None if upper is None else os.fspath(upper)
        self._work = None if work is None else os.fspath(work)
        self._volatile = volatile

    def __enter__(self) -> str:
        mount_overlay(self.target, self._lower, upper=self._upper, work=self._work, volatile=self._volatile)
        return self.target

    def __exit__(self, *_: object) -> None:
        unmount(self.target, lazy=True)
