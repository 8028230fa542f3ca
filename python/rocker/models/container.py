"""Containers as the Docker Engine API (1.41 to 1.50) describes them. Imported by type checkers only."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Status = Literal["created", "running", "paused", "restarting", "exited", "dead"]


class Mount(TypedDict):
    """One entry of `Mounts`."""

    Type: str
    Source: str
    Destination: str
    Mode: str
    RW: bool
    Propagation: str
    Name: NotRequired[str]
    Driver: NotRequired[str]


class State(TypedDict):
    """`State` of `inspect`; absent times are `0001-01-01T00:00:00Z`."""

    Status: Status
    Running: bool
    Paused: bool
    Restarting: bool
    OOMKilled: bool
    Dead: bool
    Pid: int
    ExitCode: int
    Error: str
    StartedAt: str
    FinishedAt: str
    TimedOut: bool
    Health: NotRequired[dict[str, Any] | None]


class ContainerSummary(TypedDict):
    """One row of `GET /containers/json`."""

    Id: str
    Names: list[str]
    Image: str
    ImageID: str
    Command: str
    Created: int
    Ports: list[dict[str, Any]]
    Labels: dict[str, str]
    State: Status
    Status: str
    HostConfig: dict[str, str]
    NetworkSettings: dict[str, Any]
    Mounts: list[Mount]
    Health: dict[str, Any]
    SizeRw: NotRequired[int]
    SizeRootFs: NotRequired[int]


class ContainerInspect(TypedDict):
    """`GET /containers/{id}/json`."""

    Id: str
    Created: str
    Path: str
    Args: list[str]
    State: State
    Image: str
    ResolvConfPath: str
    HostnamePath: str
    HostsPath: str
    LogPath: str
    Name: str
    RestartCount: int
    Driver: str
    Platform: str
    MountLabel: str
    ProcessLabel: str
    AppArmorProfile: str
    ExecIDs: list[str] | None
    HostConfig: dict[str, Any]
    GraphDriver: dict[str, Any]
    Mounts: list[Mount]
    Config: dict[str, Any]
    NetworkSettings: dict[str, Any]
    SizeRw: NotRequired[int]
    SizeRootFs: NotRequired[int]


class Top(TypedDict):
    """`GET /containers/{id}/top`."""

    Titles: list[str]
    Processes: list[list[str]]


class PathStat(TypedDict):
    """What is at a path in a container: name, `st_mode`, bytes, nanoseconds since the epoch, target of a link."""

    name: str
    mode: int
    size: int
    mtime_ns: int
    target: str | None


class Change(TypedDict):
    """One row of `GET /containers/{id}/changes`; the kind is 0 (changed), 1 (added) or 2 (deleted)."""

    Path: str
    Kind: int


class ExitEvent(TypedDict):
    """How a container or a process in it ended, or that the client let go (`event` is `detached`)."""

    event: str
    exit_code: int
    oom_killed: bool
    timed_out: bool
    started_at: str
    finished_at: str
    usage: dict[str, int]
    truncated: NotRequired[bool]
    reason: NotRequired[str]
