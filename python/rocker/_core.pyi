"""The native core: processes in containers, layers, logs, counters.

Every call that can block releases the GIL. Every failure raises a subclass of `rocker.errors.RockerError` with the
fields `message`, `hint`, `errno`, `path` and `step`. Sizes are bytes; times are seconds (float) or nanoseconds (`_ns`).
"""

from collections.abc import Callable, Iterator
from typing import Any, Self, final

__version__: str

# --- containers -------------------------------------------------------------------------------------------------

@final
class Session:
    """A client's connection to a container or to a process in it."""

    @property
    def pid(self) -> int:
        """Host pid of the process; 0 before it started."""
    @property
    def stdin(self) -> int | None:
        """Write end of its standard input, owned by the session; None when not attached. `detach_fd` takes it over."""
    @property
    def stdout(self) -> int | None: ...
    @property
    def stderr(self) -> int | None: ...
    def detach_fd(self, name: str) -> int:
        """Give up the descriptor `stdin`, `stdout` or `stderr`: the caller closes it."""
    def fileno(self) -> int:
        """The control socket, readable when an event waits."""
    def wait(self, timeout: float | None = None) -> dict[str, Any] | None:
        """The `exited` event; None after `timeout` seconds. Raises GoneError when the shim died."""
    def communicate(
        self, input: bytes | None = None, *, timeout: float | None = None, max_output: int | None = None
    ) -> tuple[bytes, bytes, dict[str, Any]]:
        """Feed stdin, collect stdout and stderr until exit. Over `max_output` bytes the container is killed.

        The event has two more members: `truncated` and `timed_out`.
        """
    def proxy(
        self, stdin: int, stdout: int, stderr: int, *, tty: bool, detach_keys: bytes, sig_proxy: bool
    ) -> dict[str, Any]:
        """Be the mouthpiece: copy the streams, forward signals and window sizes until exit or detach.

        With `tty` the terminal `stdin` is in raw mode meanwhile. Returns the `exited` or `detached` event.
        """
    def resize(self, width: int, height: int) -> None: ...
    def signal(self, number: int) -> None: ...
    def close(self) -> None:
        """Let go: the container is not affected (unless bound to this process)."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *_details: object) -> None: ...

def ensure_launcher(runtime: str, root: str, run: str, *, timeout: float = 10.0) -> None:
    """Start the launcher of this data root unless one answers. `runtime` is the path of `rocker-runtime`."""

def start(
    runtime: str,
    root: str,
    run: str,
    request: bytes,
    *,
    attach: tuple[bool, bool, bool],
    bind_to_caller: bool = False,
) -> Session:
    """Start a container from a launch request (docs/protocol.md), a launcher on demand.

    Takes bind sources, namespace files and `rootfs.directory` from the request as paths, in the caller's mount namespace,
    and hands them on as file descriptors. Returns when the program runs; raises when it could not be started.
    """

def request(
    run: str, id: str, body: bytes, *, attach: tuple[bool, bool, bool] = (False, False, False)
) -> Session:
    """Send one request to a container's shim; returns after its first answer. Raises NotRunningError when there is no shim."""

def call(run: str, id: str, body: bytes, *, timeout: float | None = None) -> dict[str, Any]:
    """Send one request and return its single answer (`ok` or `exited`).

    Raises TimeoutError when there is none after `timeout` seconds.
    """

def update(root: str, run: str, id: str, body: bytes) -> None:
    """Send an update request to a container's shim, with the descriptors of its `launch`, as `start` takes them."""

def read_states(run: str, root: str, ids: list[str]) -> list[dict[str, Any] | None]:
    """The `state.json` of each container, from the run root, else the data root, else None.

    A container whose shim died without a word is ended here: its cgroup killed, its state made `exited` with 137.
    """

def settle(run: str, root: str, id: str) -> None:
    """Wait until the shim of a container that has ended has tidied up, 20 s at most, or end what a killed one left.

    Raises ConflictError when it is still there then.
    """

def seccomp_compile(profile: bytes) -> bytes:
    """Compile an OCI `linux.seccomp` object (JSON) to `struct sock_filter[]`."""

def cgroup_stats(cgroup: str) -> dict[str, Any]:
    """Counters of a cgroup: cpu, memory, pids, io, in one call.

    Shape: {"cpu": {"usage_ns", "user_ns", "system_ns", "periods", "throttled_periods", "throttled_ns"},
    "memory": {"usage", "limit", "peak", "cache", "rss", "oom_kills", "stat": {…}},
    "pids": {"current", "limit"}, "io": [{"major","minor","read_bytes","write_bytes","read_ops","write_ops"}]}.
    """

# --- layers -----------------------------------------------------------------------------------------------------

def layer_apply(source: int, destination: str, *, limit: int | None = None) -> dict[str, Any]:
    """Apply a layer archive (tar; gzip, zstd, xz or plain, found by its magic) read from fd `source` to a new directory.

    Written through descriptors below `destination`; whiteouts become overlay's own. Returns {"diff_id": "sha256:…",
    "digest": "sha256:…" of the bytes read, "size": bytes read, "unpacked_size": bytes of tar, "entries": int}. On failure
    what was written below `destination` is removed.
    """

def layer_pack(
    source: str, destination: int, *, whiteouts: bool = True, changing: bool = False
) -> dict[str, Any]:
    """Write a directory as a plain tar to fd `destination`; overlay's whiteouts become `.wh.` entries. Same result keys.

    A file that changes meanwhile raises ConflictError, unless `changing`: then it is packed as it is found.
    """

