"""`--security-opt`: `seccomp=default|unconfined|FILE`, `no-new-privileges[=BOOL]`, `docker-compat`."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.parse.number import parse_bool, quote

_HINT = "known options: seccomp=default|unconfined|FILE.json, no-new-privileges and docker-compat"
_NO_LSM = frozenset({"apparmor=unconfined", "apparmor=disable", "label=disable", "label=unconfined"})
"""What is so in any case: no container has a profile or a label of a Linux security module."""


def parse_security_opt(text: str) -> tuple[str, str]:
    """Name and value, separated by `=` or, as old clients write it, by `:`; the value of `docker-compat` is empty.

    Protection that is asked for and cannot be had is refused, not left out.

    Raises:
        InvalidArgumentError: it is another option, or has another value.
    """
    name, separator, value = text.partition("=")
    if not separator:
        name, separator, value = text.partition(":")
    if name == "no-new-privileges":
        try:
            return name, "true" if not separator or parse_bool(value) else "false"
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"invalid --security-opt 2: {quote(text)}", hint=_HINT) from error
    known = bool(value) if name == "seccomp" else f"{name}={value}" in _NO_LSM or text == "docker-compat"
    if not known:
        raise InvalidArgumentError(f"Invalid --security-opt: {quote(text)}", hint=_HINT)
    return name, value
