"""The keyword arguments of `Engine.run` as `RunOptions`: friendlier types, shorter names."""

from __future__ import annotations

from rocker.engine.options import Device, HealthCheck, RunOptions, Ulimit
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from rocker.engine.options import AnyMount

_SIZES = ("memory", "memory_swap", "memory_reservation", "shm_size", "max_output")
_NETWORK = frozenset({
    "network", "network_aliases", "ip", "ip6", "mac_address", "links", "ports", "expose", "dns", "dns_search",
    "dns_options", "extra_hosts",
})  # fmt: skip
_RENAMED = {"pids": "pids_limit", "remove": "auto_remove", "restart_policy": "restart"}


def options_of(
    image: str | None,
    command: Sequence[str] | str,
    keywords: Mapping[str, Any],
    *,
    detach: bool = False,
    has_input: bool = False,
) -> RunOptions:
    """Return the options.

    Raises:
        InvalidArgumentError: a keyword is unknown, or its value cannot be read.
    """
    found: dict[str, Any] = {_RENAMED.get(name, name): value for name, value in keywords.items()}
    if image is not None:
        found["image"] = image
    found["command"] = words(command)
    found.setdefault("auto_remove", not detach)
    if has_input:
        found["stdin_open"] = True
        found["attach"] = ("stdin", "stdout", "stderr")
    sizes(found)
    _requests(found)
    for name, convert in _CONVERSIONS.items():
        if name in found:
            found[name] = convert(found[name])
    if not _NETWORK.isdisjoint(found):
        from rocker.engine.network_keywords import convert as convert_network

        convert_network(found)
    try:
        return RunOptions(**found)
    except TypeError as error:
        raise _unknown(found, error) from None


def sizes(found: dict[str, Any]) -> dict[str, Any]:
    """Turn sizes that are texts into bytes, in place.

    Raises:
        InvalidArgumentError: one cannot be read.
    """
    for name in _SIZES:
        if isinstance(found.get(name), str):
            from rocker.parse.size import named_size

            found[name] = named_size(name, found[name])
    return found


def words(command: Sequence[str] | str) -> tuple[str, ...]:
    """Return a command as words; a text is split as a shell would."""
    if not isinstance(command, str):
        return tuple(command)
    import shlex

    return tuple(shlex.split(command))


def environment(env: Mapping[str, str] | Sequence[str]) -> tuple[str, ...]:
    """Return variables as `NAME=value`."""
    items = getattr(env, "items", None)
    return tuple(env) if items is None else tuple(f"{name}={value}" for name, value in items())


def _mounts(values: Sequence[AnyMount | str]) -> tuple[AnyMount, ...]:
    from rocker.engine.mounts import of_flag
    from rocker.parse.volume import parse_volume

    return tuple(of_flag(parse_volume(value)) if isinstance(value, str) else value for value in values)


def _devices(values: Sequence[Device | str]) -> tuple[Device, ...]:
    from rocker.parse.device import parse_device

    return tuple(parse_device(value) if isinstance(value, str) else value for value in values)


def _requests(found: dict[str, Any]) -> None:
    """Turn `gpus` and the CDI names among `devices` into requests, in place."""
    gpus = found.pop("gpus", None)
    devices = found.get("devices")
    if gpus is None and not devices:
        return
    requests = list(found.get("device_requests", ()))
    if gpus is not None:
        from rocker.parse.gpus import parse_gpus

        requests.append(parse_gpus(str(gpus)))
    if devices:
        from rocker.parse.device import request_of

        found["devices"], named = request_of(devices)
        requests += named
    if requests:
        found["device_requests"] = tuple(requests)


def _ulimits(values: Sequence[Ulimit | str]) -> tuple[Ulimit, ...]:
    from rocker.parse.ulimit import parse_ulimit

    return tuple(parse_ulimit(value) if isinstance(value, str) else value for value in values)


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def _tuple(values: Sequence[str] | str) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


def _user(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _entrypoint(value: Sequence[str] | str | None) -> tuple[str, ...] | None:
    return None if value is None else _tuple(value)


def restart_text(value: Mapping[str, Any] | str | None) -> str:
    """Return a restart policy as text; a mapping is Docker's `{"Name": …, "MaximumRetryCount": …}`."""
    if value is None or isinstance(value, str):
        return value or "no"
    count = value.get("MaximumRetryCount") or 0
    return f"{value.get('Name') or 'no'}:{count}" if count else value.get("Name") or "no"


def _healthcheck(value: HealthCheck | Sequence[str] | str | None) -> HealthCheck | None:
    if value is None or isinstance(value, HealthCheck):
        return value
    return HealthCheck(("CMD-SHELL", value) if isinstance(value, str) else ("CMD", *value))


_CONVERSIONS: dict[str, Any] = {
    "restart": restart_text,
    "healthcheck": _healthcheck,
    "env": environment,
    "mounts": _mounts,
    "devices": _devices,
    "ulimits": _ulimits,
    "sysctls": _texts,
    "labels": _texts,
    "annotations": _texts,
    "log_opts": _texts,
    "cap_add": _tuple,
    "cap_drop": _tuple,
    "security_opt": _tuple,
    "volumes_from": _tuple,
    "groups": lambda values: tuple(str(value) for value in values),
    "user": _user,
    "entrypoint": _entrypoint,
}


def _unknown(found: Mapping[str, Any], error: TypeError) -> InvalidArgumentError:
    from rocker.engine.suggest import near

    known = RunOptions._defaults  # noqa: SLF001 -- our own record
    for name in found:
        if name not in known:
            return InvalidArgumentError(
                f"run has no option `{name}`", hint=near(name, (*known, *_RENAMED, *_NETWORK))
            )
    return InvalidArgumentError(str(error))
