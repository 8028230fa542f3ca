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
    from rocker.engine.settings import document, path_of

    found = document(engine.root).get("cdi-spec-dirs")
    if found is None:
        return DEFAULT
    if not isinstance(found, list) or not all(
        isinstance(entry, str) and entry.startswith("/") for entry in found
    ):
        raise InvalidArgumentError(
            f"{path_of(engine.root)}: cdi-spec-dirs is no list of absolute paths",
            hint='write {"cdi-spec-dirs": ["/etc/cdi", "/var/run/cdi"]}',
        )
    return found
