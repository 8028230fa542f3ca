# ruff: noqa: E501 -- one flag or column a line
"""The flags that `run` and `create` share, and the record they become."""

from __future__ import annotations

from rocker.cli.flags import Flag
from rocker.cli.network_flags import network_flags, network_options
from rocker.errors import InvalidArgumentError
from rocker.parse.cpus import parse_cpus
from rocker.parse.device import parse_device_or_name
from rocker.parse.duration import parse_duration
from rocker.parse.keys import parse_detach_keys
from rocker.parse.keyvalue import parse_env, parse_label, parse_pair
from rocker.parse.mount import parse_mount
from rocker.parse.number import parse_int
from rocker.parse.security import parse_security_opt
from rocker.parse.signal import parse_signal
from rocker.parse.size import parse_size, parse_swap
from rocker.parse.sysctl import parse_sysctl
from rocker.parse.ulimit import parse_ulimit
from rocker.parse.volume import parse_tmpfs, parse_volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from rocker.engine.options import AnyMount, DeviceRequest, HealthCheck, RunOptions

_STREAMS = ("stdin", "stdout", "stderr")
_PULLS = ("always", "missing", "never")
_DECIMAL = 1_000_000_000


def _stream(text: str) -> str:
    if text.lower() not in _STREAMS:
        raise InvalidArgumentError("valid streams are STDIN, STDOUT and STDERR")
    return text.lower()


def _integer(text: str) -> int:
    return parse_int(text)


def _checked(check: Callable[[str], object]) -> Callable[[str], str]:
    """Keep the text as typed, once `check` has found nothing wrong with it."""

    def parse(text: str) -> str:
        check(text)
        return text

    return parse


def parse_seconds(text: str) -> float:
    """Seconds, as a number or as a duration such as `1m30s`. Raises InvalidArgumentError unless positive."""
    try:
        seconds = float(text) if text.replace(".", "", 1).isdecimal() else parse_duration(text) / 1e9
    except ValueError as error:
        raise InvalidArgumentError(str(error)) from error
    if seconds <= 0:
        raise InvalidArgumentError(f"{text} is not more than 0")
    return seconds


def _gpus(text: str) -> DeviceRequest:
    from rocker.parse.gpus import parse_gpus

    return parse_gpus(text)


def _score(text: str) -> int:
    score = parse_int(text)
    if not -1000 <= score <= 1000:  # noqa: PLR2004 -- proc(5), oom_score_adj
        raise InvalidArgumentError(f"invalid value {score}, range for oom score adj is [-1000, 1000]")
    return score


def run_flags() -> list[Flag]:
    """The flags of `create`, which `run` has too."""
    return [
        *_identity_flags(), *_process_flags(), *_filesystem_flags(), *_security_flags(), *_resource_flags(),
        *_namespace_flags(), *network_flags(), *_life_flags(),
    ]  # fmt: skip


def _identity_flags() -> list[Flag]:
    return [
        Flag("--annotation", kind="map", parse=parse_pair, many=True,
             help="Add an annotation to the container (passed through to the OCI runtime)"),
        Flag("--cidfile", kind="string", help="Write the container ID to the file"),
        Flag("--domainname", kind="string", help="Container NIS domain name"),
        Flag("-h", "--hostname", kind="string", help="Container host name"),
        Flag("-l", "--label", kind="list", parse=parse_label, many=True, help="Set meta data on a container"),
        Flag("--label-file", kind="list", many=True, help="Read in a line delimited file of labels"),
        Flag("--name", kind="string", help="Assign a name to the container"),
        Flag("--platform", kind="string", help="Set platform if the image is multi-platform"),
        Flag("--pull", kind="string", default="missing",
             help='Pull image before running ("always", "missing", "never") (default "missing")'),
    ]  # fmt: skip


