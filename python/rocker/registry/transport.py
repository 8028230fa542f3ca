"""HTTP/1.1 on kept connections: redirects, limits, and where headers with secrets may go.

`http.client` bounds a header line (64 KiB) and their number (100); bodies are bounded here. An answer that is not
read to its end closes its connection. Safe for several threads at once; `abort` ends whatever they wait for.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import threading
import time
from urllib.parse import urljoin, urlsplit

from rocker.errors import CorruptError, RegistryError, RockerError
from rocker.registry import tls
from rocker.registry.proxy import find as find_proxy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from email.message import Message
    from typing import Self

CONNECT_SECONDS = 30
READ_SECONDS = 60
"""Without a byte."""
DOCUMENT_SECONDS = 120
"""For the whole of a document, however slowly its bytes come."""
_MAX_REDIRECTS = 10
_MAX_URL = 16 << 10
_MAX_IDLE = 16
_MAX_REST = 64 << 10
"""Bytes of an answer that are read for the sake of its connection."""
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_BLOCK = 1 << 20
_SECRET_HEADERS = frozenset(("authorization", "cookie"))


class ConnectError(RegistryError):
    """Nobody answered, or not by this protocol: another scheme or another place may be tried."""


class Url:
    """A URL that may be spoken to, in its parts.

    Raises:
        CorruptError: it is something else than http or https, has a user, or cannot be parsed.
    """

    __slots__ = ("host", "port", "scheme", "target", "text")

    def __init__(self, text: str) -> None:
        if len(text) > _MAX_URL or any(not "!" <= letter <= "~" for letter in text):
            raise CorruptError(f"the registry sent an invalid URL: {text[:100]!r}")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise CorruptError(f"the registry sent an invalid URL: {text[:100]!r}: {error}") from error
        if parts.scheme not in ("http", "https") or not host:
            raise CorruptError(f"the registry sent a URL that is neither http nor https: {text[:100]!r}")
        if "@" in parts.netloc:
            raise CorruptError(f"the registry sent a URL with a user name for {host}")
        self.scheme = parts.scheme
        self.host = host
        self.port = port or (443 if parts.scheme == "https" else 80)
        self.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.text = text.partition("#")[0]

    def join(self, reference: str) -> Url:
        """A URL that was given relative to this one (RFC 3986, 5). Raises as the class does."""
        try:
            return Url(urljoin(self.text, reference))
        except ValueError as error:
            if isinstance(error, RockerError):
                raise
            raise CorruptError(f"the registry sent an invalid URL: {reference[:100]!r}: {error}") from error

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: where a secret for it may go."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """`host[:port]`, the port only where it is not the scheme's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """For messages: without the query, which may hold a secret."""
        return self.text.partition("?")[0]


class FileBody:
    """A part of a file as the body of a request.

    Attributes:
        fd: an open file.
        start, length: bytes.
        tell: called with the number of bytes sent so far.
    """

    __slots__ = ("fd", "length", "start", "tell")

    def __init__(self, fd: int, start: int, length: int, tell: Callable[[int], None]) -> None:
        self.fd = fd
        self.start = start
        self.length = length
        self.tell = tell


