"""`--mount type=…,source=…,target=…,…`: comma-separated values with quotes, as RFC 4180 has them."""

from __future__ import annotations

import os.path

from rocker.engine.options import PROPAGATIONS
from rocker.errors import InvalidArgumentError
from rocker.models.struct import Struct
from rocker.parse.number import parse_bool, parse_int
from rocker.parse.size import parse_size
from rocker.parse.target import check_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_TYPES = ("bind", "image", "tmpfs", "volume")
_SWITCHES = ("readonly", "ro", "volume-nocopy", "bind-nonrecursive", "idmap")
_RECURSIVE = ("enabled", "disabled", "writable", "readonly")


_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_REST = _FIRST | frozenset("_.-")


def is_name(text: str) -> bool:
    """Tell whether these are characters of a volume's name."""
    return bool(text) and text[0] in _FIRST and _REST.issuperset(text)


class Mount(Struct):
    """A mount as the user wrote it.

    `recursive` is `enabled`, `disabled`, `writable` or `readonly` (Docker's `bind-recursive`), or empty
    when not given;
    `create_source` makes a missing source directory, which `--volume` does and `--mount` does not. Sizes
    are bytes.
    """

    type: str
    source: str
    target: str
    read_only: bool = False
    propagation: str = ""
    recursive: str = ""
    create_source: bool = False
    tmpfs_size: int | None = None
    tmpfs_mode: int | None = None
    no_copy: bool = False
    volume_driver: str = ""
    volume_labels: tuple[str, ...] = ()
    volume_options: tuple[str, ...] = ()
    subpath: str = ""
    consistency: str = ""
    idmap: bool = False


def parse_mount(text: str) -> Mount:
    """One `--mount`. Raises InvalidArgumentError with Docker's text."""
    if not text:
        raise InvalidArgumentError("EOF")
    given: dict[str, object] = {}
    for field in split_csv(text):
        key, value = _field(field)
        given[_ALIASES.get(key, key)] = _SETTERS[key](key, value, given)
    mount_type = str(given.get("type", "volume"))
    _check_mixture(mount_type, given)
    mount = _assemble(mount_type, given)
    _check_recursive(mount)
    if not mount.type:
        raise InvalidArgumentError("type is required")
    if not mount.target:
        raise InvalidArgumentError("target is required")
    return _check_paths(mount)


def _field(field: str) -> tuple[str, str]:
    """The key in lower case and the value of one field."""
    key, equals, value = field.partition("=")
    key = key.lower()
    if not equals and key not in _SWITCHES:
        raise InvalidArgumentError(f"invalid field '{field}' must be a key=value pair")
    if key not in _SETTERS:
        raise InvalidArgumentError(f"unexpected key '{key}' in '{field}'")
    return key, value if equals else "true"


_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}


def _text(_key: str, value: str, _given: dict[str, object]) -> str:
    return value


def _lower(_key: str, value: str, _given: dict[str, object]) -> str:
    return value.lower()


def _texts(key: str, value: str, given: dict[str, object]) -> tuple[object, ...]:
    before = given.get(key, ())
    return (*before, value) if isinstance(before, tuple) else (value,)


def _source(_key: str, value: str, _given: dict[str, object]) -> str:
    return os.path.abspath(value) if value == "." or value.startswith("./") else value


def _switch(key: str, value: str, _given: dict[str, object]) -> bool:
    try:
        return parse_bool(value)
    except InvalidArgumentError:
        raise _bad_value(key, value) from None


def _size(key: str, value: str, _given: dict[str, object]) -> int:
    try:
        return parse_size(value)
    except InvalidArgumentError:
        raise _bad_value(key, value) from None


def _mode(key: str, value: str, _given: dict[str, object]) -> int:
    try:
        return parse_int(value, base=8, bits=32, signed=False)
    except InvalidArgumentError:
        raise _bad_value(key, value) from None


def _bad_value(key: str, value: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"invalid value for {key}: {value}")


def _recursive(key: str, value: str, _given: dict[str, object]) -> str:
    if value not in _RECURSIVE:
        raise InvalidArgumentError(
            f'invalid value for {key}: {value} (must be "enabled", "disabled", "writable", or "readonly")'
        )
    return value


_SETTERS: dict[str, Callable[[str, str, dict[str, object]], object]] = {
    "type": _lower,
    "source": _source,
    "src": _source,
    "target": _text,
    "dst": _text,
    "destination": _text,
    "readonly": _switch,
    "ro": _switch,
    "consistency": _lower,
    "idmap": _switch,
    "bind-propagation": _lower,
    "bind-nonrecursive": _switch,
    "bind-recursive": _recursive,
    "volume-subpath": _text,
    "volume-nocopy": _switch,
    "volume-label": _texts,
    "volume-driver": _text,
    "image-subpath": _text,
    "volume-opt": _texts,
    "tmpfs-size": _size,
    "tmpfs-mode": _mode,
}


