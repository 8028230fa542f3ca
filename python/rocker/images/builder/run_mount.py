"""`RUN --mount=…` and `RUN --device=…`.

Reference: https://docs.docker.com/reference/dockerfile/#run---mount. A mount is read when variables have their values;
before, only its `from` counts, which must have none.
"""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.instructions import RunDevice
from rocker.images.builder.paths import clean
from rocker.images.builder.suggest import did_you_mean
from rocker.models.struct import Struct
from rocker.parse.number import parse_bool, parse_int, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

TYPES = ("bind", "cache", "secret", "ssh", "tmpfs")
SHARING = ("shared", "private", "locked")
_KEYS = ("type", "from", "source", "target", "readonly", "id", "sharing", "required", "size", "mode", "uid", "gid",
         "src", "dst", "destination", "ro", "rw", "readwrite", "env")  # fmt: skip
_SYNONYMS = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite"}


class Mount(Struct):
    """One mount of a `RUN`.

    Attributes:
        type: `bind`, `cache`, `tmpfs`, `secret` or `ssh`.
        stage: `from`: a stage, an image or a named context; "" is the build context, and nothing for a cache.
        source: path there; of a secret, its id.
        target: path in the container.
        readonly: as said, else true for all but caches and tmpfs.
        id: of a cache, secret or ssh agent; "" where not said.
        sharing: of a cache: `shared`, `private` or `locked`; "" where not said, which means shared.
        required: whether the build fails without the secret or agent.
        size: bytes of a tmpfs; 0 is no limit.
        env: variable that is given the secret; "" where its name is to be made of the id; None for no variable.
        mode: permissions of a secret, socket or new cache; None where not said.
        uid: owner of it.
        gid: group of it.
    """

    type: str = "bind"
    stage: str = ""
    source: str = ""
    target: str = ""
    readonly: bool = False
    id: str = ""
    sharing: str = ""
    required: bool = False
    size: int = 0
    env: str | None = None
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None


def check_mount(text: str) -> str:
    """The stage or image that a mount needs, or ""; all else is for later.

    Raises:
        DockerfileError: it is no list of fields, or its `from` has a variable.
    """
    stage = ""
    for _field, key, value in _fields(text, "mounts"):
        if key == "from" and value is not None:
            if "$" in value[:-1]:
                raise DockerfileError("'from' doesn't support variable expansion, define alias stage instead")
            stage = value
    return stage


def parse_mount(text: str, expand: Callable[[str], str]) -> Mount:
    """Read a mount.

    Args:
        text: the flag's value.
        expand: puts the values of variables into a field's value.

    Raises:
        DockerfileError: a field is unknown, wrong, or not one of this type of mount.
    """
    values: dict[str, Any] = {"type": "bind"}
    for field, written, raw in _fields(text, "mounts"):
        key = _SYNONYMS.get(written, written)
        if raw is None:
            _switch(values, key, written, field)
            continue
        value = expand(raw)
        if written not in _KEYS:
            suggestion = did_you_mean(written, _KEYS)
            raise DockerfileError(f"unexpected key '{written}' in '{field}'{suggestion}")
        _FIELDS[key](values, written, value)
    if "readonly" not in values:
        values["readonly"] = values["type"] not in ("cache", "tmpfs")
    mount = Mount(**values)
    _check(mount)
    return mount


def _fields(text: str, what: str) -> Iterator[tuple[str, str, str | None]]:
    """Each field as written, its key in lower case, and its value if it has one."""
    from rocker.parse.mount import split_csv

    if not text:
        raise DockerfileError(f"failed to parse csv {what}: EOF")
    try:
        fields = split_csv(text)
    except InvalidArgumentError as error:
        raise DockerfileError(f"failed to parse csv {what}: {error.message}") from error
    for field in fields:
        key, equals, value = field.partition("=")
        yield field, key.lower(), value if equals else None


def _switch(values: dict[str, Any], key: str, written: str, field: str) -> None:
    if key in ("readonly", "readwrite"):
        values["readonly"] = key == "readonly"
    elif key == "required":
        _only(values, written, "secret", "ssh")
        values["required"] = True
    else:
        raise DockerfileError(f"invalid field '{field}' must be a key=value pair")


def _only(values: dict[str, Any], key: str, *types: str) -> None:
    if values["type"] not in types:
        raise DockerfileError(f"unexpected key '{key}' for mount type '{values['type']}'")


