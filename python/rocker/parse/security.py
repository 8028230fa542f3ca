"""`--security-opt`.

`seccomp=FILE|unconfined|builtin`, `no-new-privileges[=BOOL]`, `systempaths=unconfined`, …
"""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.parse.number import parse_bool, quote

_NAMES = frozenset({"apparmor", "label", "no-new-privileges", "seccomp", "systempaths", "writable-cgroups"})


def parse_security_opt(text: str) -> tuple[str, str]:
    """Name and value, separated by `=` or, as old clients write it, by `:`. Raises InvalidArgumentError."""
    name, separator, value = text.partition("=")
    if not separator:
        name, separator, value = text.partition(":")
    if name == "no-new-privileges":
        try:
            return name, "true" if not separator or parse_bool(value) else "false"
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"invalid --security-opt 2: {quote(text)}") from error
    if name not in _NAMES or not value or (name == "systempaths" and value != "unconfined"):
        raise InvalidArgumentError(
            f"Invalid --security-opt: {quote(text)}", hint="known options: " + ", ".join(sorted(_NAMES))
        )
    return name, value


def load_profile(path: str) -> str:
    """The seccomp profile in a file, as its JSON text.

    Raises InvalidArgumentError when it cannot be read or is none.
    """
    import json

    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidArgumentError(
            f"opening seccomp profile ({path}) failed: open {path}: {reason}", errno=error.errno, path=path
        ) from error
    try:
        document = json.loads(data)
    except ValueError as error:
        raise InvalidArgumentError(
            f"compacting json for seccomp profile ({path}) failed: {error}", path=path
        ) from error
    if not isinstance(document, dict):
        raise InvalidArgumentError(
            f"decoding seccomp profile ({path}) failed: it is not an object", path=path
        )
    return data.decode()
