"""`--change`: Dockerfile instructions that change an image's configuration, read as Docker does.

Reference: https://docs.docker.com/reference/dockerfile/. Only the instructions that change nothing but the
configuration are known.
"""

from __future__ import annotations

import posixpath

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_SHELL = ["/bin/sh", "-c"]
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATIONS = {"interval": "Interval", "timeout": "Timeout", "start-period": "StartPeriod"}
_MILLISECOND = 10**6
_MAX_PORT = 65535


def apply_changes(config: dict[str, Any], changes: Iterable[str]) -> dict[str, Any]:
    """The `config` object of an image with these instructions applied; the original is left alone.

    Raises:
        InvalidArgumentError: an instruction is unknown or wrong.
    """
    import copy

    changed = copy.deepcopy(config)
    for change in changes:
        word, _, rest = change.strip().partition(" ")
        apply = _INSTRUCTIONS.get(word.upper())
        if apply is None:
            raise InvalidArgumentError(
                f"{word.lower()} is not a valid change command", hint=f"in --change {change!r}"
            )
        apply(changed, rest.strip())
    return changed


def _json_form(text: str) -> list[str] | None:
    """The words of `["a", "b"]`; None when it is no list of strings: a shell command."""
    import json

    if not text.startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if all(isinstance(word, str) for word in found) else None


def _command(text: str) -> list[str] | None:
    words = _json_form(text)
    if words is not None:
        return words
    return [*_SHELL, text] if text else None


def words_of(text: str) -> list[str]:
    """Words with their quotes and backslashes taken away.

    Raises:
        InvalidArgumentError: a quote is not closed.
    """
    import shlex

    try:
        return shlex.split(text)
    except ValueError as error:
        raise InvalidArgumentError(
            f"unexpected end of statement while looking for matching quote: {error}"
        ) from error


def _pairs(name: str, text: str) -> list[tuple[str, str]]:
    """`k=v k2="v 2"`, or the old form `k the rest`."""
    if not text:
        raise InvalidArgumentError(f"{name} requires at least one argument")
    first = text.split(None, 1)[0]
    if "=" not in first:
        key, _, value = text.partition(" ")
        if not value:
            raise InvalidArgumentError(f"{name} must have two arguments")
        return [(key, " ".join(words_of(value)))]
    pairs = []
    for word in words_of(text):
        key, equals, value = word.partition("=")
        if not equals:
            raise InvalidArgumentError(
                f"Syntax error - can't find = in {word!r}. Must be of the form: name=value"
            )
        if not key:
            raise InvalidArgumentError(f"{name} names can not be blank")
        pairs.append((key, value))
    return pairs


def _one(name: str, text: str) -> str:
    if not text:
        raise InvalidArgumentError(f"{name} requires exactly one argument")
    return text


def _cmd(config: dict[str, Any], text: str) -> None:
    config["Cmd"] = _command(text)


def _entrypoint(config: dict[str, Any], text: str) -> None:
    config["Entrypoint"] = _command(text) or None


def _env(config: dict[str, Any], text: str) -> None:
    env = list(config.get("Env") or [])
    for key, value in _pairs("ENV", text):
        entry = f"{key}={value}"
        place = next((i for i, old in enumerate(env) if old.partition("=")[0] == key), None)
        if place is None:
            env.append(entry)
        else:
            env[place] = entry
    config["Env"] = env


def _label(config: dict[str, Any], text: str) -> None:
    config["Labels"] = {**(config.get("Labels") or {}), **dict(_pairs("LABEL", text))}


def _expose(config: dict[str, Any], text: str) -> None:
    ports = dict(config.get("ExposedPorts") or {})
    for word in words_of(text):
        numbers, _, protocol = word.partition("/")
        protocol = (protocol or "tcp").lower()
        if protocol not in ("tcp", "udp", "sctp"):
            raise InvalidArgumentError(f"Invalid proto: {protocol}")
        start, dash, end = numbers.partition("-")
        first, last = _port(start, numbers), _port(end if dash else start, numbers)
        if last < first:
            raise InvalidArgumentError(f"Invalid containerPort: {numbers}")
        ports.update({f"{port}/{protocol}": {} for port in range(first, last + 1)})
    if not ports:
        raise InvalidArgumentError("EXPOSE requires at least one argument")
    config["ExposedPorts"] = ports