def layer_compress(source: int, destination: int) -> dict[str, Any]:
    """Compress the plain tar read from fd `source` to fd `destination` by gzip, on all processors.

    The same archive gives the same bytes. Returns {"diff_id": of what was read, "digest": of what was written, "size": bytes
    written, "unpacked_size": bytes read}.
    """

def digest_file(source: int) -> tuple[str, int]:
    """`sha256:…` and size of what is read from fd `source`."""

def sha256(data: bytes) -> bytes:
    """The 32 bytes of the digest, without the 3 ms that importing hashlib (OpenSSL) takes."""

def remove_tree(path: str) -> None:
    """Remove a tree without following links or crossing mounts."""

# --- files of containers ------------------------------------------------------------------------------------------

# `request` is JSON: {"id", "rootfs" as in the launch request, "mounts" of its specification that are binds, volumes or
# images}. Of a running container the files are those of its mount namespace; of another one they are mounted as its start
# would, in a mount namespace that only the call has. Paths are absolute, and resolved by the kernel inside the
# container. Raise NotFoundError when there is nothing at the path, ConflictError when the container is being started.

def path_stat(run: str, root: str, request: bytes, path: bytes) -> dict[str, Any]:
    """Look at a path: {"mode": st_mode, "size": bytes, "mtime_ns": int, "target": bytes of a link or None}."""

def copy_out(run: str, root: str, request: bytes, path: bytes, label: bytes, destination: int) -> int:
    """Write what is at a path, links at its end not followed, as a tar to a descriptor; the bytes written.

    The first entry's name is `label`; names below begin with it.
    """

def copy_in(run: str, root: str, request: bytes, path: bytes, source: int, *, user: str | None = None) -> int:
    """Unpack a tar (compressed or not) read from a descriptor into a directory; the bytes of the tar.

    `user`: whose everything becomes, `name[:group]` looked up in the container; as the archive says when None.
    Raises ConflictError when a directory would replace another file, or the other way round; DeniedError when it is
    mounted read-only.
    """

def export(run: str, root: str, request: bytes, destination: int) -> int:
    """Write the root file system, without what is mounted in it, as a tar to a descriptor; the bytes written."""

def changes(run: str, root: str, request: bytes) -> list[tuple[int, bytes]]:
    """What is different from the image: 0 changed, 1 added, 2 deleted, with the path, in order."""

def pack_entry(directory: str, name: bytes, label: bytes, destination: int) -> int:
    """Write a file or directory of the host, `name` in `directory`, as a tar; as `copy_out`."""

def unpack(directory: str, source: int, *, owner: tuple[int, int] | None = None) -> int:
    """Unpack a tar in a directory of the host, out of which nothing in the tar leads; as `copy_in`.

    `owner`: uid and gid of everything.
    """

# --- networks ---------------------------------------------------------------------------------------------------

def network_create(plan: dict[str, Any]) -> None:
    """Make a network's bridge and its elements in the engine's nftables table, in the caller's network namespace.

    For a network with a parent in the place of a bridge: that, if it is the network's own, else a look that it is there.

    `plan` is `{"bridge": …, "table": …}` as in a launch request (docs/protocol.md). What is there already stays and is
    completed; on failure nothing new is left. Switches the forwarding of the families of its addresses on.

    Raises:
        InvalidArgumentError: a name, an address or the MTU is none.
        DeniedError: root with CAP_NET_ADMIN is needed.
        SystemCallError: the kernel refused; `hint` names what it lacks.
    """

def network_remove(bridge: str, table: str) -> None:
    """Remove a network's bridge and its elements; the table goes with the last. What is not there is no failure."""

def parent_remove(name: str) -> None:
    """Remove the parent interface that a network had made for itself. One that is not there is no failure."""

def host_networks() -> list[str]:
    """The networks of this namespace's addresses and routes but the default route, as CIDR: `["127.0.0.0/8", …]`."""

def links() -> list[str]:
    """Names of this namespace's network links."""

# --- logs -------------------------------------------------------------------------------------------------------

def mount_overlay(
    target: str,
    lower: list[str],
    *,
    upper: str | None = None,
    work: str | None = None,
    volatile: bool = False,
) -> None: ...
def unmount(target: str, *, lazy: bool = False) -> None: ...
def event_write(run: str, line: bytes) -> None:
    """Add a line, with its newline, to the events of a run root.

    Raises:
        NoSpaceError: the run root is full; nothing of the line is there then.
    """

def event_read(
    run: str, *, past: bool = True, follow: bool = False, until_ns: int | None = None
) -> Iterator[bytes]:
    """Lines of the events of a run root, without newline, oldest first: all that are kept, or (not `past`) new ones.

    With `follow` the iterator waits for more, until `until_ns` since the epoch if that is given.
    """

def log_read(
    path: str,
    driver: str,
    *,
    follow: Callable[[], bool] | None = None,
    container: tuple[str, str] | None = None,
    tail: int | None = None,
    since_ns: int | None = None,
    until_ns: int | None = None,
) -> Iterator[tuple[str, int, bytes]]:
    """(stream, time in ns since the epoch, line with its newline) of a log, rotated files first.

    With `follow` the iterator waits for more (inotify) until `follow()` is false and everything has been read.
    `follow()` is called, twice, before each wait, which ends when the log or the state of the container (run root,
    id) changes; without one, after 20 ms.
    """

def log_copy(
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
) -> None:
    """Write a log to two descriptors without the GIL; follows while the container (run root, id) lives, if given.

    `details` is put before each line, behind its time.
    """
