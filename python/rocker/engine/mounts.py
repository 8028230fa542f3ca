"""Binds and tmpfs: their syntax, what is refused, and what a spec's `mounts` holds."""

from __future__ import annotations

import os

from rocker.engine.options import DEFAULT_SHM_SIZE, Bind, Tmpfs
from rocker.errors import InvalidArgumentError, NotFoundError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

PROPAGATIONS = frozenset({"private", "rprivate", "slave", "rslave", "shared", "rshared"})
_IGNORED = frozenset({"z", "Z", "cached", "delegated", "consistent", "copy", "nocopy"})
_VOLUMES_LATER = (
    "named volumes come with the next release: bind a directory of the host for now (-v /DIR:/TARGET)"
)
# Files that lxcfs serves; a bind over them hides nothing of the kernel's own.
_PROC_ALLOWED = frozenset(
    "/proc/" + name
    for name in ("cpuinfo", "diskstats", "loadavg", "meminfo", "slabinfo", "stat", "swaps", "uptime")
)
_TMPFS_FLAGS = frozenset({
    "rw", "ro", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "atime", "noatime", "diratime",
    "nodiratime", "relatime", "strictatime", "sync", "async", "huge",
})  # fmt: skip
_TMPFS_VALUES = frozenset({"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol", "huge"})


def parse_volume(text: str, warn: Callable[[str], None] | None = None) -> Bind:
    """Read `-v SOURCE:TARGET[:OPTIONS]`. Options: `ro`, `rw`, a propagation, `z`, `Z` and Docker's Mac words.

    Raises:
        InvalidArgumentError: the form is wrong.
        UnsupportedError: it is a named or an anonymous volume.
    """
    source, *rest = text.split(":")
    if not rest:
        if not source.startswith("/"):
            raise InvalidArgumentError(
                f"invalid volume specification: '{text}'", hint="write -v /SOURCE:/TARGET[:ro]"
            )
        raise UnsupportedError(f"invalid volume specification: '{text}': no source", hint=_VOLUMES_LATER)
    target = rest[0]
    if len(rest) > 2 or not source or not target:  # noqa: PLR2004
        raise InvalidArgumentError(
            f"invalid volume specification: '{text}'", hint="write -v /SOURCE:/TARGET[:ro]"
        )
    if not source.startswith(("/", "./", "../", "~/")) and source not in {".", ".."}:
        raise UnsupportedError(
            f"invalid volume specification: '{text}': {source!r} is no path", hint=_VOLUMES_LATER
        )
    read_only, propagation = _volume_options(rest[1] if len(rest) > 1 else "", text, warn)
    return Bind(source, check_target(target), read_only, True, propagation, True)


def _volume_options(words: str, text: str, warn: Callable[[str], None] | None) -> tuple[bool, str]:
    read_only, propagation = False, "rprivate"
    seen: set[str] = set()
    for word in filter(None, words.split(",")):
        if word in {"ro", "rw", "readonly"}:
            read_only = word != "rw"
            kind = "mode"
        elif word in PROPAGATIONS:
            propagation = word
            kind = "propagation"
        elif word in _IGNORED:
            kind = word
            if word in {"z", "Z"} and warn:
                warn(f"volume {text}: option {word} is ignored, SELinux labels are not used")
        else:
            raise InvalidArgumentError(
                f"invalid mode: {words}", hint="options are ro, rw, rprivate, rslave, rshared, …"
            )
        if kind in seen:
            raise InvalidArgumentError(f"invalid mode: {words}", hint=f"only one {kind} can be given")
        seen.add(kind)
    return read_only, propagation


def check_target(target: str) -> str:
    """Return an absolute, clean path in the container.

    Raises:
        InvalidArgumentError: it is not absolute, or is `/` itself.
    """
    if not target.startswith("/"):
        raise InvalidArgumentError(
            f"invalid mount path: '{target}' mount path must be absolute", hint=f"write /{target}"
        )
    clean = os.path.normpath(target)
    if clean.strip("/") == "":
        raise InvalidArgumentError(
            "invalid specification: destination can't be '/'", hint="--rootfs DIR makes DIR the root"
        )
    return clean.replace("//", "/") if clean.startswith("//") else clean


def parse_mount(text: str) -> Bind | Tmpfs:
    """Read `--mount type=bind|tmpfs,source=…,target=…,…` (comma-separated, quoted as in CSV).

    Raises:
        InvalidArgumentError: a key or a value is wrong.
        UnsupportedError: the type comes later.
    """
    fields = _mount_fields(text)
    kind = fields.pop("type", "volume")
    target = fields.pop("target", "")
    if kind not in {"bind", "tmpfs"}:
        if kind in {"volume", "image", "npipe", "cluster"}:
            raise UnsupportedError(f"mount type {kind!r} is not offered", hint=_VOLUMES_LATER)
        raise InvalidArgumentError(f"invalid mount type: {kind!r}", hint="types are bind and tmpfs")
    if not target:
        raise InvalidArgumentError("invalid mount: target is required", hint="add target=/PATH")
    found = (
        _bind_of(fields, check_target(target)) if kind == "bind" else _tmpfs_of(fields, check_target(target))
    )
    if fields:
        unknown = next(iter(fields))
        raise InvalidArgumentError(
            f"unexpected key '{unknown}' in '{text}'", hint=f"a {kind} mount does not take it"
        )
    return found


_ALIASES = {
    "src": "source",
    "dst": "target",
    "destination": "target",
    "ro": "readonly",
    "propagation": "bind-propagation",
}
_FLAGS = frozenset({"readonly", "bind-nonrecursive", "bind-create-src"})


