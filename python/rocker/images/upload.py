"""One blob to a registry: skipped where it is, mounted where a neighbour has it, else sent, resumed where it breaks."""

from __future__ import annotations

import os
import time

from rocker.engine.catalog_errors import from_os
from rocker.errors import RegistryError, RockerError
from rocker.registry.errors import AnswerError, MissingError
from rocker.registry.transport import ConnectError, FileBody

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from rocker.registry.client import Client

_ATTEMPTS = 6
_PAUSE = 0.2
_CHUNK = 8 << 20
"""Where the registry takes no more at once (413)."""
_TOO_LARGE, _WRONG_RANGE, _BAD_REQUEST = 413, 416, 400
_CANDIDATES = 3


def upload(
    client: Client, path: str, digest: str, origins: list[str], tell: Callable[[int, int], None]
) -> str:
    """Bring a blob to a repository; how, in Docker's words.

    Args:
        client: the repository.
        path: the blob's file.
        digest: of it.
        origins: repositories of the same registry that may have it.
        tell: called with the bytes sent so far and in all.

    Raises:
        RockerError: it cannot be brought there.
    """
    if client.has_blob(digest):
        return "Layer already exists"
    location = ""
    for origin in origins[:_CANDIDATES]:
        location = client.begin_upload(digest, origin)
        if not location:
            return f"Mounted from {origin}"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise from_os(error, "read a blob") from error
    try:
        _Upload(client, fd, digest, tell).run(location or client.begin_upload())
    finally:
        os.close(fd)
    return "Pushed"


class _Upload:
    """One blob that is being sent."""

    def __init__(self, client: Client, fd: int, digest: str, tell: Callable[[int, int], None]) -> None:
        self._client = client
        self._fd = fd
        self._digest = digest
        self._tell = tell
        self._size = os.fstat(fd).st_size
        self._chunk = max(self._size, 1)
        self._failures = 0

    def run(self, location: str) -> None:
        done = 0
        while True:
            try:
                while done < self._size:
                    location, done = self._send(location, done)
                self._client.finish_upload(location, self._digest)
            except (ConnectError, MissingError, AnswerError) as error:
                self._count(error)
                location, done = self._again(location, error)
            else:
                return

    def _send(self, location: str, done: int) -> tuple[str, int]:
        length = min(self._chunk, self._size - done)
        body = FileBody(self._fd, done, length, lambda sent: self._tell(done + sent, self._size))
        return self._client.send_chunk(location, body, self._size), done + length

    def _count(self, error: RockerError) -> None:
        """Give up after too many failures, and at once after those that come again."""
        known = (_TOO_LARGE, _WRONG_RANGE, _BAD_REQUEST)
        if isinstance(error, AnswerError) and error.status not in known:
            raise error
        if isinstance(error, AnswerError) and error.status == _BAD_REQUEST and self._failures == 0:
            raise error  # nothing was resumed: the registry means what was sent
        self._failures += 1
        if self._failures >= _ATTEMPTS:
            raise error

    def _again(self, location: str, error: RockerError) -> tuple[str, int]:
        """Where to go on, and from which byte."""
        time.sleep(_PAUSE * 2**self._failures / 2)
        if isinstance(error, AnswerError) and error.status == _TOO_LARGE:
            if self._chunk <= _CHUNK:
                raise error
            self._chunk = _CHUNK
        elif isinstance(error, ConnectError) or (
            isinstance(error, AnswerError) and error.status == _WRONG_RANGE
        ):
            try:
                location, done = self._client.uploaded(location)
                if done <= self._size:
                    return location, done
            except RegistryError:
                pass
            except MissingError:
                pass
        # The registry has forgotten the upload, or what it has is not what was sent.
        return self._client.begin_upload(), 0