def _process_flags() -> list[Flag]:
    return [
        Flag("-a", "--attach", kind="list", parse=_stream, many=True, help="Attach to STDIN, STDOUT or STDERR"),
        Flag("--entrypoint", kind="string", help="Overwrite the default ENTRYPOINT of the image"),
        Flag("-e", "--env", kind="list", parse=parse_env, many=True, help="Set environment variables"),
        Flag("--env-file", kind="list", many=True, help="Read in a file of environment variables"),
        Flag("--group-add", kind="list", many=True, help="Add additional groups to join"),
        Flag("--init", help="Run an init inside the container that forwards signals and reaps processes"),
        Flag("-i", "--interactive", help="Keep STDIN open even if not attached"),
        Flag("-t", "--tty", help="Allocate a pseudo-TTY"),
        Flag("-u", "--user", kind="string", help="Username or UID (format: <name|uid>[:<group|gid>])"),
        Flag("-w", "--workdir", kind="string", help="Working directory inside the container"),
    ]  # fmt: skip


def _filesystem_flags() -> list[Flag]:
    return [
        Flag("--device", kind="list", parse=parse_device_or_name, many=True, help="Add a host device to the container"),
        Flag("--gpus", kind="gpu-request", parse=_gpus, many=True,
             help="GPU devices to add to the container ('all' to pass all GPUs)"),
        Flag("--mount", kind="mount", parse=parse_mount, many=True, help="Attach a filesystem mount to the container"),
        Flag("--read-only", help="Mount the container's root filesystem as read only"),
        Flag("--rootfs", help="Take a directory instead of an image; it is never written"),
        Flag("--shm-size", kind="bytes", parse=parse_size, help="Size of /dev/shm"),
        Flag("--tmpfs", kind="list", parse=parse_tmpfs, many=True, help="Mount a tmpfs directory"),
        Flag("-v", "--volume", kind="list", parse=parse_volume, many=True, help="Bind mount a volume"),
        Flag("--volume-driver", kind="string", help="Optional volume driver for the container"),
        Flag("--volumes-from", kind="list", many=True, help="Mount volumes from the specified container(s)"),
    ]  # fmt: skip


def _security_flags() -> list[Flag]:
    return [
        Flag("--cap-add", kind="list", many=True, help="Add Linux capabilities"),
        Flag("--cap-drop", kind="list", many=True, help="Drop Linux capabilities"),
        Flag("--privileged", help="Give extended privileges to this container"),
        Flag("--security-opt", kind="list", parse=_checked(parse_security_opt), many=True, help="Security Options"),
        Flag("--sysctl", kind="map", parse=parse_sysctl, many=True, help="Sysctl options"),
        Flag("--ulimit", kind="ulimit", parse=parse_ulimit, many=True, help="Ulimit options"),
    ]  # fmt: skip


