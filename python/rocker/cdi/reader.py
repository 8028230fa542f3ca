"""One CDI specification file, JSON or YAML, read and checked as strictly as the reference implementation does.

YAML's scalars are taken as texts (`BaseLoader`): YAML 1.1 would make a number of the device name `1:0` and a boolean of
`no`, while the fields here say themselves what they are.
"""

from __future__ import annotations

from rocker.cdi.document import CdiSpec, Edits, Hook, Mount, Node
from rocker.cdi.names import check_kind, check_name
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

EXTENSIONS = (".json", ".yaml")
VERSIONS = (
    "0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0",
)  # fmt: skip
HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
_REFUSED = ("intelRdt", "netDevices")
_NOTHING = (None, "", "~", "null")
"""What stands for an absent member; YAML's words for null come as texts."""
_MOST_BYTES = 16 << 20


def read(path: str) -> CdiSpec:
    """Return what a file says.

    Raises:
        InvalidArgumentError: it is wrong, and where.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise InvalidArgumentError(f"it is larger than {_MOST_BYTES >> 20} MiB")
    return _specification(path, _object(_parse(path, content), "the specification"))


def _parse(path: str, content: bytes) -> object:
    try:
        if path.endswith(".json"):
            import json

            return json.loads(content)
        import yaml

        # Both make lists, dictionaries and texts, and nothing else; libyaml's is ten times faster.
        loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
        return yaml.load(content, Loader=loader)  # noqa: S506
    except RecursionError:
        raise InvalidArgumentError("it is nested too deeply") from None
    except Exception as error:  # json's ValueError, and yaml's, which is not imported for JSON
        if isinstance(error, ValueError) or type(error).__module__.startswith("yaml"):
            raise InvalidArgumentError(" ".join(str(error).split())) from None
        raise


def _specification(path: str, members: dict[str, Any]) -> CdiSpec:
    _known(members, "the specification", ("cdiVersion", "kind", "annotations", "devices", "containerEdits"))
    version = _text(members, "cdiVersion", "the specification")
    if version.removeprefix("v") not in VERSIONS:
        raise InvalidArgumentError(f'invalid version "{version}": {VERSIONS[0]} to {VERSIONS[-1]} are known')
    kind = _text(members, "kind", "the specification")
    check_kind(kind)
    devices: dict[str, Edits] = {}
    for entry in _list(members, "devices", "the specification"):
        device = _object(entry, "a device")
        _known(device, "a device", ("name", "annotations", "containerEdits"))
        name = _text(device, "name", "a device")
        check_name(name)
        if name in devices:
            raise InvalidArgumentError(f'multiple devices with name "{name}"')
        edits = _edits(device.get("containerEdits"), f'device "{name}"')
        if edits == Edits():
            raise InvalidArgumentError(f'invalid device "{name}", empty device edits')
        devices[name] = edits
    if not devices:
        raise InvalidArgumentError("it has no devices")
    found = CdiSpec(path, kind, _edits(members.get("containerEdits"), "containerEdits"), devices)
    _check_version(version.removeprefix("v"), members, kind)
    return found


def _edits(value: object, where: str) -> Edits:
    if value in _NOTHING:
        return Edits()
    members = _object(value, where)
    _known(members, where, ("env", "deviceNodes", "mounts", "hooks", "additionalGids", *_REFUSED))
    return Edits(
        env=_environment(members, where),
        nodes=[_node(_object(entry, where), where) for entry in _list(members, "deviceNodes", where)],
        mounts=[_mount(_object(entry, where), where) for entry in _list(members, "mounts", where)],
        hooks=[_hook(_object(entry, where), where) for entry in _list(members, "hooks", where)],
        gids=[gid for entry in _list(members, "additionalGids", where) if (gid := _integer(entry, where))],
        refused=[name for name in _REFUSED if members.get(name) not in (*_NOTHING, [], {})],
    )


def _node(members: dict[str, Any], where: str) -> Node:
    where = f"{where}, deviceNodes"
    names = ("path", "hostPath", "type", "major", "minor", "fileMode", "permissions", "uid", "gid")
    _known(members, where, names)
    path = _text(members, "path", where)
    kind = _text(members, "type", where, "")
    if kind not in {"", "b", "c", "u", "p"}:
        raise InvalidArgumentError(f'{where}: device "{path}": invalid type "{kind}"')
    major, minor = (_integer(members.get(name, 0), f"{where}, {name}") for name in ("major", "minor"))
    permissions = _text(members, "permissions", where, "")
    if permissions != "none" and not set(permissions) <= set("rwm"):
        raise InvalidArgumentError(f'{where}: device "{path}": invalid permissions "{permissions}"')
    mode, uid, gid = (
        None if members.get(name) in _NOTHING else _integer(members[name], f"{where}, {name}")
        for name in ("fileMode", "uid", "gid")
    )
    return Node(path, _text(members, "hostPath", where, ""), kind, major, minor, mode, permissions, uid, gid)


def _mount(members: dict[str, Any], where: str) -> Mount:
    where = f"{where}, mounts"
    _known(members, where, ("hostPath", "containerPath", "options", "type"))
    return Mount(
        _text(members, "hostPath", where),
        _text(members, "containerPath", where),
        _texts(members, "options", where),
        _text(members, "type", where, ""),
    )


def _hook(members: dict[str, Any], where: str) -> Hook:
    where = f"{where}, hooks"
    _known(members, where, ("hookName", "path", "args", "env", "timeout"))
    name = _text(members, "hookName", where)
    if name not in HOOKS:
        raise InvalidArgumentError(f'{where}: invalid hook name "{name}"')
    path = _text(members, "path", where)
    if not path.startswith("/"):
        raise InvalidArgumentError(f'{where}: the path "{path}" of a hook is not absolute')
    timeout = members.get("timeout")
    seconds = None if timeout in _NOTHING else _integer(timeout, f"{where}, timeout")
    if seconds == 0:
        raise InvalidArgumentError(f"{where}: a timeout is more than 0")
    return Hook(name, path, _texts(members, "args", where), _environment(members, where), seconds)


def _environment(members: Mapping[str, Any], where: str) -> list[str]:
    found = _texts(members, "env", where)
    for entry in found:
        if entry.find("=") <= 0:
            raise InvalidArgumentError(f'{where}: invalid environment variable "{entry}"')
    return found


def _check_version(version: str, members: dict[str, Any], kind: str) -> None:
    """A member that a later version has brought makes a file of an earlier one invalid."""
    edits = [members.get("containerEdits"), *(device.get("containerEdits") for device in members["devices"])]
    used = [edit for edit in edits if isinstance(edit, dict)]
    names = [str(device["name"]) for device in members["devices"]]

    def has(group: str, name: str) -> bool:
        return any(name in entry for edit in used for entry in edit.get(group) or ())

    needs: Sequence[tuple[str, Callable[[], bool]]] = (
        ("1.1.0", lambda: any("netDevices" in edit for edit in used)),
        ("0.7.0", lambda: any("intelRdt" in edit or "additionalGids" in edit for edit in used)),
        ("0.6.0", lambda: "." in kind.partition("/")[2] or "annotations" in members
            or any("annotations" in device for device in members["devices"])),
        ("0.5.0", lambda: has("deviceNodes", "hostPath") or any(name[0].isdecimal() for name in names)),
        ("0.4.0", lambda: has("mounts", "type")),
    )  # fmt: skip
    least = next((least for least, is_needed in needs if is_needed()), VERSIONS[0])
    if VERSIONS.index(version) < VERSIONS.index(least):
        raise InvalidArgumentError(f"the spec version must be at least {least}, it is {version}")


# --- values ---


def _known(members: dict[str, Any], where: str, names: Sequence[str]) -> None:
    for name in members:
        if name not in names:
            raise InvalidArgumentError(f'{where}: unknown field "{name}"')


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise InvalidArgumentError(f"{where}: it is no object")
    return value


def _list(members: Mapping[str, Any], name: str, where: str) -> list[Any]:
    value = members.get(name)
    if value in _NOTHING:
        return []
    if not isinstance(value, list):
        raise InvalidArgumentError(f"{where}: {name} is no list")
    return value


def _texts(members: Mapping[str, Any], name: str, where: str) -> list[str]:
    found = _list(members, name, where)
    for entry in found:
        if not isinstance(entry, str) or "\0" in entry:
            raise InvalidArgumentError(f"{where}: {name} is no list of texts")
    return found


def _text(members: Mapping[str, Any], name: str, where: str, default: str | None = None) -> str:
    value = members.get(name)
    if value in (None, ""):
        if default is None:
            raise InvalidArgumentError(f"{where}: {name} is missing")
        return default
    if not isinstance(value, str) or "\0" in value:
        raise InvalidArgumentError(f"{where}: {name} is no text")
    return value


def _integer(value: object, where: str) -> int:
    """A number that is not negative: YAML's come as texts, octal with a leading zero."""
    number = -1
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str):
        from rocker.parse.number import parse_int

        number = parse_int(value)
    if not 0 <= number < 1 << 32:
        raise InvalidArgumentError(f"{where}: {value!r} is no number from 0 to {(1 << 32) - 1}")
    return number
