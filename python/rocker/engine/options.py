"""What was meant by the flags of `run`, `create` and `exec`: the whole input of the engine's policy.

Front ends collect text and parse it with `rocker.parse`; only these records go on. Sizes are bytes, times seconds.
None means: not said, so the image or the default decides.
"""

from __future__ import annotations

from rocker.models.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    AnyMount: TypeAlias = "Bind | Tmpfs | VolumeMount | ImageMount"

DEFAULT_LOG_DRIVER = "json-file"
LOG_DRIVERS = ("fluentd", "gelf", "journald", "json-file", "local", "none", "syslog")
DEFAULT_STOP_TIMEOUT = 10
DEFAULT_SHM_SIZE = 64 << 20
PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
"""The propagations of a bind mount (mount_namespaces(7))."""


class Bind(Struct):
    """A file or directory of the host shown in the container.

    Attributes:
        source: path on the host; a relative one counts from the caller's directory. Links in it are followed.
        target: absolute path in the container.
        read_only: whether writing is refused, in submounts too.
        recursive: whether mounts below the source come along.
        propagation: one of `PROPAGATIONS`.
        create_source: whether a missing source is made as a directory (`-v` does, `--mount` does not).
        read_only_recursive: whether `read_only` is for submounts too.
        idmap: whether owners of its files are users of the container's user namespace, by the same numbers.
    """

    source: str
    target: str
    read_only: bool = False
    recursive: bool = True
    propagation: str = "rprivate"
    create_source: bool = False
    read_only_recursive: bool = True
    idmap: bool = False


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


class VolumeMount(Struct):
    """A volume shown in the container; it is made when there is none of its name.

    Attributes:
        target: absolute path in the container.
        name: of the volume; a new one without a name for this container when empty.
        read_only: whether writing is refused.
        no_copy: whether a new volume stays empty, where it otherwise gets what the image has at `target`.
        subpath: what of the volume is shown, a relative path of a file or directory in it; all when empty.
        driver: `local`, or empty for that.
        options: of the driver, for a volume that is made: see `Volumes.create`.
        labels: for a volume that is made.
        own: whether the volume goes with the last container that uses it (set for one without a name).
    """

    target: str
    name: str = ""
    read_only: bool = False
    no_copy: bool = False
    subpath: str = ""
    driver: str = ""
    options: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    own: bool = False


class ImageMount(Struct):
    """The files of an image shown in the container, read-only.

    Attributes:
        image: reference, id or unambiguous prefix of an id.
        target: absolute path in the container.
        subpath: what of the image is shown, a relative path; all when empty.
    """

    image: str
    target: str
    subpath: str = ""


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


class DeviceRequest(Struct):
    """Devices that a vendor describes in files (Container Device Interface), as Docker's API asks for them.

    Attributes:
        driver: `cdi` for names in full; `nvidia` or `amd` for GPUs by number; empty: one that offers `capabilities`.
        count: of GPUs, the first ones; -1 is all of them.
        device_ids: `vendor.com/class=name`; numbers or UUIDs of GPUs. Not beside `count`.
        capabilities: alternatives, each a list of what a driver must offer: `(("gpu", "utility"),)`.
        options: kept, without effect.
    """

    driver: str = ""
    count: int = 0
    device_ids: Sequence[str] = ()
    capabilities: Sequence[Sequence[str]] = ()
    options: Mapping[str, str] = {}


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


class HealthCheck(Struct):
    """A command that is run in the container from time to time; exit code 0 says that it is well.

    What is not said is the image's, else Docker's default.

    Attributes:
        test: `("CMD", program, *arguments)`, `("CMD-SHELL", command)` for the image's shell, or `("NONE",)`: no check.
        interval: seconds between two probes; 30.
        timeout: seconds after which a probe is killed with all its children; 30.
        start_period: seconds after the start in which failures do not count, until the first success; 0.
        start_interval: seconds between two probes in that time; 5, or `interval` if that is less.
        retries: failures in a row that make it unhealthy; 3.
    """

    test: Sequence[str] = ()
    interval: float | None = None
    timeout: float | None = None
    start_period: float | None = None
    start_interval: float | None = None
    retries: int | None = None


class Port(Struct):
    """A port of the container that is published on the host.

    Attributes:
        container_port: 1 to 65535.
        protocol: `tcp`, `udp` or `sctp`.
        host_ip: address of the host; empty: all that the network binds to.
        host_port: None: one that is free.
        host_port_end: with `host_port`, the last of a range of which the first free one is taken.
    """

    container_port: int
    protocol: str = "tcp"
    host_ip: str = ""
    host_port: int | None = None
    host_port_end: int | None = None


class Attachment(Struct):
    """A network that the container is on.

    Attributes:
        network: its name, its id or the beginning of its id.
        aliases: more names, by which containers of this network find it.
        ip, ip6: fixed addresses.
        mac_address: for example `02:42:ac:11:00:02`.
        links: `CONTAINER:ALIAS`, names of others that this container alone uses.
        link_local_ips: more addresses of its interface.
        driver_opts: see docs/guide/networks.md.
        gw_priority: the network with the highest one has the default route.
    """

    network: str
    aliases: Sequence[str] = ()
    ip: str | None = None
    ip6: str | None = None
    mac_address: str | None = None
    links: Sequence[str] = ()
    link_local_ips: Sequence[str] = ()
    driver_opts: Mapping[str, str] = {}
    gw_priority: int = 0


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
    mounts: Sequence[AnyMount] = ()
    volumes_from: Sequence[str] = ()
    """Containers whose binds and volumes are shown here too, each as `NAME[:ro|rw]`."""
    read_only: bool = False
    network: str | None = None
    """`none`, `host`, `container:NAME` or a network's name or id; `bridge` when None."""
    networks: Sequence[Attachment] = ()
    """Details of `network`, which is the first of them, and more networks."""
    ports: Sequence[Port] = ()
    publish_all: bool = False
    """Whether all exposed ports are published on free ones of the host."""
    expose: Sequence[str] = ()
    """`80/tcp`: shown, and published by `publish_all`."""
    links: Sequence[str] = ()
    """`CONTAINER:ALIAS` on the default network."""
    dns: Sequence[str] = ()
    """Addresses of name servers; the host's when empty."""
    dns_search: Sequence[str] = ()
    """Domains in which names are looked up; `.` alone: none."""
    dns_options: Sequence[str] = ()
    """As in resolv.conf(5)."""
    extra_hosts: Sequence[str] = ()
    """`NAME:ADDRESS`, for /etc/hosts; `host-gateway` stands for the host's address on the default network."""
    cap_add: Sequence[str] = ()
    cap_drop: Sequence[str] = ()
    privileged: bool = False
    security_opt: Sequence[str] = ()
    """`seccomp=default|unconfined|FILE.json`, `no-new-privileges[=true|false]`, `docker-compat` (14 capabilities)."""
    devices: Sequence[Device] = ()
    device_cgroup_rules: Sequence[str] = ()
    """As `c 1:3 rwm`."""
    device_requests: Sequence[DeviceRequest] = ()
    """GPUs, and devices by their CDI names; see docs/guide/devices.md."""
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
    userns: str | None = None
    """`host`, `auto[:size=N]`, `private` or `container:NAME`; the configuration's when None."""
    cgroupns: str | None = None
    """`private` or `host`."""
    cgroup_parent: str | None = None
    restart: str = "no"
    """`no`, `always`, `unless-stopped` or `on-failure[:MAX]`."""
    healthcheck: HealthCheck | None = None
    """The image's when None."""
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
