"""Archives from outside, read once from front to back: headers and members, nothing is extracted.

The standard library parses the headers; this module bounds what they can make it do, and turns every failure
into a CorruptError.
"""

from __future__ import annotations

import lzma
import tarfile
import zlib
from contextlib import contextmanager, suppress

from rocker.errors import CorruptError, UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, BinaryIO, Self

MAX_MEMBERS = 100_000
_MAX_HEADER = 1 << 20
_RATIO_FROM = 1 << 30
_RATIO_MAX = 1000
_ZSTD = b"\x28\xb5\x2f\xfd"
_EXTENSIONS = frozenset(
    (
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    )
)


class _Header(tarfile.TarInfo):
    """A header whose extensions are bounded: the library reads those into memory before anyone can look."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        found = super().frombuf(buf, encoding, errors)
        if found.size < 0 or (found.type in _EXTENSIONS and found.size > _MAX_HEADER):
            raise CorruptError(f"archive: a header of {found.size} bytes, at most {_MAX_HEADER} are accepted")
        return found


class _Packed:
    """The archive as it comes, counted. Attribute `count`: bytes read so far."""

    closed = False

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)

    def close(self) -> None:
        """The source is its owner's to close."""


class _Bounded:
    """What is unpacked from it. More than `_RATIO_MAX` times as much as came is a bomb, as for layers."""

    def __init__(self, plain: IO[bytes], packed: _Packed) -> None:
        self._plain = plain
        self._packed = packed
        self._count = 0

    def read(self, size: int) -> bytes:
        data = self._plain.read(size)
        self._count += len(data)
        if self._count > _RATIO_FROM and self._count // _RATIO_MAX > self._packed.count:
            raise CorruptError(
                f"archive: it unpacks to more than {_RATIO_MAX} times its size: "
                f"{self._count} bytes from {self._packed.count}",
                step="read an archive",
            )
        return data


class Member:
    """One entry: its name, what it is, and for a file its content, to be read before the next entry.

    Attributes:
        name: never to be used as a path.
        kind: `file`, `link` (of either sort) or `other`.
        target: of a link, relative to the archive's root.
        content: of a file.
    """

    __slots__ = ("content", "kind", "name", "target")

    def __init__(self, name: str, kind: str, target: str, content: IO[bytes] | None) -> None:
        self.name = name
        self.kind = kind
        self.target = target
        self.content = content


@contextmanager
def members(source: BinaryIO) -> Iterator[Iterator[Member]]:
    """The entries of an archive: plain, gzip, bzip2, xz or zstd, found by its magic.

    Raises:
        CorruptError: it is damaged, hostile or no archive.
        UnsupportedError: it is compressed with zstd, and neither Python nor the system can read that.
    """
    import io

    counted = _Packed(source)
    reader = io.BufferedReader(counted)  # type: ignore[type-var]
    try:
        with (
            _decompress(reader) as plain,
            tarfile.open(  # type: ignore[call-overload]  # of a stream it uses `read` alone
                fileobj=_Bounded(plain, counted), mode="r|", tarinfo=_Header, bufsize=1 << 16
            ) as archive,
        ):
            yield _entries(archive)
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, RecursionError, ValueError) as error:
        raise CorruptError(f"archive: {error or type(error).__name__}", step="read an archive") from error
    except OSError as error:
        # gzip and bz2 report bad data as an OSError without a number.
        if error.errno is None:
            raise CorruptError(f"archive: {error}", step="read an archive") from error
        raise


def _entries(archive: tarfile.TarFile) -> Iterator[Member]:
    count = 0
    while (entry := archive.next()) is not None:
        count += 1
        # The library keeps every header for random access; a stream needs none of them.
        archive.members = []  # type: ignore[attr-defined]
        if count > MAX_MEMBERS:
            raise CorruptError(f"archive: more than {MAX_MEMBERS} entries")
        if entry.size < 0:
            raise CorruptError(f"archive: {entry.name!r} has a negative size")
        if entry.isreg():
            yield Member(entry.name, "file", "", archive.extractfile(entry))
        elif entry.islnk():
            yield Member(entry.name, "link", entry.linkname, None)
        elif entry.issym():
            folder = entry.name.rpartition("/")[0]
            yield Member(entry.name, "link", f"{folder}/{entry.linkname}" if folder else entry.linkname, None)
        else:
            yield Member(entry.name, "other", "", None)


@contextmanager
def _decompress(source: BinaryIO) -> Iterator[IO[bytes]]:
    magic = source.peek(6)[:6]  # type: ignore[attr-defined]
    if magic.startswith(_ZSTD):
        with _zstd(source) as plain:
            yield plain
    elif magic.startswith(b"\x1f\x8b"):
        import gzip

        with gzip.GzipFile(fileobj=source) as plain:
            yield plain  # type: ignore[misc]  # it reads like any binary file
    elif magic.startswith(b"\xfd7zXZ\x00"):
        with lzma.LZMAFile(source) as plain:
            yield plain
    elif magic.startswith(b"BZh"):
        import bz2

        with bz2.BZ2File(source) as plain:
            yield plain
    elif not magic:
        raise CorruptError("archive: it is empty", step="read an archive")
    else:
        yield source


@contextmanager
def _zstd(source: BinaryIO) -> Iterator[IO[bytes]]:
    """Python 3.14 reads zstd itself; before, the system's `zstd` does, fed by a thread."""
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        with _zstd_program(source) as plain:
            yield plain
    else:
        with zstd.ZstdFile(source) as plain:
            yield plain


@contextmanager
def _zstd_program(source: BinaryIO) -> Iterator[IO[bytes]]:
    import subprocess
    from shutil import copyfileobj, which
    from threading import Thread

    program = which("zstd")
    if program is None:
        raise UnsupportedError(
            "archive: it is compressed with zstd, which this Python cannot read",
            hint="install zstd, or decompress the archive first",
        )
    child = subprocess.Popen(
        [program, "-dcq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdin and child.stdout and child.stderr  # noqa: S101, PT018 -- all three are pipes
    feed, plain, complaint = child.stdin, child.stdout, child.stderr

    def copy() -> None:
        # A child that ended early breaks the pipe; its exit status says why.
        with suppress(OSError), feed:
            copyfileobj(source, feed, 1 << 20)

    feeder = Thread(target=copy, daemon=True)
    feeder.start()
    try:
        yield plain
        while plain.read(1 << 20):
            pass
        text = complaint.read(4096).decode(errors="replace").strip()
        if child.wait() != 0:
            raise CorruptError(f"archive: {text or 'zstd failed'}", step="read an archive")
    finally:
        plain.close()
        complaint.close()
        child.kill()
        child.wait()
        feeder.join()
