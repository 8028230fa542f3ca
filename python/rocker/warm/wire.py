"""Frames: `u32 length, u32 descriptors` (little-endian), JSON, descriptors by SCM_RIGHTS, as in docs/protocol.md."""

from __future__ import annotations

import json
import os
import socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_HEADER = struct.Struct("<II")
_MOST = 200
"""Descriptors of one message: the kernel's limit is 253 (SCM_MAX_FD), the other side sends at most this many."""


def send(connection: socket.socket, message: dict[str, Any] | list[int], fds: Sequence[int] = ()) -> None:
    """Send a message with descriptors, which stay open here too. Raises OSError."""
    body = json.dumps(message, separators=(",", ":")).encode()
    data = _HEADER.pack(len(body), len(fds)) + body
    sent = socket.send_fds(connection, [data], list(fds)) if fds else connection.send(data)
    if sent < len(data):
        connection.sendall(data[sent:])


def receive(connection: socket.socket) -> tuple[bytes, list[int]] | None:
    """The body and the descriptors (close-on-exec) of the next frame; None at the end of the stream.

    Raises:
        OSError: the connection broke, or more descriptors came than one message carries.
    """
    data, fds, flags, _ = socket.recv_fds(connection, 64 << 10, _MOST, socket.MSG_CMSG_CLOEXEC)
    if flags & socket.MSG_CTRUNC:
        for fd in fds:
            os.close(fd)
        raise OSError("descriptors of a frame were cut off")
    if len(data) < _HEADER.size:
        return None
    length, count = _HEADER.unpack_from(data)
    parts, left = [data[_HEADER.size :]], length - (len(data) - _HEADER.size)
    while left > 0:
        more = connection.recv(min(left, 1 << 20))
        if not more:
            return None
        parts.append(more)
        left -= len(more)
    if len(fds) != count:
        raise OSError(f"{len(fds)} descriptors came instead of {count}")
    return b"".join(parts), fds