class Response:
    """An answer. Read it to its end or close it.

    Attributes:
        url: that answered, after redirects.
        status: HTTP's.
        headers: by name, case-insensitive.
    """

    def __init__(self, transport: Transport, link: _Link, url: Url, answer: http.client.HTTPResponse) -> None:
        self.url = url
        self.status = answer.status
        self.headers: Message = answer.headers
        self._transport = transport
        self._link = link
        self._answer = answer
        self._done = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def length(self) -> int | None:
        """What `Content-Length` says."""
        return self._answer.length

    def header(self, name: str) -> str:
        """A header's value; empty when there is none."""
        return str(self.headers.get(name) or "")

    def read_into(self, buffer: memoryview) -> int:
        """Fill a part of the buffer; 0 only at the end.

        Raises:
            ConnectError: the connection broke, or nothing came for too long.
        """
        try:
            return self._answer.readinto(buffer)
        except (OSError, http.client.HTTPException) as error:
            raise _broken(self.url, error) from error

    def document(self, limit: int, what: str) -> bytes:
        """The whole body, `limit` bytes at most.

        Raises:
            CorruptError: it is longer.
            ConnectError: the connection broke, or the body came too slowly.
        """
        data = bytearray()
        deadline = time.monotonic() + DOCUMENT_SECONDS
        while True:
            try:
                chunk = self._answer.read1(min(_BLOCK, limit + 1 - len(data)))
            except (OSError, http.client.HTTPException) as error:
                raise _broken(self.url, error) from error
            data += chunk
            if len(data) > limit:
                raise CorruptError(f"{what} is longer than {limit} bytes")
            if not chunk:
                break
            if time.monotonic() > deadline:
                raise ConnectError(f"{what} took longer than {DOCUMENT_SECONDS} s to arrive")
        if self._answer.length:
            raise ConnectError(f"{what}: the connection ended {self._answer.length} bytes too early")
        return bytes(data)

    def close(self) -> None:
        """Keep the connection when the body was read to its end, else close it."""
        if not self._done:
            self._done = True
            self._drain()
            keep = self._answer.isclosed() and not self._answer.will_close
            self._answer.close()
            self._transport.give_back(self._link, keep=keep)

    def _drain(self) -> None:
        """Read what little is left: a refusal's text, the end of a body that was counted."""
        left = self._answer.length
        if not self._answer.isclosed() and left is not None and left <= _MAX_REST:
            try:
                self._answer.read()
            except (OSError, http.client.HTTPException):
                self._answer.will_close = True


class _Link:
    """A connection and what it leads to."""

    __slots__ = ("connection", "fresh", "key", "through_proxy")

    def __init__(
        self,
        key: tuple[str, str, int, bool],
        connection: http.client.HTTPConnection,
        through_proxy: str | None,
    ) -> None:
        self.key = key
        self.connection = connection
        self.through_proxy = through_proxy
        self.fresh = True


