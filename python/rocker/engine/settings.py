"""The configuration of a data root, `<data root>/config.json`: what dockerd has in its daemon.json.

    {"userns": "auto", "cdi-spec-dirs": ["/etc/cdi"], "default-address-pools": [{"base": "10.200.0.0/16", "size": 24}]}

| setting | said by |
|---|---|
| `userns` | this module |
| `cdi-spec-dirs` | `rocker.cdi.directories` |
| `default-address-pools` | `rocker.network.pools` |
"""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.models.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILE = "config.json"


class Settings(Struct):
    """What is said there.

    Attributes:
        userns: the user namespace of containers whose creator names none; `host` when empty.
    """

    userns: str = ""


_NAMES = frozenset({"cdi-spec-dirs", "default-address-pools", "userns"})


def path_of(root: str) -> str:
    """Where the configuration of a data root is."""
    return f"{root}/{FILE}"


def document(root: str) -> dict[str, Any]:
    """Return all settings of a data root as they stand there; none without the file.

    Raises:
        InvalidArgumentError: it is not JSON, or has an unknown setting.
    """
    path = path_of(root)
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return {}
    except OSError as error:
        from rocker.engine.failure import from_os

        raise from_os(error, "read the configuration") from error
    return _parse(path, content)


def read(root: str) -> Settings:
    """Read the configuration of a data root; without the file everything has its default.

    Raises:
        InvalidArgumentError: it is not JSON, or says something unknown or wrong.
    """
    found, path = document(root), path_of(root)
    if not found:
        return _DEFAULT
    userns = found.get("userns", "")
    if not isinstance(userns, str):
        raise InvalidArgumentError(f"{path}: userns is no text", hint='write {"userns": "auto"}', path=path)
    return Settings(userns=_checked(path, userns))


def _parse(path: str, content: bytes) -> dict[str, Any]:
    import json

    try:
        found = json.loads(content)
    except ValueError as error:
        raise InvalidArgumentError(f"{path}: {error}", hint='write {"userns": "auto"}', path=path) from None
    if not isinstance(found, dict):
        raise InvalidArgumentError(f"{path}: no JSON object", hint='write {"userns": "auto"}', path=path)
    unknown = sorted(found.keys() - _NAMES)
    if unknown:
        # One that is misspelt would leave containers less confined than was meant.
        raise InvalidArgumentError(
            f"{path}: unknown setting {unknown[0]!r}",
            hint=f"known are {', '.join(sorted(_NAMES))}",
            path=path,
        )
    return found


def _checked(path: str, text: str) -> str:
    from rocker.parse.userns import parse_userns

    if not text:
        return ""
    try:
        mode = parse_userns(text).mode
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{path}: userns: {error.message}", hint=error.hint, path=path) from None
    if mode == "container":
        raise InvalidArgumentError(
            f"{path}: userns: {text} is for one container",
            hint="settings are host, auto and private",
            path=path,
        )
    return text


_DEFAULT = Settings()
