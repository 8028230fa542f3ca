"""`import`: an image of one layer from a root file system: an archive, or a directory."""

from __future__ import annotations

import os

from rocker.engine.catalog_errors import from_os
from rocker.errors import InvalidArgumentError
from rocker.images.archive import layer_media_type
from rocker.images.change import apply_changes
from rocker.images.reference import Reference
from rocker.images.register import NewImage, NewLayer, register
from rocker.images.store import Draft, Store
from rocker.models.jsontext import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocker.engine.catalog import Catalog

_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "i686": "386",
    "i386": "386",
    "loongarch64": "loong64",
}


def import_(
    catalog: Catalog,
    source: int | str | os.PathLike[str],
    reference: str | None = None,
    *,
    changes: Iterable[str] = (),
    message: str | None = None,
    platform: str | None = None,
) -> str:
    """Make an image; its id.

    Args:
        catalog: where to.
        source: path of a tar (plain, gzip, zstd or xz) or of a directory; or the file descriptor of a tar.
        reference: a name for it.
        changes: `CMD`, `ENV` and the like, see `change.py`.
        message: the comment in its history; `Imported from <source>` when None.
        platform: `os/architecture` to record instead of the host's.

    Raises:
        InvalidArgumentError: the name or a change is wrong, or the source is a file of another kind.
        CorruptError: the archive is damaged or hostile.
        NoSpaceError: it does not fit.
    """
    name = Reference.parse(reference) if reference else None
    if name is not None and name.digest is not None:
        raise InvalidArgumentError("cannot import digest reference")
    config = apply_changes({}, changes)
    store = Store(catalog.root)
    store.collect(catalog)
    with store.draft(catalog) as draft:
        layer = _layer(draft, source)
        comment = message or f"Imported from {'-' if isinstance(source, int) else os.fspath(source)}"
        document = _document(config, layer.diff_id, comment, platform)
        data = encode(document).encode()
        image_id = draft.add_bytes(data)
        register(catalog, draft, [NewImage(image_id, data, [layer], [name] if name else [])])
    return image_id


def host_architecture() -> str:
    """This host's architecture in Go's words: `amd64`, `arm64`."""
    machine = os.uname().machine
    return _ARCHITECTURES.get(machine, machine)


def _document(
    config: dict[str, object], diff_id: str, comment: str, platform: str | None
) -> dict[str, object]:
    from datetime import UTC, datetime

    system, _, architecture = (platform or f"linux/{host_architecture()}").partition("/")
    architecture, _, variant = architecture.partition("/")
    created = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    document: dict[str, object] = {
        "architecture": architecture or host_architecture(),
        "comment": comment,
        "config": config,
        "created": created,
        "history": [{"created": created, "comment": comment}],
        "os": system,
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }
    return {**document, "variant": variant} if variant else document


def _layer(draft: Draft, source: int | str | os.PathLike[str]) -> NewLayer:
    try:
        fd = os.dup(source) if isinstance(source, int) else os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise from_os(error, "open the root file system") from error
    try:
        blob, size = _blob(draft, fd, None if isinstance(source, int) else os.fspath(source))
    finally:
        os.close(fd)
    diff_id, unpacked = draft.add_layer(blob, None)
    return NewLayer(diff_id, unpacked, blob, size, layer_media_type(draft.blob_path(blob)))


def _blob(draft: Draft, fd: int, path: str | None) -> tuple[str, int]:
    """The source as a layer archive in the draft: digest and size."""
    import stat

    mode = os.fstat(fd).st_mode
    if path is not None and stat.S_ISDIR(mode):
        from rocker import _core

        target = draft.new_path()
        out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            result = _core.layer_pack(path, out, whiteouts=False)
            size = os.fstat(out).st_size
        finally:
            os.close(out)
        digest = str(result["digest"])
        draft.adopt_blob(target, digest)
        return digest, size
    if stat.S_ISBLK(mode) or stat.S_ISDIR(mode):
        raise InvalidArgumentError(
            f"cannot import {path or 'this descriptor'}: it is neither an archive nor a directory path"
        )
    with open(fd, "rb", closefd=False) as stream:
        return draft.add_blob(stream)