def _resource_flags() -> list[Flag]:
    return [
        Flag("-c", "--cpu-shares", kind="int", parse=_integer, help="CPU shares (relative weight)"),
        Flag("--cpus", kind="decimal", parse=parse_cpus, help="Number of CPUs"),
        Flag("--cpu-period", kind="int", parse=_integer, help="Limit CPU CFS (Completely Fair Scheduler) period"),
        Flag("--cpu-quota", kind="int", parse=_integer, help="Limit CPU CFS (Completely Fair Scheduler) quota"),
        Flag("--cpuset-cpus", kind="string", help="CPUs in which to allow execution (0-3, 0,1)"),
        Flag("--cpuset-mems", kind="string", help="MEMs in which to allow execution (0-3, 0,1)"),
        Flag("-m", "--memory", kind="bytes", parse=parse_size, help="Memory limit"),
        Flag("--memory-reservation", kind="bytes", parse=parse_size, help="Memory soft limit"),
        Flag("--memory-swap", kind="bytes", parse=parse_swap,
             help="Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
        Flag("--oom-kill-disable", help="Disable OOM Killer"),
        Flag("--oom-score-adj", kind="int", parse=_score, default=0, help="Tune host's OOM preferences (-1000 to 1000)"),
        Flag("--pids-limit", kind="int", parse=_integer, help="Tune container pids limit (set -1 for unlimited)"),
    ]  # fmt: skip


def _namespace_flags() -> list[Flag]:
    return [
        Flag("--cgroup-parent", kind="string", help="Optional parent cgroup for the container"),
        Flag("--ipc", kind="string", help="IPC mode to use"),
        Flag("--pid", kind="string", help="PID namespace to use"),
        Flag("--userns", kind="string", help="User namespace to use"),
        Flag("--uts", kind="string", help="UTS namespace to use"),
    ]  # fmt: skip


def _restart(text: str) -> str:
    from rocker.parse.restart import parse_restart

    parse_restart(text)
    return text or "no"


def _health_flags() -> list[Flag]:
    return [
        Flag("--health-cmd", kind="string", help="Command to run to check health"),
        Flag("--health-interval", kind="duration", parse=parse_duration,
             help="Time between running the check (ms|s|m|h) (default 0s)"),
        Flag("--health-retries", kind="int", parse=_integer, help="Consecutive failures needed to report unhealthy"),
        Flag("--health-start-interval", kind="duration", parse=parse_duration,
             help="Time between running the check during the start period (ms|s|m|h) (default 0s)"),
        Flag("--health-start-period", kind="duration", parse=parse_duration,
             help="Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)"),
        Flag("--health-timeout", kind="duration", parse=parse_duration,
             help="Maximum time to allow one check to run (ms|s|m|h) (default 0s)"),
        Flag("--no-healthcheck", help="Disable any container-specified HEALTHCHECK"),
    ]  # fmt: skip


def _life_flags() -> list[Flag]:
    return [
        *_health_flags(),
        Flag("--log-driver", kind="string", help="Logging driver for the container"),
        Flag("--log-opt", kind="list", many=True, help="Log driver options"),
        Flag("--restart", kind="string", parse=_restart, default="no",
             help='Restart policy to apply when a container exits (default "no")'),
        Flag("--rm", help="Automatically remove the container when it exits"),
        Flag("--stop-signal", kind="string", parse=_checked(parse_signal), help="Signal to stop the container"),
        Flag("--stop-timeout", kind="int", parse=_integer, help="Timeout (in seconds) to stop a container"),
        Flag("--timeout", kind="seconds", parse=parse_seconds,
             help="End the container after so many seconds (also 1m30s)"),
    ]  # fmt: skip


def detach_flags() -> list[Flag]:
    """The flags of what can be attached to: `run`, `attach`, `start`."""
    return [
        Flag("--detach-keys", kind="string", parse=_checked(parse_detach_keys),
             help="Override the key sequence for detaching a container"),
        Flag("--sig-proxy", default=True, help="Proxy received signals to the process (default true)"),
    ]  # fmt: skip


def detach_bytes(keys: str | None) -> bytes:
    """The detach sequence, Docker's when none was given."""
    from rocker.parse.keys import DEFAULT

    return parse_detach_keys(DEFAULT if keys is None else keys)


def to_run_options(values: Mapping[str, Any], arguments: list[str]) -> RunOptions:
    """What was meant. Reads environment and label files. Raises InvalidArgumentError."""
    from rocker.engine.options import RunOptions

    if values["pull"] not in _PULLS:
        raise InvalidArgumentError(
            f'invalid pull option: \'{values["pull"]}\': must be one of "always", "missing" or "never"'
        )
    if values["rm"] and values["restart"].partition(":")[0] != "no":
        raise InvalidArgumentError("conflicting options: cannot specify both --restart and --rm")
    target, command = arguments[0], arguments[1:]
    cpus = values["cpus"]
    return RunOptions(
        image=None if values["rootfs"] else target,
        rootfs=target if values["rootfs"] else None,
        command=command,
        entrypoint=_entrypoint(values["entrypoint"]),
        name=values["name"],
        env=_environment(values),
        labels=_labels(values),
        annotations=_pairs(values["annotation"]),
        groups=values["group_add"],
        mounts=_mounts(values),
        volumes_from=values["volumes_from"],
        **_devices(values),
        ulimits=values["ulimit"],
        sysctls=dict(values["sysctl"]),
        cpus=None if cpus is None else cpus / _DECIMAL,
        log_opts=_pairs(values["log_opt"]),
        stdin_open=values["interactive"],
        attach=attached_streams(values),
        auto_remove=values["rm"],
        healthcheck=_healthcheck(values),
        detach_keys=values.get("detach_keys"),  # `create` has no such flag
        **network_options(values),
        **{name: values[name] for name in _SAME_NAME},
    )


_SAME_NAME = (
    "hostname", "domainname", "workdir", "user", "read_only", "cap_add", "cap_drop", "privileged",
    "security_opt", "shm_size", "memory", "memory_swap", "memory_reservation", "cpu_shares", "cpuset_cpus",
    "cpuset_mems", "cpu_period", "cpu_quota",
    "pids_limit", "oom_score_adj", "oom_kill_disable", "init", "stop_signal", "stop_timeout", "log_driver", "pid",
    "ipc", "userns", "uts", "cgroup_parent", "tty", "timeout", "platform", "pull", "restart",
)  # fmt: skip


_HEALTH_TIMES = ("health_interval", "health_timeout", "health_start_period", "health_start_interval")


def _healthcheck(values: Mapping[str, Any]) -> HealthCheck | None:
    """The health check that was asked for; what was not said is left to the image."""
    given = [name for name in ("health_cmd", "health_retries", *_HEALTH_TIMES) if values[name]]
    if not given and not values["no_healthcheck"]:
        return None
    from rocker.engine.options import HealthCheck

    if values["no_healthcheck"]:
        if given:
            raise InvalidArgumentError("--no-healthcheck conflicts with --health-* options")
        return HealthCheck(("NONE",))
    for name in ("health_retries", *_HEALTH_TIMES):
        if (values[name] or 0) < 0:
            raise InvalidArgumentError(f"--{name.replace('_', '-')} cannot be negative")
    times = {name.removeprefix("health_"): values[name] / 1e9 for name in _HEALTH_TIMES if values[name]}
    command = values["health_cmd"]
    return HealthCheck(
        ("CMD-SHELL", command) if command else (), retries=values["health_retries"] or None, **times
    )


def attached_streams(values: Mapping[str, Any]) -> list[str]:
    """The streams that are attached: those named by `-a`, else all, standard input with `-i` only."""
    if values["attach"]:
        return [stream for stream in _STREAMS if stream in values["attach"]]
    if values.get("detach"):
        return []
    return (["stdin"] if values["interactive"] else []) + ["stdout", "stderr"]


def _entrypoint(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [text] if text else []


def _devices(values: Mapping[str, Any]) -> dict[str, Any]:
    nodes, gpus = values["device"], values["gpus"]
    if not gpus and not any(isinstance(device, str) for device in nodes):
        return {"devices": nodes}
    from rocker.parse.device import request_of

    nodes, named = request_of(nodes)
    return {"devices": nodes, "device_requests": [*gpus, *named]}


def _pairs(texts: list[str]) -> dict[str, str]:
    from rocker.parse.keyvalue import to_dict

    return to_dict(texts)


def read_env_files(paths: list[str]) -> list[str]:
    """The pairs of environment files; bare names take the caller's values."""
    import os

    from rocker.parse.keyvalue import read_file

    return [pair for path in paths for pair in read_file(path, os.environ.get)]


def _environment(values: Mapping[str, Any]) -> list[str]:
    return [*read_env_files(values["env_file"]), *values["env"]]


def _labels(values: Mapping[str, Any]) -> dict[str, str]:
    from rocker.parse.keyvalue import read_file, to_dict

    return to_dict([pair for path in values["label_file"] for pair in read_file(path)] + values["label"])


def _mounts(values: Mapping[str, Any]) -> list[AnyMount]:
    from rocker.engine.mounts import of_flag
    from rocker.engine.options import Tmpfs, VolumeMount

    volumes = values["volume"]
    # The same twice is once, as in Docker.
    once = [volume for index, volume in enumerate(volumes) if volume not in volumes[:index]]
    mounts: list[AnyMount] = [of_flag(mount) for mount in [*once, *values["mount"]]]
    if driver := values["volume_driver"]:
        mounts = [
            mount.replace(driver=mount.driver or driver) if isinstance(mount, VolumeMount) else mount
            for mount in mounts
        ]
    for target, options in values["tmpfs"]:
        mounts.append(Tmpfs(target, options=tuple(options.split(",")) if options else ()))
    return mounts
