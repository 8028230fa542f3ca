"""`--volume [SOURCE:]TARGET[:OPTIONS]` and `--tmpfs TARGET[:OPTIONS]`."""

from __future__ import annotations

import os.path

from rocker.engine.options import PROPAGATIONS
from rocker.errors import InvalidArgumentError
from rocker.parse.mount import Mount, is_name
from rocker.parse.target import check_target

_EXCLUSIVE = (
    frozenset({"ro", "rw"}),
    frozenset({"z", "Z"}),
    frozenset(PROPAGATIONS),
    frozenset({"consistent", "cached", "delegated"}),
    frozenset({"nocopy"}),
    frozenset({"idmap"}),
)


def parse_volume(text: str) -> Mount:
    """A bind when the source is a path, else a volume (anonymous without a source).

    Raises InvalidArgumentError.

    A source `.`, `./x`, `..` or `../x` is taken from the working directory, `~/x` is not expanded: the
    shell does that.
    """
    fields = text.split(":")
    if not text or len(fields) > 3 or "" in fields:  # noqa: PLR2004 -- source, target, options
        raise InvalidArgumentError(f"invalid volume specification: '{text}'")
    if len(fields) == 2 and _options(fields[1]) is not None:  # noqa: PLR2004
        raise InvalidArgumentError(
            f"invalid volume specification: '{text}'", hint="options need a source: SOURCE:TARGET:OPTIONS"
        )
    source = fields[0] if len(fields) > 1 else ""
    target = fields[0] if len(fields) == 1 else fields[1]
    options = _options(fields[2]) if len(fields) > 2 else frozenset()  # noqa: PLR2004
    if options is None:
        raise InvalidArgumentError(f"invalid mode: {fields[2]}")
    check_target(target, f"invalid volume specification: '{text}': ")
    return _mount(source, target, options, text)


def _mount(source: str, target: str, options: frozenset[str], text: str) -> Mount:
    propagation = next(iter(options & _EXCLUSIVE[2]), "")
    if source.startswith(("/", "./", "../")) or source in (".", ".."):
        if "nocopy" in options:
            raise InvalidArgumentError("invalid mode: nocopy", hint="nocopy is for named volumes")
        source = os.path.abspath(source)
        return Mount(
            "bind",
            source,
            target,
            read_only="ro" in options,
            propagation=propagation,
            create_source=True,
            idmap="idmap" in options,
        )
    if source and not is_name(source):
        raise InvalidArgumentError(
            f'{text}: "{source}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" '
            "are allowed. If you intended to pass a host directory, use absolute path"
        )
    if "idmap" in options:
        raise InvalidArgumentError(
            "invalid mode: idmap", hint="volumes have the container's ids by themselves"
        )
    if propagation:
        raise InvalidArgumentError(f"invalid mode: {propagation}", hint="propagation is for bind mounts")
    return Mount("volume", source, target, read_only="ro" in options, no_copy="nocopy" in options)


def parse_tmpfs(text: str) -> tuple[str, str]:
    """Target and mount options (tmpfs(5), the generic ones too) of `--tmpfs`. Raises InvalidArgumentError."""
    target, _, options = text.partition(":")
    if ":" in options:
        raise InvalidArgumentError(f"invalid tmpfs specification: '{text}'")
    check_target(target, f"invalid volume specification: '{text}': ")
    return target, options


def _options(text: str) -> frozenset[str] | None:
    """The options in a mode such as `ro,rslave`; None when it is no valid mode."""
    names = text.split(",")
    for group in _EXCLUSIVE:
        if sum(name in group for name in names) > 1:
            return None
    return frozenset(names) if all(any(name in group for group in _EXCLUSIVE) for name in names) else None