def _port(text: str, shown: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > _MAX_PORT:
        raise InvalidArgumentError(f"Invalid containerPort: {shown}")
    return int(text)


def _user(config: dict[str, Any], text: str) -> None:
    config["User"] = _one("USER", text)


def _volume(config: dict[str, Any], text: str) -> None:
    paths = _json_form(text)
    if paths is None:
        paths = words_of(text)
    if not paths:
        raise InvalidArgumentError("VOLUME requires at least one argument")
    if not all(path.strip() for path in paths):
        raise InvalidArgumentError("VOLUME specified can not be an empty string")
    config["Volumes"] = {**(config.get("Volumes") or {}), **{path: {} for path in paths}}


def _workdir(config: dict[str, Any], text: str) -> None:
    joined = posixpath.join("/", config.get("WorkingDir") or "/", _one("WORKDIR", text))
    # POSIX leaves two leading slashes to the system; Go's path.Clean does not.
    config["WorkingDir"] = "/" + posixpath.normpath(joined).lstrip("/")


def _stopsignal(config: dict[str, Any], text: str) -> None:
    import signal

    name = _one("STOPSIGNAL", text)
    bare = "SIG" + name.upper().removeprefix("SIG").partition("+")[0]
    number = name.isascii() and name.isdigit() and 1 <= int(name) <= signal.SIGRTMAX
    if not number and bare not in signal.Signals.__members__:
        raise InvalidArgumentError(f"Invalid signal: {name}")
    config["StopSignal"] = name


def _onbuild(config: dict[str, Any], text: str) -> None:
    word = _one("ONBUILD", text).split(None, 1)[0].upper()
    if word == "ONBUILD":
        raise InvalidArgumentError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if word in ("FROM", "MAINTAINER"):
        raise InvalidArgumentError(f"{word} isn't allowed as an ONBUILD trigger")
    config["OnBuild"] = [*(config.get("OnBuild") or []), text]


def _healthcheck(config: dict[str, Any], text: str) -> None:
    check: dict[str, Any] = {}
    while text.startswith("--"):
        flag, _, text = text.partition(" ")
        text = text.lstrip()
        key, _, value = flag[2:].partition("=")
        if key in _DURATIONS:
            check[_DURATIONS[key]] = _duration(key, value)
        elif key == "retries":
            if not (value.isascii() and value.isdigit()) or int(value) < 1:
                raise InvalidArgumentError(f"--retries must be at least 1 (not {value})")
            check["Retries"] = int(value)
        else:
            raise InvalidArgumentError(f"Unknown flag: {key}")
    kind, _, rest = text.partition(" ")
    rest = rest.strip()
    if kind.upper() == "NONE":
        if rest:
            raise InvalidArgumentError("HEALTHCHECK NONE takes no arguments")
        check["Test"] = ["NONE"]
    elif kind.upper() == "CMD":
        words = _json_form(rest)
        if not rest or words == []:
            raise InvalidArgumentError("Missing command after HEALTHCHECK CMD")
        check["Test"] = ["CMD-SHELL", rest] if words is None else ["CMD", *words]
    else:
        raise InvalidArgumentError(f"Unknown type {kind.upper()!r} in HEALTHCHECK (try CMD)")
    config["Healthcheck"] = {"Test": check.pop("Test"), **check}


def _duration(name: str, text: str) -> int:
    """Nanoseconds of Go's `1m30s`."""
    total, rest = 0.0, text
    while rest:
        length = len(rest) - len(rest.lstrip("0123456789."))
        number, rest = rest[:length], rest[length:]
        unit = next((unit for unit in ("ns", "us", "µs", "ms", "s", "m", "h") if rest.startswith(unit)), None)
        if not number.replace(".", "", 1).isdigit() or unit is None:
            raise InvalidArgumentError(
                f"invalid duration {text!r} for --{name}", hint="for example 30s or 1m30s"
            )
        total += float(number) * _UNITS[unit]
        rest = rest[len(unit) :]
    if not text or 0 < total < _MILLISECOND:
        raise InvalidArgumentError(f"Interval {text!r} for --{name} cannot be less than 1ms")
    return int(total)


_INSTRUCTIONS: dict[str, Callable[[dict[str, Any], str], None]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "ONBUILD": _onbuild,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
