"""What was meant by the flags of `run`, `create` and `exec`: the whole input of the engine's policy.

Front ends collect text and parse it with `rocker.parse`; only these records go on. Sizes are bytes, times seconds.
None means: not said, so the image or the default decides.
"""

from __future__ import annotations

from rocker.models.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_LOG_DRIVER = "json-file"
LOG_DRIVERS = ("fluentd", "gelf", "journald", "json-file", "local", "none", "syslog")
DEFAULT_STOP_TIMEOUT = 10
DEFAULT_SHM_SIZE = 64 << 20


class Bind(Struct):
    """A file or directory of the host shown in the container.

    Attributes:
        source: path on the host; a relative one counts from the caller's directory. Links in it are followed.
        target: absolute path in the container.
        read_only: whether writing is refused, in submounts too.
        recursive: whether mounts below the source come along.
        propagation: `private`, `rprivate`, `slave`, `rslave`, `shared` or `rshared`.
        create_source: whether a missing source is made as a directory (`-v` does, `--mount` does not).
    """

    source: str
    target: str
    read_only: bool = False
    recursive: bool = True
    propagation: str = "rprivate"
    create_source: bool = False


class Tmpfs(Struct):
    """A file system in memory.

    Attributes:
        target: absolute path in the container.
        size: bytes; half of the memory when None.
        mode: permission bits of its root; 0o1777 when None.
        options: more mount options, for example `("exec", "uid=1000")`.
    """

    target: str
    size: int | None = None
    mode: int | None = None
    options: Sequence[str] = ()


class Device(Struct):
    """A device node, or a directory of them, of the host.

    Attributes:
        source: path on the host.
        target: path in the container.
        permissions: any of `r`, `w`, `m` (mknod).
    """

    source: str
    target: str
    permissions: str = "rwm"


class Ulimit(Struct):
    """A resource limit; -1 is unlimited.

    Attributes:
        name: for example `nofile`.
        soft: the limit in force.
        hard: the ceiling of the soft limit.
    """

    name: str
    soft: int
    hard: int


class RunOptions(Struct):
    """Everything that `run` and `create` take."""

    image: str | None = None
    """Reference, id or unambiguous prefix of an id. Exactly one of `image` and `rootfs` is given."""
    rootfs: str | None = None
    """A directory used as the root, copy-on-write: it is never written."""
    command: Sequence[str] = ()
    """Replaces the image's Cmd."""
    entrypoint: Sequence[str] | None = None
    """Replaces the image's Entrypoint and drops its Cmd; an empty one takes it away."""
    name: str | None = None
    """Made up when None."""
    hostname: str | None = None
    """The short id when None."""
    domainname: str | None = None
    env: Sequence[str] = ()
    """`NAME=value`; `NAME` alone takes the caller's value, or removes the image's where the caller has none."""
    workdir: str | None = None
    user: str | None = None
    """`name|uid[:group|gid]`."""
    groups: Sequence[str] = ()
    """More groups by name or number."""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    mounts: Sequence[Bind | Tmpfs] = ()
    read_only: bool = False
    network: str | None = None
    """`none`, `host` or `container:NAME`; `none` when None."""
    cap_add: Sequence[str] = ()
    cap_drop: Sequence[str] = ()
    privileged: bool = False
    security_opt: Sequence[str] = ()
    """`seccomp=default|unconfined|FILE.json`, `no-new-privileges[=true|false]`, `docker-compat` (14 capabilities)."""
    devices: Sequence[Device] = ()
    device_cgroup_rules: Sequence[str] = ()
    """As `c 1:3 rwm`."""
    ulimits: Sequence[Ulimit] = ()
    sysctls: Mapping[str, str] = {}
    shm_size: int | None = None
    memory: int | None = None
    memory_swap: int | None = None
    """Memory and swap together; -1 is unlimited."""
    memory_reservation: int | None = None
    memory_swappiness: int | None = None
    cpus: float | None = None
    cpu_shares: int | None = None
    cpu_period: int | None = None
    cpu_quota: int | None = None
    cpuset_cpus: str | None = None
    cpuset_mems: str | None = None
    pids_limit: int | None = None
    """2048 when None; 0 and less are unlimited."""
    blkio_weight: int | None = None
    oom_score_adj: int = 0
    oom_kill_disable: bool = False
    init: bool = False
    stop_signal: str | None = None
    stop_timeout: int | None = None
    """10 when None."""
    log_driver: str | None = None
    """`json-file`, `local` or `none`."""
    log_opts: Mapping[str, str] = {}
    """`max-size`, `max-file`, `compress`, `labels`, `env`, `tag`."""
    pid: str | None = None
    """`host` or `container:NAME`."""
    ipc: str | None = None
    """`private`, `none`, `shareable`, `host` or `container:NAME`."""
    uts: str | None = None
    """`host`."""
    cgroupns: str | None = None
    """`private` or `host`."""
    cgroup_parent: str | None = None
    restart: str = "no"
    """Only `no` for now."""
    tty: bool = False
    stdin_open: bool = False
    """Whether standard input stays open (`-i`)."""
    attach: Sequence[str] = ()
    """Which of `stdin`, `stdout`, `stderr` the front end attached; for `inspect` only."""
    auto_remove: bool = False
    detach_keys: str | None = None
    """For example `ctrl-p,ctrl-q`; the front end uses it."""
    timeout: float | None = None
    """Seconds of life; then the container is killed and marked as timed out."""
    platform: str | None = None
    pull: str = "missing"
    """`missing`, `always` or `never`."""
    max_output: int | None = None
    """Bytes of stdout and stderr each that `Engine.run` collects before it ends the container."""
    console_size: tuple[int, int] | None = None
    """Height and width of the terminal at the start."""


class ExecOptions(Struct):
    """Everything that `exec` takes."""

    command: Sequence[str]
    env: Sequence[str] = ()
    workdir: str | None = None
    """The container's own when None."""
    user: str | None = None
    """The container's own when None."""
    privileged: bool = False
    tty: bool = False
    stdin_open: bool = False
    timeout: float | None = None
    max_output: int | None = None
    console_size: tuple[int, int] | None = None
