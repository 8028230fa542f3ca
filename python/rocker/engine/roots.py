"""The data root and the run root: made 0700, and freed of what a former boot left."""

from __future__ import annotations

import os

from rocker.errors import DeniedError, InvalidArgumentError, NoSpaceError, RockerError, SystemCallError

_MODE = 0o700
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_DATA = frozenset(
    {
        "rocker.db",
        "base",
        "blobs",
        "layers",
        "containers",
        "tmp",
        "cache",
        "config.json",
        "manifests",
        "volumes",
    }
)
BASE = "base/1"
"""The lowest layer of every container: what is mounted over, for images that lack it. A change has another number."""

DRAFT = "image-"
"""How the names of drafts of images begin, below `tmp/` of the data root."""

_RUN = frozenset(
    {
        "boot_id", "containers", "events.json", "events.json.1", "launcher.lock", "launcher.sock", "networks",
        "roots", "shm",
    }
)  # fmt: skip


def prepare(root: str, run: str) -> None:
    """Make both roots and their directories. A run root of another boot is emptied: all of it has ended.

    Raises:
        DeniedError: not permitted. NoSpaceError: no room. SystemCallError: another failure.
        InvalidArgumentError: a root is a directory that others use.
    """
    try:
        boot = _read(_BOOT_ID)
        if _read(f"{run}/boot_id") == boot and os.path.isdir(f"{root}/{BASE}"):
            found = _check_private(root)
            _check_private(run)
            if _is_at(_entry(run, found), found):
                return
        _make(root, _DATA)
        _make(run, _RUN)
        for directory in (f"{root}/containers", f"{root}/tmp", f"{root}/cache", f"{run}/containers"):
            os.makedirs(directory, mode=_MODE, exist_ok=True)
        _make_base(root)
        _forget_former_boot(run, boot)
        _register(root, run)
    except RockerError:  # some are OSErrors too, and say already what was wrong
        raise
    except OSError as error:
        raise _explain(error) from error


def _check_private(path: str) -> os.stat_result:
    """Everything below is safe only because nobody else can walk through (CVE-2021-41091)."""
    found = os.stat(path)
    if found.st_mode & 0o077:
        os.chmod(path, _MODE)
    if found.st_uid != os.geteuid():
        raise DeniedError(
            f"{path} belongs to user {found.st_uid}, not to user {os.geteuid()} who runs rocker",
            hint="run as its owner, or choose other directories with --root and --run",
            path=path,
        )
    return found


def _make(path: str, known: frozenset[str]) -> None:
    try:
        os.makedirs(path, mode=_MODE)
    except FileExistsError:
        strange = [name for name in os.listdir(path) if name not in known]
        if strange and len(strange) == len(os.listdir(path)):
            raise InvalidArgumentError(
                f"{path} cannot be a root of rocker: it holds other files ({strange[0]})",
                hint="give a new or an empty directory",
                path=path,
            ) from None
        _check_private(path)
    else:
        os.chmod(path, _MODE)


def _make_base(root: str) -> None:
    """Make the base layer whole or not at all: it is renamed into place. One at a time: the draft has one name."""
    if os.path.isdir(f"{root}/{BASE}"):
        return
    import fcntl
    import shutil

    draft = f"{root}/tmp/base"
    lock = os.open(f"{root}/tmp", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(f"{root}/{BASE}"):  # another process was faster
            return
        shutil.rmtree(draft, ignore_errors=True)  # of a process that was killed
        try:
            _draw_base(draft)
            os.makedirs(os.path.dirname(f"{root}/{BASE}"), mode=_MODE, exist_ok=True)
            os.rename(draft, f"{root}/{BASE}")
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    finally:
        os.close(lock)


def _draw_base(draft: str) -> None:
    for directory in ("dev", "etc", "proc", "sys"):
        os.makedirs(f"{draft}/{directory}", mode=0o755)
    for name in ("hostname", "hosts", "resolv.conf"):
        file = os.open(f"{draft}/etc/{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)
        try:
            os.fchmod(file, 0o644)
        finally:
            os.close(file)
    for path in (draft, *(f"{draft}/{name}" for name in ("dev", "etc", "proc", "sys"))):
        os.chmod(path, 0o755)  # noqa: S103 -- a part of every container's root


def _forget_former_boot(run: str, boot: str) -> None:
    if _read(f"{run}/boot_id") not in {"", boot}:
        import shutil

        for name in ("containers", "networks", "shm"):
            shutil.rmtree(f"{run}/{name}", ignore_errors=True)
        for name in ("launcher.sock", "launcher.lock", "events.json", "events.json.1"):
            if os.path.lexists(f"{run}/{name}"):
                os.unlink(f"{run}/{name}")
        os.makedirs(f"{run}/containers", mode=_MODE, exist_ok=True)
    temporary = f"{run}/boot_id.{os.urandom(8).hex()}"
    with open(temporary, "w") as file:
        file.write(boot)
    os.replace(temporary, f"{run}/boot_id")


def _entry(run: str, found: os.stat_result) -> str:
    """Where a run root names a data root that uses it: a link, called by device and inode, to its path."""
    return f"{run}/roots/{found.st_dev:x}-{found.st_ino:x}"


def _is_at(path: str, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), found)
    except OSError:
        return False


def _register(root: str, run: str) -> None:
    """Name the data root in the run root, so that engines with other data roots know what is not theirs."""
    os.makedirs(f"{run}/roots", mode=_MODE, exist_ok=True)
    entry = _entry(run, os.stat(root))
    temporary = f"{entry}.{os.urandom(8).hex()}"
    os.symlink(root, temporary)
    os.replace(temporary, entry)  # one that leads nowhere any more was a data root's that has been moved


def others(root: str, run: str) -> list[str]:
    """Return the other data roots that have used this run root since the machine's start."""
    own = os.stat(root)
    try:
        with os.scandir(f"{run}/roots") as entries:
            return [entry.path for entry in entries if not _is_at(entry.path, own)]
    except FileNotFoundError:
        return []


def _read(path: str) -> str:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        return os.read(file, 64).decode("ascii", "replace").strip()
    finally:
        os.close(file)


def _explain(error: OSError) -> Exception:
    import errno

    detail = {"errno": error.errno, "path": error.filename, "step": "prepare the data and run roots"}
    message = f"{error.filename}: {error.strerror}"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return DeniedError(message, hint="rocker needs root so far: run it with sudo", **detail)
    if error.errno == errno.EROFS:
        return DeniedError(message, hint="choose a writable directory with --root and --run", **detail)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NoSpaceError(
            message, hint="free some space, or choose another directory with --root", **detail
        )
    return SystemCallError(message, **detail)