class Transport:
    """Connections to all hosts of one piece of work."""

    def __init__(self) -> None:
        from rocker import __version__

        self._agent = f"rocker/{__version__}"
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str, int, bool], list[_Link]] = {}
        self._busy: set[_Link] = set()
        self._contexts: dict[tuple[str, bool], ssl.SSLContext] = {}
        self._aborted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            links = [link for idle in self._idle.values() for link in idle]
            self._idle.clear()
        for link in links:
            link.connection.close()

    def abort(self) -> None:
        """End everything that waits for a registry, in whatever thread it is."""
        with self._lock:
            self._aborted = True
            busy = list(self._busy)
        for link in busy:
            sock = link.connection.sock
            if sock is not None:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def give_back(self, link: _Link, *, keep: bool) -> None:
        """The answer has been read, or is not wanted."""
        with self._lock:
            self._busy.discard(link)
            idle = self._idle.setdefault(link.key, [])
            if keep and len(idle) < _MAX_IDLE and not self._aborted:
                idle.append(link)
                return
        link.connection.close()

    def send(
        self,
        method: str,
        text: str,
        headers: Mapping[str, str],
        body: bytes | FileBody | None = None,
        *,
        insecure: Callable[[str], bool],
        follow: bool = True,
    ) -> Response:
        """One request and its answer, redirects followed (RFC 9110, 15.4).

        A header with a secret goes no further than the origin of `text`. From https nothing leads to http.

        Args:
            method: GET, HEAD, POST, PATCH, PUT, DELETE.
            text: the URL.
            headers: of the request.
            body: of the request; one with a body is not redirected.
            insecure: whether a host (`name[:port]`) may be spoken to without verification, or by plain HTTP.
            follow: whether redirects are followed.

        Raises:
            ConnectError: nobody answered. RegistryError: it answered nonsense, or leads round in circles.
            CorruptError: it leads to where nothing may be asked.
        """
        url = start = Url(text)
        wanted = dict(headers)
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._exchange(method, url, wanted, body, insecure(url.authority))
            if not follow or response.status not in _REDIRECTS or not response.header("Location"):
                return response
            location = response.header("Location")
            response.close()
            if body is not None or method not in ("GET", "HEAD"):
                raise RegistryError(
                    f"{method} {url.shown}: the registry redirects an upload, which is refused"
                )
            new = _redirected(url, location, insecure)
            if new.origin != start.origin:
                wanted = {
                    name: value for name, value in wanted.items() if name.lower() not in _SECRET_HEADERS
                }
            url = new
        raise RegistryError(f"{method} {start.shown}: stopped after {_MAX_REDIRECTS} redirects")

    def _exchange(
        self, method: str, url: Url, headers: Mapping[str, str], body: bytes | FileBody | None, insecure: bool
    ) -> Response:
        while True:
            link = self._take(url, insecure)
            try:
                answer = self._ask(link, method, url, headers, body)
            except (OSError, http.client.HTTPException) as error:
                kept = not link.fresh
                self.give_back(link, keep=False)
                if kept and not self._aborted and not isinstance(body, FileBody):
                    continue  # the registry closed a connection that was kept: that is no answer yet
                raise _broken(url, error) from error
            except BaseException:
                self.give_back(link, keep=False)
                raise
            link.fresh = False
            return Response(self, link, url, answer)

    def _ask(
        self, link: _Link, method: str, url: Url, headers: Mapping[str, str], body: bytes | FileBody | None
    ) -> http.client.HTTPResponse:
        connection = link.connection
        target = url.target if link.through_proxy is None else f"http://{url.authority}{url.target}"
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", url.authority)
        connection.putheader("User-Agent", self._agent)
        if link.through_proxy:
            connection.putheader("Proxy-Authorization", link.through_proxy)
        for name, value in headers.items():
            connection.putheader(name, value)
        if isinstance(body, FileBody):
            connection.putheader("Content-Length", str(body.length))
            connection.endheaders()
            try:
                _send_file(connection, body)
            except (BrokenPipeError, ConnectionResetError):
                # The registry may have said why before it closed.
                return connection.getresponse()
        elif body is not None or method in ("POST", "PUT", "PATCH"):
            connection.putheader("Content-Length", str(len(body or b"")))
            connection.endheaders(body)
        else:
            connection.endheaders()
        return connection.getresponse()

    def _take(self, url: Url, insecure: bool) -> _Link:
        key = (*url.origin, insecure)
        with self._lock:
            if self._aborted:
                raise ConnectError("the transfer was interrupted")
            idle = self._idle.get(key)
            if idle:
                link = idle.pop()
                self._busy.add(link)
                return link
        link = self._connect(url, key, insecure)
        with self._lock:
            self._busy.add(link)
        return link

    def _connect(self, url: Url, key: tuple[str, str, int, bool], insecure: bool) -> _Link:
        proxy = find_proxy(url.scheme, url.host, url.port)
        host, port = (url.host, url.port) if proxy is None else (proxy.host, proxy.port)
        connection: http.client.HTTPConnection
        if url.scheme == "https":
            context = self._context(url, verify=not insecure)
            connection = http.client.HTTPSConnection(host, port, timeout=CONNECT_SECONDS, context=context)
            if proxy is not None:
                headers = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}
                connection.set_tunnel(url.host, url.port, headers)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)
        try:
            connection.connect()
        except (
            OSError,
            UnicodeError,
            http.client.HTTPException,
        ) as error:  # UnicodeError: of an impossible name
            connection.close()
            raise _broken(url, error) from error
        connection.sock.settimeout(READ_SECONDS)
        through = None if proxy is None or url.scheme == "https" else proxy.authorization or ""
        return _Link(key, connection, through)

    def _context(self, url: Url, *, verify: bool) -> ssl.SSLContext:
        host = f"[{url.host}]" if ":" in url.host else url.host
        name = f"{host}:{url.port}" if url.authority != host else host
        with self._lock:
            found = self._contexts.get((name, verify))
        if found is None:
            found = tls.context(name, verify=verify)
            with self._lock:
                self._contexts[name, verify] = found
        return found


