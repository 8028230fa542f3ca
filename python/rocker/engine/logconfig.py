"""The `log` object of a launch request, from `--log-driver` and `--log-opt`."""

from __future__ import annotations

from rocker.engine.defaults import LOG_OPTIONS
from rocker.engine.options import DEFAULT_LOG_DRIVER, LOG_DRIVERS
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rocker.engine.config import ContainerConfig
    from rocker.engine.engine import Engine

FILES = ("json-file", "local", "none")
"""Drivers that send nothing anywhere."""
_FILE = ("max-size", "max-file", "compress")
_ATTRIBUTES = ("labels", "labels-regex", "env", "env-regex", "tag")
_MODE = ("mode", "max-buffer-size")
_CACHE = ("cache-disabled", "cache-max-size", "cache-max-file", "cache-compress")
_KEYS = {
    "json-file": (*_FILE, *_ATTRIBUTES),
    "local": _FILE,
    "none": (),
    "syslog": (
        "syslog-address", "syslog-facility", "syslog-format", "syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key",
        "syslog-tls-skip-verify", *_ATTRIBUTES,
    ),
    "journald": _ATTRIBUTES,
    "gelf": (
        "gelf-address", "gelf-compression-level", "gelf-compression-type", "gelf-tcp-max-reconnect",
        "gelf-tcp-reconnect-delay", *_ATTRIBUTES,
    ),
    "fluentd": (
        "fluentd-address", "fluentd-async", "fluentd-async-reconnect-interval", "fluentd-buffer-limit",
        "fluentd-max-retries", "fluentd-read-timeout", "fluentd-request-ack", "fluentd-retry-wait",
        "fluentd-sub-second-precision", "fluentd-write-timeout", *_ATTRIBUTES,
    ),
}  # fmt: skip
_BUFFER = 1_000_000
"""Bytes that wait in non-blocking mode, by default: moby's `defaultRingMaxSize`, 1e6."""


def driver_of(config: ContainerConfig) -> str:
    """Return the log driver's name."""
    return config.options.log_driver or DEFAULT_LOG_DRIVER


def file_of(config: ContainerConfig) -> str:
    """Return the form of the log's file: `json-file`, `local` (the copy beside a server's, too) or `none`."""
    driver = driver_of(config)
    if driver in FILES:
        return driver
    return "none" if _flag(config.options.log_opts, "cache-disabled") else "local"


def path_of(id: str, form: str) -> str:  # noqa: A002
    """Return the log's path relative to the data root; only the id decides it (CVE-2025-0750)."""
    return (
        f"containers/{id}/log/{id}-json.log" if form == "json-file" else f"containers/{id}/log/container.log"
    )


def document(id: str, config: ContainerConfig) -> dict[str, Any]:  # noqa: A002
    """Return the object, without what depends on the container's name: see `complete`.

    Raises:
        InvalidArgumentError: the driver, an option or a value is wrong.
        UnsupportedError: the option comes later.
    """
    driver, options = driver_of(config), config.options.log_opts
    check(driver, options)
    form = file_of(config)
    if form == "none":
        return {"driver": "none"}
    found: dict[str, Any] = {"driver": form, "path": path_of(id, form), **LOG_OPTIONS[form]}
    if options:
        found.update(_rotation(options, "" if driver == form else "cache-"))
        if driver == "json-file":
            from rocker.engine.logdrivers.attributes import attributes

            attrs = attributes(config)
            if attrs:
                found["attrs"] = attrs
    return found


def complete(engine: Engine, id: str, config: ContainerConfig, log: dict[str, Any]) -> None:  # noqa: A002
    """Add what depends on the container's name, and where a server is: its host is looked up now.

    Raises:
        InvalidArgumentError: the tag's template is wrong.
        NotFoundError: the host is unknown, or there is no such socket.
    """
    driver, options = driver_of(config), config.options.log_opts
    if driver in FILES and not options.get("tag"):
        return
    from rocker.engine import logdrivers
    from rocker.engine.logdrivers.identity import Identity

    identity = Identity(engine.catalog.get_by_ref(id), config)
    if driver == "json-file":
        log.setdefault("attrs", {})["tag"] = identity.tag("")
        return
    remote = logdrivers.module(driver).remote(identity)
    if options.get("mode") == "non-blocking":
        remote["non_blocking"] = True
        remote["max_buffer"] = _size("max-buffer-size", options.get("max-buffer-size"), _BUFFER)
    log["remote"] = remote


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
    if not options:
        if driver not in FILES:
            _check_remote(driver, options)
        return
    common = () if driver == "none" else (*_MODE, *_CACHE)
    for key in options:
        if key not in _KEYS[driver] and key not in common:
            quoted = f'"{key}"' if driver == "gelf" else f"'{key}'"
            known = ", ".join((*_KEYS[driver], *common)) or "none"
            raise InvalidArgumentError(
                f"unknown log opt {quoted} for {driver} log driver", hint=f"options are: {known}"
            )
    _check_mode(options)
    _rotation(options, "")
    _rotation(options, "cache-")
    _flag(options, "cache-disabled")
    if any(key in options for key in _ATTRIBUTES):
        from rocker.engine.logdrivers.attributes import check_expressions
        from rocker.engine.logdrivers.identity import check_tag

        check_expressions(options)
        check_tag(options.get("tag", ""))
    if driver not in FILES:
        _check_remote(driver, options)


def _check_remote(driver: str, options: Mapping[str, str]) -> None:
    from rocker.engine import logdrivers

    logdrivers.module(driver).check(options)


def _check_mode(options: Mapping[str, str]) -> None:
    mode = options.get("mode", "")
    if mode not in {"", "blocking", "non-blocking"}:
        raise InvalidArgumentError(
            f"logger: logging mode not supported: {mode}", hint="write blocking or non-blocking"
        )
    if "max-buffer-size" in options:
        if mode != "non-blocking":
            raise InvalidArgumentError(
                "logger: max-buffer-size option is only supported with 'mode=non-blocking'"
            )
        _size("error parsing option max-buffer-size", options["max-buffer-size"], 0)


def _size(name: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    from rocker.parse.size import named_size

    return named_size(name, text)


def _flag(options: Mapping[str, str], name: str) -> bool:
    text = options.get(name)
    if not text:
        return False
    from rocker.parse.number import parse_bool

    try:
        return parse_bool(text)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(
            f"invalid value for option {name}: {text}", hint="write true or false"
        ) from error


def _rotation(options: Mapping[str, str], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    size, files, compress = (prefix + name for name in _FILE)
    if size in options:
        found["max_size"] = 0 if options[size] == "-1" else _size(size, options[size], 0)
    if files in options:
        text = options[files]
        if not text.isdecimal() or int(text) < 1:
            raise InvalidArgumentError(
                f"invalid value for {files}: {text}", hint=f"{files} cannot be less than 1"
            )
        found["max_files"] = int(text)
    if compress in options:
        if options[compress] not in {"true", "false"}:
            raise InvalidArgumentError(
                f"invalid value for {compress}: {options[compress]}", hint="write true or false"
            )
        found["compress"] = options[compress] == "true"
    return found
