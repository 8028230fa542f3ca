"""Binds and tmpfs: what is refused, and what a spec's `mounts` holds. Their syntax: `rocker.parse`."""

from __future__ import annotations

import os

from rocker.engine.options import DEFAULT_SHM_SIZE, PROPAGATIONS, Bind, ImageMount, Tmpfs, VolumeMount
from rocker.errors import InvalidArgumentError, NotFoundError
from rocker.parse.target import check_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from rocker.engine.options import AnyMount
    from rocker.parse.mount import Mount

# Files that lxcfs serves; a bind over them hides nothing of the kernel's own.
_PROC_ALLOWED = frozenset(
    "/proc/" + name
    for name in ("cpuinfo", "diskstats", "loadavg", "meminfo", "slabinfo", "stat", "swaps", "uptime")
)
_TMPFS_FLAGS = frozenset({
    "rw", "ro", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "atime", "noatime", "diratime",
    "nodiratime", "relatime", "strictatime", "sync", "async", "huge", "tmpcopyup",
})  # fmt: skip
_OPPOSITES = {
    "exec": "noexec", "suid": "nosuid", "dev": "nodev", "rw": "ro", "atime": "noatime", "diratime": "nodiratime",
    "sync": "async",
}  # fmt: skip
_OPPOSITES.update({other: word for word, other in _OPPOSITES.items()})
_TMPFS_VALUES = frozenset({"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol", "huge"})


def of_flag(mount: Mount) -> AnyMount:
    """Return what a parsed `--volume` or `--mount` means."""
    if mount.type == "tmpfs":
        options = ("ro",) if mount.read_only else ()
        return Tmpfs(mount.target, mount.tmpfs_size or None, mount.tmpfs_mode, options)
    if mount.type == "volume":
        return VolumeMount(
            mount.target,
            mount.source,
            mount.read_only,
            mount.no_copy,
            mount.subpath,
            mount.volume_driver,
            _pairs(mount.volume_options),
            _pairs(mount.volume_labels),
        )
    if mount.type == "image":
        return ImageMount(mount.source, mount.target, mount.subpath)
    return Bind(
        mount.source,
        mount.target,
        read_only=mount.read_only,
        recursive=mount.recursive != "disabled",
        read_only_recursive=mount.recursive != "writable",
        propagation=mount.propagation or "rprivate",
        create_source=mount.create_source,
        idmap=mount.idmap,
    )


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


def default_mounts(options_shm: int | None, *, sysfs_rw: bool, own_shm: bool) -> list[dict[str, Any]]:
    """Return what every container has, in the order of mounting."""
    writable = "rw" if sysfs_rw else "ro"
    mounts: list[dict[str, Any]] = [
        _mount("/proc", "proc", ["nosuid", "noexec", "nodev"]),
        _mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount(
            "/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
        ),
        _mount("/sys", "sysfs", ["nosuid", "noexec", "nodev", writable]),
        _mount("/sys/fs/cgroup", "cgroup", ["nosuid", "noexec", "nodev", writable]),
        _mount("/dev/mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
    ]
    if own_shm:
        size = DEFAULT_SHM_SIZE if options_shm is None else options_shm
        mounts.append(
            _mount("/dev/shm", "tmpfs", ["nosuid", "noexec", "nodev", "mode=1777", f"size={size}"], "shm")
        )
    return mounts


def _mount(destination: str, kind: str, options: list[str], source: str | None = None) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source or kind, "options": options}


def bind_document(source: str, target: str, options: Sequence[str]) -> dict[str, Any]:
    """Return one bind as a spec's mount."""
    return {"destination": target, "type": "bind", "source": source, "options": list(options)}


def by_target(wanted: Sequence[AnyMount]) -> dict[str, AnyMount]:
    """Return mounts by their clean targets.

    Raises:
        InvalidArgumentError: a target is none, or is given twice.
    """
    found: dict[str, AnyMount] = {}
    for mount in wanted:
        target = check_target(mount.target)
        if target in found:
            raise InvalidArgumentError(
                f"Duplicate mount point: {target}", hint="each path can be mounted once"
            )
        found[target] = mount
    return found


def resolve(
    wanted: Sequence[AnyMount],
    *,
    privileged: bool,
    volume: Callable[[VolumeMount | ImageMount, str], dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Return the user's mounts for a spec, parents before children. Missing sources are made where that was meant.

    `volume` makes the mount of a volume or image at a target; without it they are left out.

    Raises:
        InvalidArgumentError: a target is refused or given twice.
        NotFoundError: a source is not there.
    """
    found = []
    for target, mount in by_target(wanted).items():
        if isinstance(mount, Bind):
            source = _source(mount)
            _refuse_kernel_paths(target, source, privileged=privileged)
            found.append(_bind(mount, source, target))
            continue
        _refuse_kernel_paths(target, "", privileged=privileged)
        if isinstance(mount, Tmpfs):
            found.append(_tmpfs(mount, target))
        elif volume is not None:
            found.append(volume(mount, target))
    return sorted(found, key=lambda mount: mount["destination"].count("/"))


def _refuse_kernel_paths(target: str, source: str, *, privileged: bool) -> None:
    """Nothing goes over /proc and /sys: LSM labels are written there (CVE-2019-16884), and the masks would be hidden.

    The host's own sysfs below /sys is as Docker has it (`-v /sys/fs/cgroup:/sys/fs/cgroup:ro`).
    """
    for top in ("/proc", "/sys"):
        if target != top and not target.startswith(top + "/"):
            continue
        if target in _PROC_ALLOWED or (top == "/sys" and (privileged or source.startswith("/sys/"))):
            return
        raise InvalidArgumentError(
            f'"{target}" cannot be mounted over: it is inside {top}',
            hint="choose another target in the container",
            path=target,
        )


def _source(bind: Bind) -> str:
    path = os.path.abspath(os.path.expanduser(bind.source))
    if "\0" in path:
        raise InvalidArgumentError(f"invalid mount source: {path!r}")
    if os.path.exists(path):
        return path
    if not bind.create_source:
        raise NotFoundError(
            f'invalid mount config for type "bind": bind source path does not exist: {path}',
            hint="make it first; -v makes missing directories",
            path=path,
        )
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise NotFoundError(
            f"error while creating mount source path '{path}': {error.strerror}", errno=error.errno, path=path
        ) from error
    return path


def _bind(bind: Bind, source: str, target: str) -> dict[str, Any]:
    if bind.propagation not in PROPAGATIONS:
        raise InvalidArgumentError(
            f"invalid propagation mode: {bind.propagation}", hint="one of " + ", ".join(PROPAGATIONS)
        )
    options = ["rbind" if bind.recursive else "bind", bind.propagation]
    if bind.read_only:
        options.append("rro" if bind.recursive and bind.read_only_recursive else "ro")
    if bind.idmap:
        options.append("idmap")
    return bind_document(source, target, options)


def _tmpfs(mount: Tmpfs, target: str) -> dict[str, Any]:
    options = ["noexec", "nosuid", "nodev"]
    for word in mount.options:
        key, equals, _ = word.partition("=")
        if key not in (_TMPFS_VALUES if equals else _TMPFS_FLAGS):
            raise InvalidArgumentError(f'invalid tmpfs option ["{word}"]', hint="options are as in tmpfs(5)")
        options = [other for other in options if other not in {word, _OPPOSITES.get(word)}]
        options.append(word)  # the last one counts
    if mount.size is not None:
        options.append(f"size={mount.size}")
    if mount.mode is not None:
        options.append(f"mode={mount.mode:o}")
    return _mount(target, "tmpfs", options)