def _mount_fields(text: str) -> dict[str, str]:
    import csv

    try:
        words = next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        raise InvalidArgumentError(f"invalid mount: {text!r}: {error}") from error
    fields: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        key = _ALIASES.get(key.strip().lower(), key.strip().lower())
        if not equals and key not in _FLAGS:
            raise InvalidArgumentError(f"invalid field '{word}' must be a key=value pair")
        fields[key] = value if equals else "true"
    return fields


def _boolean(key: str, value: str) -> bool:
    if value.lower() in {"true", "1", "t"}:
        return True
    if value.lower() in {"false", "0", "f"}:
        return False
    raise InvalidArgumentError(f"invalid value for {key}: {value}", hint="write true or false")


def _bind_of(fields: dict[str, str], target: str) -> Bind:
    source = fields.pop("source", "")
    if not source:
        raise InvalidArgumentError("invalid mount: source is required for a bind", hint="add source=/PATH")
    propagation = fields.pop("bind-propagation", "rprivate")
    if propagation not in PROPAGATIONS:
        raise InvalidArgumentError(
            f"invalid propagation mode: {propagation}", hint="modes are " + ", ".join(sorted(PROPAGATIONS))
        )
    recursion = fields.pop("bind-recursive", "enabled")
    if recursion not in {"enabled", "disabled", "readonly", "writable"}:
        raise InvalidArgumentError(
            f"invalid value for bind-recursive: {recursion}", hint="values are enabled, disabled and readonly"
        )
    if recursion == "writable":
        raise UnsupportedError(
            "bind-recursive=writable is not offered", hint="read-only binds are read-only in submounts too"
        )
    flat = _boolean("bind-nonrecursive", fields.pop("bind-nonrecursive", "false"))
    read_only = _boolean("readonly", fields.pop("readonly", "false"))
    create = _boolean("bind-create-src", fields.pop("bind-create-src", "false"))
    fields.pop("consistency", None)
    return Bind(source, target, read_only, not flat and recursion != "disabled", propagation, create)


def _tmpfs_of(fields: dict[str, str], target: str) -> Tmpfs:
    from rocker.engine.units import parse_size

    size, mode = fields.pop("tmpfs-size", None), fields.pop("tmpfs-mode", None)
    options = ("ro",) if _boolean("readonly", fields.pop("readonly", "false")) else ()
    return Tmpfs(
        target,
        None if size is None else parse_size(size, "tmpfs-size"),
        None if mode is None else _mode(mode),
        options,
    )


def _mode(text: str) -> int:
    if not text or set(text) - set("01234567") or int(text, 8) > 0o7777:  # noqa: PLR2004
        raise InvalidArgumentError(f"invalid mode: {text!r}", hint="write octal permission bits: 1777")
    return int(text, 8)


def parse_tmpfs(text: str) -> Tmpfs:
    """Read `--tmpfs TARGET[:OPTIONS]`, for example `/run:size=64m,exec,mode=755`.

    Raises:
        InvalidArgumentError: an option is unknown.
    """
    from rocker.engine.units import parse_size

    target, _, words = text.partition(":")
    size, mode, options = None, None, []
    for word in filter(None, words.split(",")):
        key, equals, value = word.partition("=")
        if (equals and key not in _TMPFS_VALUES) or (not equals and word not in _TMPFS_FLAGS):
            raise InvalidArgumentError(f'invalid tmpfs option ["{word}"]', hint="options are as in tmpfs(5)")
        if key == "size" and not value.endswith("%"):
            size = parse_size(value, "tmpfs size")
        elif key == "mode":
            mode = _mode(value)
        else:
            options.append(word)
    return Tmpfs(check_target(target), size, mode, tuple(options))


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


def resolve(wanted: Sequence[Bind | Tmpfs], *, privileged: bool) -> list[dict[str, Any]]:
    """Return the user's mounts for a spec, parents before children. Missing sources are made where that was meant.

    Raises:
        InvalidArgumentError: a target is refused or given twice.
        NotFoundError: a source is not there.
    """
    found: dict[str, dict[str, Any]] = {}
    for mount in wanted:
        target = check_target(mount.target)
        if target in found:
            raise InvalidArgumentError(
                f"Duplicate mount point: {target}", hint="each path can be mounted once"
            )
        if isinstance(mount, Bind):
            source = _source(mount)
            _refuse_kernel_paths(target, source, privileged=privileged)
            found[target] = _bind(mount, source, target)
        else:
            _refuse_kernel_paths(target, "", privileged=privileged)
            found[target] = _tmpfs(mount, target)
    return sorted(found.values(), key=lambda mount: mount["destination"].count("/"))


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
        raise InvalidArgumentError(f"invalid propagation mode: {bind.propagation}")
    options = ["rbind" if bind.recursive else "bind", bind.propagation]
    if bind.read_only:
        options.append("rro" if bind.recursive else "ro")
    return bind_document(source, target, options)


def _tmpfs(mount: Tmpfs, target: str) -> dict[str, Any]:
    options = ["noexec", "nosuid", "nodev"]
    opposite = {"exec": "noexec", "suid": "nosuid", "dev": "nodev"}
    for word in mount.options:
        if word in opposite:
            options.remove(opposite[word])
        if word not in options:
            options.append(word)
    if mount.size is not None:
        options.append(f"size={mount.size}")
    if mount.mode is not None:
        options.append(f"mode={mount.mode:o}")
    return _mount(target, "tmpfs", options)
