"""The content store: blobs and unpacked layers below the data root.

    <root>/blobs/sha256/<hex>    manifests, configurations, layers as they came
    <root>/layers/sha256/<hex>   a layer's tree, by diffID
    <root>/tmp/image-<random>    a draft, locked by flock(2) as long as its maker lives

What is new is made in a draft, verified there, and renamed into place inside the catalogue's transaction that
names it first; what no row names any more is renamed away inside a transaction too. So the catalogue's write
lock keeps the two apart, and after a crash there is nothing but drafts without a lock and content that no row
names: `Store.collect` removes both.
"""

from __future__ import annotations

import os

from rocker.engine.catalog_errors import from_os
from rocker.engine.locks import is_locked
from rocker.engine.roots import DRAFT
from rocker.errors import ConflictError, CorruptError
from rocker.images.digest import digits, is_hex, of_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Protocol, Self

    from rocker.engine.catalog import Catalog

    class Readable(Protocol):
        """Anything with `read(size)`."""

        def read(self, size: int, /) -> bytes:
            """Up to `size` bytes; empty at the end."""
            ...


MAX_DOCUMENT = 4 << 20
"""Bytes of a manifest, index or configuration."""

_CHUNK = 1 << 20


class Store:
    """The content store of one data root."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.tmp = f"{root}/tmp"

    def blob_path(self, digest: str) -> str:
        """Where the blob `sha256:<hex>` is, or would be."""
        return f"{self.root}/blobs/sha256/{digits(digest, 'blob')}"

    def layer_path(self, diff_id: str) -> str:
        """Where the layer `sha256:<hex>` is, or would be."""
        return f"{self.root}/layers/sha256/{digits(diff_id, 'layer')}"

    def read_document(self, digest: str) -> bytes:
        """A small blob, checked against its digest.

        Raises:
            CorruptError: it is absent, too long, or not what its name says.
        """
        return _read_document(self.blob_path(digest), digest)

    def draft(self, catalog: Catalog) -> Draft:
        """A context manager: a place to make content before it becomes visible."""
        self._prepare()
        return Draft(self, catalog)

    def collect(self, catalog: Catalog) -> None:
        """Remove abandoned drafts, and content that no row of the catalogue names."""
        self._prepare()
        with self.draft(catalog) as draft:
            with catalog.write():
                blobs = {
                    str(row[0])
                    for row in catalog.query(
                        "SELECT id FROM images UNION SELECT manifest FROM images WHERE manifest IS NOT NULL "
                        "UNION SELECT blob FROM image_layers"
                    )
                }
                layers = {str(row[0]) for row in catalog.query("SELECT diff_id FROM layers")}
                draft.take_away(_strangers(f"{self.root}/blobs/sha256", blobs))
                draft.take_away(_strangers(f"{self.root}/layers/sha256", layers))
            self._remove_abandoned()

    def _prepare(self) -> None:
        try:
            for name in ("blobs/sha256", "layers/sha256", "tmp"):
                os.makedirs(f"{self.root}/{name}", mode=0o700, exist_ok=True)
        except OSError as error:
            raise from_os(error, "make the content store") from error

    def _remove_abandoned(self) -> None:
        import fcntl

        from rocker import _core

        # Makers hold this lock (shared) between making a draft and locking it: none is seen half made.
        gate = os.open(self.tmp, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
            for name in os.listdir(self.tmp):
                if name.startswith(DRAFT) and is_locked(f"{self.tmp}/{name}") is False:
                    _core.remove_tree(f"{self.tmp}/{name}")
        finally:
            os.close(gate)


class Draft:
    """Content in the making: a locked directory that vanishes at the end of the block.

    Attributes:
        path: the directory.
    """

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self.path = ""
        self._store = store
        self._catalog = catalog
        self._lock = -1
        self._count = 0
        self._blobs: dict[str, str] = {}
        self._layers: dict[str, str] = {}

    def __enter__(self) -> Self:
        import fcntl
        from secrets import token_hex

        try:
            gate = os.open(self._store.tmp, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(gate, fcntl.LOCK_SH)
                self.path = f"{self._store.tmp}/{DRAFT}{token_hex(8)}"
                os.mkdir(self.path, 0o700)
                self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            finally:
                os.close(gate)
        except OSError as error:
            raise from_os(error, "make a draft") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from rocker import _core

        try:
            _core.remove_tree(self.path)
        finally:
            os.close(self._lock)

    def new_path(self) -> str:
        """A name in the draft that is not in use."""
        self._count += 1
        return f"{self.path}/{self._count}"

    def add_blob(self, stream: Readable, *, limit: int | None = None, what: str = "blob") -> tuple[str, int]:
        """Copy a stream into the draft; its digest and size in bytes.

        Raises:
            CorruptError: it is longer than `limit` bytes.
            NoSpaceError: it does not fit.
        """
        from hashlib import sha256

        path = self.new_path()
        state = sha256()
        size = 0
        with open(path, "xb", buffering=0) as out:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if limit is not None and size > limit:
                    raise CorruptError(f"{what} is longer than {limit} bytes")
                state.update(chunk)
                _write_all(out.fileno(), chunk, path)
        digest = f"sha256:{state.hexdigest()}"
        self._blobs[digest] = path
        return digest, size

    def add_bytes(self, data: bytes) -> str:
        """Put a document into the draft; its digest."""
        digest = of_bytes(data)
        if digest not in self._blobs:
            path = self.new_path()
            with open(path, "xb", buffering=0) as out:
                _write_all(out.fileno(), data, path)
            self._blobs[digest] = path
        return digest

    def adopt_blob(self, path: str, digest: str) -> None:
        """Take a file of the draft as a blob whose digest is already known."""
        self._blobs[digest] = path

    def adopt_layer(self, path: str, diff_id: str) -> None:
        """Take a tree of the draft as a layer that has been verified."""
        self._layers[diff_id] = path

    def blob_path(self, digest: str) -> str:
        """Where a blob of the draft, else of the store, is.

        Raises:
            CorruptError: it is in neither.
        """
        path = self._blobs.get(digest) or self._store.blob_path(digest)
        if not os.path.exists(path):
            raise CorruptError(f"blob {digest} is missing")
        return path

    def read_document(self, digest: str) -> bytes:
        """A small blob of the draft or of the store, checked against its digest."""
        return _read_document(self.blob_path(digest), digest)

    def add_layer(self, blob: str, diff_id: str | None) -> tuple[str, int]:
        """Unpack a blob as a layer, unless the store has it; its diffID and the size of its tar in bytes.

        Args:
            blob: digest of the layer archive, compressed or not.
            diff_id: what the digest of the tar must be; None to find out.

        Raises:
            CorruptError: it is another; or the archive is damaged or hostile.
        """
        if diff_id is not None:
            size = self.known_size(blob, diff_id)
            if size is not None:
                return diff_id, size
        from rocker import _core

        path = self.new_path()
        source = os.open(self.blob_path(blob), os.O_RDONLY | os.O_CLOEXEC)
        try:
            result = _core.layer_apply(source, path)
        finally:
            os.close(source)
        found = str(result["diff_id"])
        if diff_id is not None and found != diff_id:
            raise CorruptError(f"layer {blob} unpacks to {found}, the configuration says {diff_id}")
        digits(found, "layer")
        self._layers[found] = path
        return found, int(result["unpacked_size"])

    def known_size(self, blob: str, diff_id: str) -> int | None:
        """Size of a layer of the store that is known to be what this blob unpacks to."""
        rows = self._catalog.query(
            "SELECT size FROM layers WHERE diff_id = ?1 AND (?1 = ?2 OR EXISTS "
            "(SELECT 1 FROM image_layers WHERE diff_id = ?1 AND blob = ?2))",
            (diff_id, blob),
        )
        if not rows or not os.path.isdir(self._store.layer_path(diff_id)):
            return None
        return int(str(rows[0][0]))

    def sync(self) -> None:
        """Bring what was written so far to the disk, before the catalogue names it (syncfs(2))."""
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(self._lock) != 0:
            number = ctypes.get_errno()
            raise from_os(OSError(number, os.strerror(number), self.path), "sync the content store")

    def publish(self, blobs: Iterable[str], layers: Iterable[str]) -> None:
        """Rename blobs and layers into the store; to be called inside `catalog.write()`.

        Raises:
            ConflictError: what the store had was removed meanwhile.
        """
        for digest in blobs:
            self._rename(self._blobs, digest, self._store.blob_path(digest))
        for diff_id in layers:
            self._rename(self._layers, diff_id, self._store.layer_path(diff_id))

    def _rename(self, drafts: dict[str, str], digest: str, target: str) -> None:
        if os.path.lexists(target):
            return
        source = drafts.pop(digest, None)
        if source is None:
            raise ConflictError(
                f"{digest} was removed by another process meanwhile", hint="try again", path=target
            )
        try:
            os.rename(source, target)
        except OSError as error:
            raise from_os(error, "publish content") from error

    def take_away(self, paths: Iterable[str]) -> None:
        """Rename content out of the store; it vanishes with the draft."""
        for path in paths:
            try:
                os.rename(path, self.new_path())
            except FileNotFoundError:
                continue
            except OSError as error:
                raise from_os(error, "remove content") from error


def _read_document(path: str, digest: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_DOCUMENT + 1)
    except FileNotFoundError:
        raise CorruptError(f"blob {digest} is missing", path=path) from None
    except OSError as error:
        raise from_os(error, "read a document") from error
    if len(data) > MAX_DOCUMENT:
        raise CorruptError(f"document {digest} is longer than {MAX_DOCUMENT} bytes", path=path)
    if of_bytes(data) != digest:
        raise CorruptError(f"blob {digest} is damaged: its content has another digest", path=path)
    return data


def _write_all(fd: int, data: bytes, path: str) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError as error:
        error.filename = path
        raise from_os(error, "write a blob") from error


def _strangers(directory: str, known: set[str]) -> list[str]:
    names = os.listdir(directory)
    return [f"{directory}/{name}" for name in names if is_hex(name) and f"sha256:{name}" not in known]
