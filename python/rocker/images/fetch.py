"""Layers from a registry into a draft: downloaded, checked and unpacked at once, several at a time.

A download writes each block to the blob's file and into a pipe; at its other end the core decompresses, computes both
digests and unpacks. So memory does not grow with the image, and nothing is read again. A broken connection is taken
up where it broke (RFC 9110, 14), unseen by the other end of the pipe.
"""

from __future__ import annotations

import fcntl
import os
import threading

from rocker.engine.catalog_errors import from_os
from rocker.errors import CorruptError, RegistryError, RockerError
from rocker.images.crew import Crew
from rocker.registry.transport import ConnectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from rocker.images.progress import Progress
    from rocker.registry.client import Client
    from rocker.registry.transport import Response

PARALLEL = 4
"""Layers at a time; Docker's daemon takes 3."""
_BLOCK = 512 << 10
_PIPE = 1 << 20
_ATTEMPTS = 6
"""Broken connections of one layer."""
_PAUSE = 0.2
_PARTIAL = 206


class Job:
    """One layer to be fetched.

    Attributes:
        digest, size: of the blob.
        diff_id: what it must unpack to.
        blob_path, tree_path: where to, in the draft.
        unpacked_size: of the tar, once it is done.
    """

    __slots__ = ("blob_path", "diff_id", "digest", "size", "tree_path", "unpacked_size")

    def __init__(self, digest: str, size: int, diff_id: str, blob_path: str, tree_path: str) -> None:
        self.digest = digest
        self.size = size
        self.diff_id = diff_id
        self.blob_path = blob_path
        self.tree_path = tree_path
        self.unpacked_size = 0

    @property
    def name(self) -> str:
        """Twelve digits, as Docker shows a layer."""
        return self.digest.partition(":")[2][:12]


def fetch(client: Client, jobs: list[Job], progress: Progress, abort: Callable[[], None]) -> None:
    """Do all jobs; on the first failure the others are broken off, and it is raised.

    Args:
        client: the repository.
        jobs: what to fetch.
        progress: told of the states.
        abort: ends all requests, whatever they wait for.
    """
    fetcher = _Fetcher(client, progress, Crew(abort))
    fetcher.crew.run(jobs, fetcher.do, PARALLEL)


class _Fetcher:
    """What all jobs have in common."""

    def __init__(self, client: Client, progress: Progress, crew: Crew) -> None:
        self.client = client
        self.progress = progress
        self.crew = crew
        self.stop = crew.stop

    def do(self, job: Job) -> None:
        """Fetch one layer."""
        unpacking = _Unpacking(job)
        try:
            try:
                with open(job.blob_path, "xb", buffering=0) as file:
                    _Download(self, job, file.fileno(), unpacking.sink).run()
            finally:
                unpacking.end_of_input()
            self.progress.status(job.name, "Verifying Checksum")
        except OSError as error:
            unpacking.join()
            if isinstance(error, RockerError):
                raise
            if unpacking.failure is not None and isinstance(
                error, BrokenPipeError
            ):  # the core refused the layer
                raise unpacking.failure from error
            raise from_os(error, "write a layer") from error
        except BaseException:
            unpacking.join()
            raise
        unpacking.join()
        unpacking.check()
        self.progress.status(job.name, "Download complete")
        self.progress.status(job.name, "Pull complete")


class _Unpacking:
    """The core at work at the other end of a pipe."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._source, self.sink = os.pipe()
        try:
            fcntl.fcntl(self.sink, fcntl.F_SETPIPE_SZ, _PIPE)
        except OSError:
            pass  # beyond pipe-user-pages-soft: smaller, and slower
        self.failure: RockerError | None = None
        self._found: dict[str, object] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        from rocker import _core

        try:
            self._found = dict(_core.layer_apply(self._source, self._job.tree_path))
        except RockerError as error:
            self.failure = error
        finally:
            os.close(self._source)

    def end_of_input(self) -> None:
        if self.sink >= 0:
            os.close(self.sink)
            self.sink = -1

    def join(self) -> None:
        self._thread.join()

    def check(self) -> None:
        """Compare what came with what was promised.

        Raises:
            CorruptError: it is something else.
        """
        job = self._job
        if self.failure is not None:
            raise self.failure
        found = self._found
        if found.get("size") != job.size:
            raise CorruptError(
                f"layer {job.digest}: {found.get('size')} bytes came, the manifest says {job.size}"
            )
        if found.get("digest") != job.digest:
            raise CorruptError(
                f"layer {job.digest}: filesystem layer verification failed: it has {found.get('digest')}"
            )
        if found.get("diff_id") != job.diff_id:
            raise CorruptError(
                f"layer {job.digest} unpacks to {found.get('diff_id')}, the configuration says {job.diff_id}"
            )
        job.unpacked_size = int(str(found["unpacked_size"]))


class _Download:
    """One blob, over as many connections as it takes."""

    def __init__(self, fetcher: _Fetcher, job: Job, file: int, sink: int) -> None:
        self._fetcher = fetcher
        self._job = job
        self._file = file
        self._sink = sink
        self._done = 0
        self._buffer = memoryview(bytearray(min(_BLOCK, job.size + 1)))

    def run(self) -> None:
        job, failures = self._job, 0
        self._fetcher.progress.advance(job.name, "Downloading", 0, job.size)
        while True:
            try:
                with self._fetcher.client.open_blob(job.digest, self._done) as response:
                    self._take(response)
            except ConnectError as error:
                failures += 1
                if failures >= _ATTEMPTS or self._fetcher.stop.is_set():
                    raise
                if self._fetcher.stop.wait(_PAUSE * 2**failures / 2):
                    raise
                self._fetcher.progress.status(job.name, f"Retrying after: {error.message}")
            else:
                return

    def _take(self, response: Response) -> None:
        job = self._job
        skip = self._begin(response)
        while True:
            length = response.read_into(self._buffer)
            if self._fetcher.stop.is_set():
                raise RegistryError("the transfer was interrupted")
            if length == 0:
                break
            block = self._buffer[:length]
            if skip:
                dropped = min(skip, length)
                skip -= dropped
                block = block[dropped:]
            self._done += len(block)
            if self._done > job.size:
                raise CorruptError(f"layer {job.digest}: more bytes came than the manifest says, {job.size}")
            _write(self._file, block)
            _write(self._sink, block)
            self._fetcher.progress.advance(job.name, "Downloading", self._done, job.size)
        if self._done < job.size:
            raise ConnectError(
                f"layer {job.digest}: the connection ended after {self._done} of {job.size} bytes: unexpected EOF"
            )

    def _begin(self, response: Response) -> int:
        """How many bytes of the answer are known already."""
        job = self._job
        if response.status != _PARTIAL:
            length = response.length
            if length is not None and length != job.size:
                raise CorruptError(f"layer {job.digest} has {length} bytes, the manifest says {job.size}")
            return self._done
        kind, _, place = response.header("Content-Range").partition(" ")
        first = place.partition("-")[0]
        if kind != "bytes" or not first.isdecimal() or int(first) != self._done:
            raise RegistryError(
                f"layer {job.digest}: the registry answered another part than was asked for: from byte {first[:20]!r}, "
                f"not {self._done}"
            )
        return 0


def _write(fd: int, data: memoryview) -> None:
    while data:
        data = data[os.write(fd, data) :]
