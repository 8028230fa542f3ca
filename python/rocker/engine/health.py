"""A container's health check: the user's merged with the image's, checked, and as the launch request has it.

https://docs.docker.com/reference/dockerfile/#healthcheck
"""

from __future__ import annotations

from rocker.engine.options import HealthCheck
from rocker.errors import CorruptError, InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from rocker.engine.config import ContainerConfig

INTERVAL, TIMEOUT, START_PERIOD, START_INTERVAL, RETRIES = 30.0, 30.0, 0.0, 5.0, 3
"""Docker's defaults, in seconds."""

_TIMES = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start_period": "StartPeriod",
    "start_interval": "StartInterval",
}
_LEAST = 0.001
_MOST_RETRIES = (1 << 31) - 1
_KINDS = ("NONE", "CMD", "CMD-SHELL")


def merge(own: HealthCheck | None, image: Mapping[str, Any] | None) -> HealthCheck | None:
    """Return the check to use: what the user did not say is the image's. None: there is none.

    Raises:
        InvalidArgumentError: a value is out of range. CorruptError: the image's is none.
    """
    given = None if not image else of_image(image)
    if own is None:
        found = given
    else:
        check(own)
        missing = {
            field: getattr(given, field)
            for field, default in HealthCheck._defaults.items()  # noqa: SLF001 -- our own record
            if given is not None and getattr(own, field) == default
        }
        found = own.replace(**missing)
    return found if found is not None and found.test else None


def of_image(document: Mapping[str, Any]) -> HealthCheck:
    """Read Docker's `Healthcheck` object of an image.

    Raises:
        CorruptError: it is none.
    """
    test, retries = document.get("Test") or [], document.get("Retries") or 0
    times = {field: document.get(name) or 0 for field, name in _TIMES.items()}
    numbers = [retries, *times.values()]  # nanoseconds
    if (
        not isinstance(test, list)
        or not all(isinstance(word, str) and "\0" not in word for word in test)
        or not all(isinstance(number, int) and number >= 0 for number in numbers)
        or any(0 < time < _LEAST * 10**9 for time in times.values())
        or (test and test[0] not in _KINDS)
    ):
        raise CorruptError(
            "the image's health check is malformed", hint="--no-healthcheck runs the image without it"
        )
    return HealthCheck(
        test=tuple(test),
        retries=retries or None,
        **{field: value / 10**9 if value else None for field, value in times.items()},
    )


def check(given: HealthCheck) -> None:
    """Refuse what Docker refuses.

    Raises:
        InvalidArgumentError: so it is.
    """
    for field, name in _TIMES.items():
        value = getattr(given, field)
        if value is not None and value != 0 and value < _LEAST:
            raise InvalidArgumentError(f"{name} in Healthcheck cannot be less than 1ms")
    if given.retries is not None and given.retries < 0:
        raise InvalidArgumentError("Retries in Healthcheck cannot be negative")
    if given.test and given.test[0] not in _KINDS:
        raise InvalidArgumentError(
            f"Unknown probe type '{given.test[0]}' in healthcheck (expected 'CMD')",
            hint='write ["CMD", "program", "argument"] or ["CMD-SHELL", "command"]',
        )
    if given.test and given.test[0] != "NONE" and not (len(given.test) > 1 and given.test[1]):
        raise InvalidArgumentError("the health check has no command", hint="say what to run")
    if any("\0" in word for word in given.test):
        raise InvalidArgumentError("the health check's command contains a NUL byte")


def request(config: ContainerConfig, hostname: str, warn: Callable[[str], None]) -> dict[str, Any] | None:
    """Return `health` of the launch request; None when nothing is to be run."""
    from rocker.engine import spec

    found = config.healthcheck
    if found is None or found.test[0] == "NONE":
        return None
    process = spec.process(config, hostname, warn)
    process.pop("consoleSize", None)
    shell = list(config.shell) or ["/bin/sh", "-c"]
    words = list(found.test[1:])
    process.update(terminal=False, args=words if found.test[0] == "CMD" else [*shell, *words[:1]])
    interval = found.interval or INTERVAL
    document = {
        "process": process,
        "user": config.user or "0",
        "interval": interval,
        "timeout": found.timeout or TIMEOUT,
        "start_period": found.start_period or START_PERIOD,
        # Docker before 25 knew none and used the interval: a shorter one is not made longer.
        "start_interval": found.start_interval or min(START_INTERVAL, interval),
        "retries": min(found.retries or RETRIES, _MOST_RETRIES),
    }
    if config.options.groups:
        document["groups"] = list(config.options.groups)
    return document


def shown(found: HealthCheck) -> dict[str, Any]:
    """Return `Config.Healthcheck` of `inspect`: times in nanoseconds, and only what was said."""
    document: dict[str, Any] = {"Test": list(found.test)}
    for field, name in _TIMES.items():
        if value := getattr(found, field):
            document[name] = round(value * 10**9)
    if found.retries:
        document["Retries"] = found.retries
    return document


def state(document: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return `State.Health` of `inspect` from that of `state.json`."""
    if not document:
        return None
    return {
        "Status": document["status"],
        "FailingStreak": document["failing_streak"],
        "Log": [
            {
                "Start": probe["start"],
                "End": probe["end"],
                "ExitCode": probe["exit_code"],
                "Output": probe["output"],
            }
            for probe in document["log"]
        ],
    }
