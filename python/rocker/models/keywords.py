"""Keyword arguments of `Engine.run` and `rocker.run`. Imported by type checkers only.

Sizes are bytes or text such as `64m`; times are seconds. What is not given is decided by the image or by the default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from rocker.engine.options import (
        Attachment,
        Bind,
        Device,
        DeviceRequest,
        HealthCheck,
        ImageMount,
        Port,
        Tmpfs,
        Ulimit,
        VolumeMount,
    )


class RunKeywords(TypedDict, total=False):
    """See `rocker.engine.options.RunOptions` for what each one means."""

    rootfs: str | None
    stdin: bytes | str | None
    """Fed to the command, then closed. Without it there is no standard input."""
    bind_to_caller: bool
    """Whether the container ends with the process that started it."""
    auto_remove: bool
    """By default true, and false with `detach`."""
    timeout: float | None
    max_output: int | str | None
    """Bytes of stdout and of stderr; more ends the container."""
    name: str | None
    hostname: str | None
    domainname: str | None
    env: Mapping[str, str] | Sequence[str]
    workdir: str | None
    user: str | int | None
    groups: Sequence[str | int]
    entrypoint: Sequence[str] | str | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    mounts: Sequence[Bind | Tmpfs | VolumeMount | ImageMount | str]
    """Texts are as for `-v`."""
    volumes_from: Sequence[str] | str
    """Containers whose binds and volumes are shown here too, each as `NAME[:ro|rw]`."""
    read_only: bool
    network: str | Attachment | Sequence[str | Attachment] | None
    """`none`, `host`, `container:NAME`, or one network or more."""
    network_aliases: Sequence[str]
    ip: str | None
    ip6: str | None
    mac_address: str | None
    links: Sequence[str]
    """`CONTAINER:ALIAS`."""
    ports: Mapping[str, int | str | tuple[str, int] | None] | Sequence[str | Port]
    """`{"80/tcp": 8080}` or `["8080:80"]`; None or 0 stands for a free port of the host."""
    publish_all: bool
    expose: Sequence[str | int]
    dns: Sequence[str]
    dns_search: Sequence[str]
    dns_options: Sequence[str]
    extra_hosts: Mapping[str, str] | Sequence[str]
    """Addresses by name, or `NAME:ADDRESS`."""
    cap_add: Sequence[str]
    cap_drop: Sequence[str]
    privileged: bool
    security_opt: Sequence[str]
    devices: Sequence[Device | str]
    """Texts are as for `--device`, names of CDI devices too."""
    gpus: str | int
    """As for `--gpus`: `all`, a number, `device=0,1`."""
    device_requests: Sequence[DeviceRequest]
    device_cgroup_rules: Sequence[str]
    ulimits: Sequence[Ulimit | str]
    sysctls: Mapping[str, str]
    shm_size: int | str | None
    memory: int | str | None
    memory_swap: int | str | None
    memory_reservation: int | str | None
    memory_swappiness: int | None
    cpus: float | None
    cpu_shares: int | None
    cpu_period: int | None
    cpu_quota: int | None
    cpuset_cpus: str | None
    cpuset_mems: str | None
    pids: int | None
    pids_limit: int | None
    blkio_weight: int | None
    oom_score_adj: int
    oom_kill_disable: bool
    init: bool
    stop_signal: str | None
    stop_timeout: int | None
    restart_policy: str | Mapping[str, Any] | None
    """`no`, `always`, `unless-stopped`, `on-failure[:MAX]`, or `{"Name": …, "MaximumRetryCount": …}`."""
    healthcheck: HealthCheck | Sequence[str] | str | None
    """A text is run by the image's shell, words without one."""
    log_driver: str | None
    log_opts: Mapping[str, str]
    pid: str | None
    ipc: str | None
    userns: str | None
    uts: str | None
    cgroupns: str | None
    cgroup_parent: str | None
    tty: bool
    stdin_open: bool
    platform: str | None
    pull: str
