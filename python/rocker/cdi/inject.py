"""The edits of CDI devices, made to an OCI runtime specification."""

from __future__ import annotations

import os
import stat

from rocker.cdi.directories import of_engine
from rocker.cdi.gpus import names_of
from rocker.cdi.registry import Registry
from rocker.errors import InvalidArgumentError, NotFoundError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from rocker.cdi.document import CdiSpec, Edits, Hook, Mount, Node
    from rocker.engine.config import ContainerConfig
    from rocker.engine.engine import Engine

_HOOK = "createContainer"


def inject(engine: Engine, config: ContainerConfig, document: dict[str, Any]) -> Sequence[int]:
    """Change the specification as the wanted devices say, in place.

    Returns:
        The groups that the program is to be in besides its own.

    Raises:
        NotFoundError: a device is not described, or what it names is not on the host.
        InvalidArgumentError: a request cannot be read.
        UnsupportedError: a device needs what rocker does not offer.
    """
    registry = Registry(of_engine(engine))
    owner = _owner(config.user)
    gids: dict[int, None] = {}
    seen: list[str] = []
    for spec, name in registry.find(names_of(config.options.device_requests, registry)):
        if spec.path not in seen:
            seen.append(spec.path)
            _edit(document, spec.edits, spec, owner)
            gids |= dict.fromkeys(spec.edits.gids)
        _edit(document, spec.devices[name], spec, owner)
        gids |= dict.fromkeys(spec.devices[name].gids)
    document["mounts"].sort(key=_depth)
    return list(gids)


def _depth(mount: dict[str, Any]) -> int:
    """Parents before children; what every container has stays in front, in its order."""
    return int(os.path.normpath(mount["destination"]).count("/"))


def _owner(user: str) -> tuple[int, int]:
    """Numbers alone: names are looked up in the container, by the mechanism."""
    uid, _, gid = user.partition(":")
    return (int(uid) if uid.isdecimal() else 0, int(gid) if gid.isdecimal() else 0)


def _edit(document: dict[str, Any], edits: Edits, spec: CdiSpec, owner: tuple[int, int]) -> None:
    if edits.refused:
        raise UnsupportedError(
            f"CDI device injection failed: {edits.refused[0]} in {spec.path} is not supported", path=spec.path
        )
    if edits.env:
        entries = {entry.partition("=")[0]: entry for entry in (*document["process"]["env"], *edits.env)}
        document["process"]["env"] = list(entries.values())
    for node in edits.nodes:
        _add_node(document["linux"], node, spec, owner)
    for mount in edits.mounts:
        _add_mount(document, mount, spec)
    for hook in edits.hooks:
        _add_hook(document, hook, spec)


def _add_node(linux: dict[str, Any], node: Node, spec: CdiSpec, owner: tuple[int, int]) -> None:
    path = os.path.normpath(node.path)
    if not path.startswith("/dev/"):
        raise UnsupportedError(
            f"CDI device injection failed: device `{node.path}` of {spec.path} does not lie in /dev",
            path=spec.path,
        )
    kind, major, minor = _numbers(node, spec)
    made = {
        "path": path,
        "type": kind,
        "major": major,
        "minor": minor,
        "fileMode": 0o666 if node.mode is None else stat.S_IMODE(node.mode),
        "uid": owner[0] if node.uid is None else node.uid,
        "gid": owner[1] if node.gid is None else node.gid,
    }
    linux["devices"] = [other for other in linux.get("devices", ()) if other["path"] != path] + [made]
    if kind == "p":
        return
    # The node is made inside the container's device cgroup, which must let that happen.
    access = "m" if node.permissions == "none" else node.permissions or "rwm"
    access = access if "m" in access else access + "m"
    rule = {"allow": True, "type": kind, "major": major, "minor": minor, "access": access}
    linux["resources"]["devices"].append(rule)


def _numbers(node: Node, spec: CdiSpec) -> tuple[str, int, int]:
    """Type and numbers: what is not said is that of the host's node, which must be of the type that is said."""
    kind = "c" if node.kind == "u" else node.kind
    if kind == "p" or (kind and node.major):
        return kind, node.major, node.minor
    path = node.host_path or node.path
    wrong = f'CDI device injection failed: failed to stat CDI host device "{path}" of {spec.path}'
    try:
        found = os.lstat(path)
    except OSError as error:
        raise NotFoundError(
            f"{wrong}: {error.strerror}",
            hint="is its driver loaded? A specification is written anew when devices change",
            errno=error.errno,
            path=path,
        ) from error
    kinds = {stat.S_IFBLK: "b", stat.S_IFCHR: "c", stat.S_IFIFO: "p"}
    real = kinds.get(stat.S_IFMT(found.st_mode))
    if real is None:
        raise InvalidArgumentError(f"{wrong}: not a device node", path=path)
    if kind and kind != real:
        raise InvalidArgumentError(
            f'CDI device ("{node.path}", "{path}"), host type mismatch ({kind}, {real})', path=path
        )
    if node.major or real == "p":
        return real, node.major, node.minor
    return real, os.major(found.st_rdev), os.minor(found.st_rdev)


def _add_mount(document: dict[str, Any], mount: Mount, spec: CdiSpec) -> None:
    target = os.path.normpath(mount.target)
    if not target.startswith("/") or target == "/":
        raise InvalidArgumentError(
            f"CDI device injection failed: the mount target `{mount.target}` of {spec.path} is no absolute path",
            path=spec.path,
        )
    kind, options = mount.kind, list(mount.options)
    is_bind = kind in {"", "bind", "none"} or not {"bind", "rbind"}.isdisjoint(options)
    if is_bind:
        kind = "bind"
        if not os.path.exists(mount.source):
            raise NotFoundError(
                f"CDI device injection failed: bind source path does not exist: {mount.source} (of {spec.path})",
                hint="a specification is written anew when a driver is updated",
                path=mount.source,
            )
        if {"bind", "rbind"}.isdisjoint(options):
            options.append("rbind")
    document["mounts"] = [
        other for other in document["mounts"] if os.path.normpath(other["destination"]) != target
    ]
    document["mounts"].append(
        {"destination": target, "type": kind, "source": mount.source, "options": options}
    )


def _add_hook(document: dict[str, Any], hook: Hook, spec: CdiSpec) -> None:
    if hook.name != _HOOK:
        raise UnsupportedError(
            f"CDI device injection failed: hooks of the sort {hook.name} are not supported ({spec.path})",
            hint=f"those of the sort {_HOOK} are",
            path=spec.path,
        )
    made: dict[str, Any] = {"path": hook.path, "args": list(hook.args), "env": list(hook.env)}
    if hook.timeout is not None:
        made["timeout"] = hook.timeout
    document.setdefault("hooks", {}).setdefault(_HOOK, []).append(made)
