"""Addresses of log servers: `proto://host:port` and unix sockets."""

from __future__ import annotations

import os

from rocker.errors import InvalidArgumentError, NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST = 65535


class Address:
    """An address as it was written, taken apart: `host` may be a name; `port` is None where none was given."""

    __slots__ = ("host", "path", "port", "scheme", "text")

    def __init__(self, text: str) -> None:
        from urllib.parse import urlsplit

        self.text = text
        try:
            parts = urlsplit(text)
            self.scheme, self.path = parts.scheme, parts.path
            self.host, self.port = parts.hostname or "", parts.port
        except ValueError as error:
            raise InvalidArgumentError(f"parse {text!r}: {error}") from error


def internet(scheme: str, host: str, port: int) -> dict[str, Any]:
    """Return the `address` of a server, its host looked up now.

    Raises:
        NotFoundError: the host is unknown.
    """
    import socket

    kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
    try:
        # An empty host is this one, as in Go.
        found = socket.getaddrinfo(host or "localhost", port, type=kind)
    except OSError as error:
        raise NotFoundError(
            f"failed to initialize logging driver: dial {scheme}: lookup {host}: no such host",
            hint=f"{error.strerror}; check the name, or give an IP address",
        ) from error
    places = [_place(entry[4]) for entry in found]
    return {scheme: list(dict.fromkeys(places))}


def _place(address: tuple[Any, ...]) -> str:
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def unix(path: str, *, datagrams: bool) -> dict[str, Any]:
    """Return `address` and `directory` of a unix socket, links followed: the shim sees none of the host's mounts.

    Raises:
        NotFoundError: it is not there.
    """
    check_there(path)
    real = os.path.realpath(path)
    return {
        "address": {"unixgram" if datagrams else "unix": os.path.basename(real)},
        "directory": os.path.dirname(real),
    }


def check_there(path: str) -> None:
    """Refuse a path where nothing is.

    Raises:
        NotFoundError: so it is.
    """
    if not os.path.exists(path):
        raise NotFoundError(f"stat {path}: no such file or directory", path=path)
