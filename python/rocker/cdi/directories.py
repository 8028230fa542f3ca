"""Where CDI specifications are: the first of these that is said.

    rocker --cdi-spec-dir DIR, Engine(cdi_spec_dirs=…)
    $ROCKER_CDI_SPEC_DIRS    directories with `:` between them
    <data root>/config.json  {"cdi-spec-dirs": ["/etc/cdi", "/var/run/cdi"]}, as in dockerd's daemon.json
    /etc/cdi, /var/run/cdi

A device of a later directory replaces one of the same name of an earlier one.
"""

from __future__ import annotations

import os

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocker.engine.engine import Engine

VARIABLE = "ROCKER_CDI_SPEC_DIRS"
DEFAULT = ("/etc/cdi", "/var/run/cdi")


def of_engine(engine: Engine) -> Sequence[str]:
    """Return the directories of an engine, absolute; they need not exist.

    Raises:
        InvalidArgumentError: the configuration cannot be read.
    """
    if engine.cdi_spec_dirs is not None:
        return [os.path.abspath(path) for path in engine.cdi_spec_dirs]
    text = os.environ.get(VARIABLE)
    if text:
        return [os.path.abspath(path) for path in text.split(":") if path]
    path = f"{engine.root}/config.json"
    try:
        with open(path, "rb") as file:
            return _of_file(path, file.read())
    except FileNotFoundError:
        return DEFAULT


def _of_file(path: str, content: bytes) -> Sequence[str]:
    import json

    hint = 'write {"cdi-spec-dirs": ["/etc/cdi", "/var/run/cdi"]}'
    try:
        found = json.loads(content).get("cdi-spec-dirs", list(DEFAULT))
    except (ValueError, AttributeError) as error:
        raise InvalidArgumentError(f"{path}: {error}", hint=hint) from None
    if not isinstance(found, list) or not all(
        isinstance(entry, str) and entry.startswith("/") for entry in found
    ):
        raise InvalidArgumentError(f"{path}: cdi-spec-dirs is no list of absolute paths", hint=hint)
    return found