def _check_mixture(mount_type: str, given: dict[str, object]) -> None:
    for family in ("volume", "bind", "tmpfs", "image"):
        if mount_type != family and any(key.startswith(family + "-") for key in given):
            raise InvalidArgumentError(f"cannot mix '{family}-*' options with mount type '{mount_type}'")


def _assemble(mount_type: str, given: dict[str, object]) -> Mount:
    recursive = given.get("bind-recursive", "disabled" if given.get("bind-nonrecursive") else "")
    names = {
        "source": "source", "target": "target", "readonly": "read_only", "bind-propagation": "propagation",
        "tmpfs-size": "tmpfs_size", "tmpfs-mode": "tmpfs_mode", "volume-nocopy": "no_copy",
        "volume-driver": "volume_driver", "volume-label": "volume_labels", "volume-opt": "volume_options",
        "volume-subpath": "subpath", "image-subpath": "subpath", "consistency": "consistency",
        "idmap": "idmap",
    }  # fmt: skip
    fields = {name: given[key] for key, name in names.items() if key in given}
    return Mount(mount_type, "", "").replace(recursive=str(recursive), **fields)


def _check_recursive(mount: Mount) -> None:
    if mount.recursive in ("writable", "readonly") and not mount.read_only:
        raise InvalidArgumentError(
            f"option 'bind-recursive={mount.recursive}' requires 'readonly' to be specified in conjunction"
        )
    if mount.recursive == "readonly" and mount.propagation != "rprivate":
        raise InvalidArgumentError(
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction"
        )


def _check_paths(mount: Mount) -> Mount:
    prefix = f'invalid mount config for type "{mount.type}": '
    if mount.type not in _TYPES:
        raise InvalidArgumentError(
            f"mount type unknown: {mount.type!r}".replace("'", '"'), hint="one of " + ", ".join(_TYPES)
        )
    check_target(mount.target, prefix)
    if mount.type in ("bind", "image") and not mount.source:
        raise InvalidArgumentError(f"{prefix}field Source must not be empty")
    if mount.type == "bind" and not mount.source.startswith("/"):
        raise InvalidArgumentError(
            f"{prefix}invalid mount path: '{mount.source}' mount path must be absolute"
        )
    if mount.propagation and mount.propagation not in PROPAGATIONS:
        raise InvalidArgumentError(
            f"{prefix}invalid propagation mode: {mount.propagation}", hint="one of " + ", ".join(PROPAGATIONS)
        )
    if mount.type == "volume" and mount.source and not is_name(mount.source):
        raise InvalidArgumentError(
            f'{prefix}"{mount.source}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )
    if mount.idmap and mount.type != "bind":
        raise InvalidArgumentError(
            f"{prefix}idmap is for binds; volumes have the container's ids by themselves"
        )
    if mount.type == "tmpfs" and mount.source:
        raise InvalidArgumentError(f"{prefix}field Source must not be specified")
    return mount


def split_csv(line: str) -> list[str]:
    """The fields of one line: quotes may surround a field and are doubled inside it.

    Raises InvalidArgumentError with the text of Go's encoding/csv, whose columns count bytes from 1.
    """
    fields: list[str] = []
    position = 0
    while True:
        if line.startswith('"', position):
            field, position = _quoted(line, position + 1)
        else:
            end = line.find(",", position)
            end = len(line) if end == -1 else end
            field = line[position:end]
            if '"' in field:
                raise _csv_error(line, position + field.index('"'), 'bare " in non-quoted-field')
            position = end
        fields.append(field)
        if position >= len(line):
            return fields
        position += 1


def _quoted(line: str, start: int) -> tuple[str, int]:
    """The field whose opening quote is before `start`, and the position of the comma after it."""
    parts: list[str] = []
    while True:
        end = line.find('"', start)
        if end == -1:
            raise _csv_error(line, len(line), 'extraneous or missing " in quoted-field')
        parts.append(line[start:end])
        after = line[end + 1 : end + 2]
        if after != '"':
            if after not in ("", ","):
                raise _csv_error(line, end, 'extraneous or missing " in quoted-field')
            return "".join(parts), end + 1
        parts.append('"')
        start = end + 2


def _csv_error(line: str, position: int, reason: str) -> InvalidArgumentError:
    column = len(line[:position].encode()) + 1
    return InvalidArgumentError(f"parse error on line 1, column {column}: {reason}")