def _redirected(url: Url, location: str, insecure: Callable[[str], bool]) -> Url:
    """Where a redirect leads. Raises CorruptError when that is away from TLS."""
    new = url.join(location)
    if new.scheme == "http" and (url.scheme == "https" or not insecure(new.authority)):
        raise CorruptError(
            f"Get {url.shown}: the registry redirects to plain HTTP at {new.authority}, which is refused"
        )
    return new


def _send_file(connection: http.client.HTTPConnection, body: FileBody) -> None:
    """By sendfile(2) where there is no TLS."""
    at, end = body.start, body.start + body.length
    plain = not isinstance(connection.sock, ssl.SSLSocket)
    while at < end:
        size = min(_BLOCK, end - at)
        if plain:
            # A socket with a timeout does not block: wait for room as `socket.sendfile` does.
            sent = _sendfile(connection.sock, body.fd, at, size)
        else:
            data = os.pread(body.fd, size, at)
            connection.sock.sendall(data)
            sent = len(data)
        if sent == 0:
            raise RockerError("a blob of the store became shorter while it was sent")
        at += sent
        body.tell(at - body.start)


def _sendfile(sock: socket.socket, fd: int, at: int, size: int) -> int:
    import select

    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    while True:
        if not poll.poll(READ_SECONDS * 1000):
            raise TimeoutError("timed out")
        try:
            return os.sendfile(sock.fileno(), fd, at, size)
        except BlockingIOError:
            continue


def _broken(url: Url, error: Exception) -> RockerError:  # noqa: PLR0911 -- a table
    """The failure of a connection in Go's words, which people look for."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return RegistryError(
            f'Get "{url.shown}": tls: failed to verify certificate: {error.verify_message}',
            hint=f"put the registry's authority into /etc/docker/certs.d/{url.authority}/ca.crt",
        )
    if isinstance(error, ssl.SSLError):
        if error.reason in (
            "WRONG_VERSION_NUMBER",
            "HTTP_REQUEST",
            "RECORD_LAYER_FAILURE",
            "PACKET_LENGTH_TOO_LONG",
        ):
            return ConnectError(
                f'Get "{url.shown}": http: server gave HTTP response to HTTPS client',
                hint=f"a registry without TLS must be listed as insecure: in registries.conf or daemon.json, "
                f'"insecure-registries": ["{url.authority}"]',
            )
        return ConnectError(f'Get "{url.shown}": tls: {error.reason or error}')
    if isinstance(error, socket.gaierror):
        return ConnectError(f'Get "{url.shown}": dial tcp: lookup {url.host}: {error.strerror}')
    if isinstance(error, TimeoutError):
        return ConnectError(f'Get "{url.shown}": i/o timeout')
    if isinstance(error, ConnectionRefusedError):
        return ConnectError(f'Get "{url.shown}": dial tcp {url.authority}: connect: connection refused')
    if isinstance(error, http.client.RemoteDisconnected | http.client.IncompleteRead):
        return ConnectError(f'Get "{url.shown}": unexpected EOF')
    if isinstance(error, http.client.BadStatusLine):
        return ConnectError(f'Get "{url.shown}": malformed HTTP response')
    if isinstance(error, http.client.HTTPException):
        return RegistryError(f'Get "{url.shown}": invalid answer: {error or type(error).__name__}')
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ConnectError(f'Get "{url.shown}": {text}')
