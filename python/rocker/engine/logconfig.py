"""The `log` object of a launch request, from `--log-driver` and `--log-opt`."""

from __future__ import annotations

from rocker.engine.defaults import LOG_OPTIONS
from rocker.engine.options import DEFAULT_LOG_DRIVER, LOG_DRIVERS
from rocker.errors import InvalidArgumentError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rocker.engine.config import ContainerConfig

_KEYS = {
    "json-file": ("max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag"),
    "local": ("max-size", "max-file", "compress"),
    "none": (),
}
_LATER = ("labels-regex", "env-regex", "tag")


def driver_of(config: ContainerConfig) -> str:
    """Return the log driver's name."""
    return config.options.log_driver or DEFAULT_LOG_DRIVER


def path_of(id: str, driver: str) -> str:  # noqa: A002
    """Return the log's path relative to the data root; only the id decides it (CVE-2025-0750)."""
    return (
        f"containers/{id}/log/{id}-json.log"
        if driver == "json-file"
        else f"containers/{id}/log/container.log"
    )


def document(id: str, config: ContainerConfig) -> dict[str, Any]:  # noqa: A002
    """Return the object.

    Raises:
        InvalidArgumentError: the driver, an option or a value is wrong.
        UnsupportedError: the option comes later.
    """
    driver = driver_of(config)
    check(driver, config.options.log_opts)
    if driver == "none":
        return {"driver": driver}
    found: dict[str, Any] = {"driver": driver, "path": path_of(id, driver), **LOG_OPTIONS[driver]}
    options = config.options.log_opts
    if options:
        found.update(_rotation(options))
        attrs = attributes(config)
        if attrs:
            found["attrs"] = attrs
    return found


def check(driver: str, options: Mapping[str, str]) -> None:
    """Refuse unknown drivers and options.

    Raises:
        InvalidArgumentError, UnsupportedError: so it is.
    """
    if driver not in LOG_DRIVERS:
        raise InvalidArgumentError(
            f'logger: no log driver named "{driver}" is registered',
            hint="drivers are " + ", ".join(LOG_DRIVERS),
        )
    for key in options:
        if key not in _KEYS[driver]:
            known = ", ".join(_KEYS[driver]) or "none"
            raise InvalidArgumentError(
                f"unknown log opt '{key}' for {driver} log driver", hint=f"options are: {known}"
            )
        if key in _LATER:
            raise UnsupportedError(
                f"log opt '{key}' is not offered yet", hint="labels and env name attributes one by one"
            )
    _rotation(options)


def _rotation(options: Mapping[str, str]) -> dict[str, Any]:
    from rocker.parse.size import named_size

    found: dict[str, Any] = {}
    if "max-size" in options:
        unlimited = options["max-size"] == "-1"
        found["max_size"] = 0 if unlimited else named_size("max-size", options["max-size"])
    if "max-file" in options:
        text = options["max-file"]
        if not text.isdecimal() or int(text) < 1:
            raise InvalidArgumentError(
                f"invalid value for max-file: {text}", hint="max-file cannot be less than 1"
            )
        found["max_files"] = int(text)
    if "compress" in options:
        if options["compress"] not in {"true", "false"}:
            raise InvalidArgumentError(
                f"invalid value for compress: {options['compress']}", hint="write true or false"
            )
        found["compress"] = options["compress"] == "true"
    return found


def attributes(config: ContainerConfig) -> dict[str, str]:
    """The labels and variables that each record repeats, as named by the log options `labels` and `env`."""
    options, env = config.options.log_opts, dict(entry.partition("=")[::2] for entry in config.env)
    found: dict[str, str] = {}
    for key, source in (("labels", config.labels), ("env", env)):
        found.update({name: source[name] for name in options.get(key, "").split(",") if name in source})
    return found