def _boolean(key: str, value: str) -> bool:
    try:
        return parse_bool(value)
    except InvalidArgumentError:
        raise DockerfileError(f"invalid value for {key}: {value}") from None


def _type(values: dict[str, Any], _key: str, value: str) -> None:
    if value.lower() not in TYPES:
        raise DockerfileError(f"unsupported mount type {quote(value)}{did_you_mean(value, TYPES)}")
    values["type"] = value.lower()


def _sharing(values: dict[str, Any], _key: str, value: str) -> None:
    if value.lower() not in SHARING:
        raise DockerfileError(f"unsupported sharing value {quote(value)}{did_you_mean(value, SHARING)}")
    values["sharing"] = value.lower()


def _readonly(values: dict[str, Any], key: str, value: str) -> None:
    values["readonly"] = _boolean(key, value) == (_SYNONYMS.get(key, key) == "readonly")


def _required(values: dict[str, Any], key: str, value: str) -> None:
    _only(values, key, "secret", "ssh")
    values["required"] = _boolean(key, value)


def _size(values: dict[str, Any], key: str, value: str) -> None:
    from rocker.parse.size import parse_size

    _only(values, key, "tmpfs")
    try:
        values["size"] = parse_size(value)
    except InvalidArgumentError:
        raise DockerfileError(f"invalid value for {key}: {value}") from None


def _text(name: str) -> Callable[[dict[str, Any], str, str], None]:
    def put(values: dict[str, Any], _key: str, value: str) -> None:
        values[name] = value

    return put


def _number(name: str, base: int) -> Callable[[dict[str, Any], str, str], None]:
    def put(values: dict[str, Any], _key: str, value: str) -> None:
        try:
            values[name] = parse_int(value, base=base, bits=32, signed=False)
        except InvalidArgumentError:
            raise DockerfileError(f"invalid value {value} for {name}") from None

    return put


_FIELDS: dict[str, Callable[[dict[str, Any], str, str], None]] = {
    "env": _text("env"),
    "from": _text("stage"),
    "gid": _number("gid", 10),
    "id": _text("id"),
    "mode": _number("mode", 8),
    "readonly": _readonly,
    "readwrite": _readonly,
    "required": _required,
    "sharing": _sharing,
    "size": _size,
    "source": _text("source"),
    "target": _text("target"),
    "type": _type,
    "uid": _number("uid", 10),
}


def mount_target(mount: Mount, workdir: str) -> str:
    """Where in the container a bind mount, cache or tmpfs is.

    Raises:
        DockerfileError: it would be everything.
    """
    target = mount.target if mount.target.startswith("/") else clean(f"/{workdir}/{mount.target}")
    if target == "/":
        raise DockerfileError('invalid mount target "/"', hint="say where with target=/PATH")
    return target


def _check(mount: Mount) -> None:
    if mount.type not in ("secret", "ssh", "cache"):
        for name in ("mode", "uid", "gid"):
            if getattr(mount, name) is not None:
                raise DockerfileError(f'{name} not allowed for "{mount.type}" type mounts')
    if mount.type == "secret":
        if mount.stage:
            raise DockerfileError("secret mount should not have a from")
        if mount.sharing:
            raise DockerfileError("secret mount should not define sharing")
        if not (mount.source or mount.target or mount.id):
            raise DockerfileError("invalid secret mount. one of source, target required")
        if mount.source and mount.id:
            raise DockerfileError("both source and id can't be set")
    if mount.sharing and mount.type != "cache":
        raise DockerfileError(f"invalid cache sharing set for {mount.type} mount")


def parse_device(text: str) -> RunDevice:
    """Read a device.

    `[name=]NAME[,required[=BOOL]]`. Raises DockerfileError when a field is unknown or wrong.
    """
    name, required = "", False
    for field, key, value in _fields(text, "devices"):
        if key == "required":
            required = True if value is None else _boolean(key, value)
        elif key == "name" and value is not None:
            if name:
                raise DockerfileError(f"device name already set to {name}")
            name = value
        elif not name:
            name = field
        elif value is None:
            raise DockerfileError(f"invalid field '{field}' must be a key=value pair")
        else:
            suggestion = did_you_mean(key, ("name", "required"))
            raise DockerfileError(f"unexpected key '{key}' in '{field}'{suggestion}")
    return RunDevice(name, required)
