"""Registries for tests: Debian's `docker-registry`, and one in this process whose every answer can be replaced."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker.distribution.manifest."


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def certificate(directory: Path, *names: str) -> tuple[Path, Path]:
    """A certificate of its own authority for these names, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    directory.mkdir(parents=True, exist_ok=True)
    cert, key = directory / "tls.crt", directory / "tls.key"
    alternatives = ",".join(f"{'IP' if re.fullmatch('[0-9.]+', name) else 'DNS'}:{name}" for name in names)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={alternatives}",
         "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


class DebianRegistry:
    """`docker-registry` on a port of its own; `options` are added to its configuration."""

    def __init__(
        self, directory: Path, *, options: dict[str, Any] | None = None, tls: tuple[Path, Path] | None = None
    ):
        program = shutil.which("docker-registry")
        if program is None:
            pytest.skip("docker-registry is not installed")
        directory.mkdir()
        http: dict[str, Any] = {"addr": "127.0.0.1:0", "secret": "of the tests"}
        if tls:
            http["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
        config = {
            "version": "0.1",
            "log": {"level": "info"},
            "storage": {
                "filesystem": {"rootdirectory": str(directory / "data")},
                "delete": {"enabled": True},
            },
            "http": http,
            **(options or {}),
        }
        file = directory / "config.json"
        file.write_text(json.dumps(config))
        self.data = directory / "data"
        environment = {"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"}
        self._process = subprocess.Popen(
            [program, "serve", file],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert self._process.stderr
        self.log: list[str] = []
        self.port = 0
        for line in self._process.stderr:
            self.log.append(line)
            found = re.search(r"listening on [^ ]*:(\d+)", line)
            if found:
                self.port = int(found[1])
                break
        assert self.port, "".join(self.log)
        self.host = f"127.0.0.1:{self.port}"
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr
        self.log.extend(self._process.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        if self._process.stderr:
            self._process.stderr.close()


def htpasswd(file: Path, user: str, password: str) -> Path:
    """A file of bcrypt hashes, the only kind that the registry takes, made by crypt(3)."""
    import ctypes

    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    hashed = crypt(password.encode(), b"$2b$05$abcdefghijklmnopqrstuu")
    assert (hashed or b"").startswith(b"$2b$"), "crypt(3) knows no bcrypt"
    file.write_text(f"{user}:{hashed.decode()}\n")
    return file


class Request:
    """What was asked of a `FakeRegistry`, and the means to answer."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self.handler = handler
        self.method = handler.command
        self.path = handler.path
        self.headers = handler.headers
        self.body = body

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> bool:
        """A whole answer; a `Content-Length` among the headers replaces the true one."""
        wanted = {"Content-Length": str(len(body)), **(headers or {})}
        self.handler.send_response(status)
        for name, value in wanted.items():
            if value:
                self.handler.send_header(name, value)
        self.handler.end_headers()
        if self.method != "HEAD":
            try:
                self.handler.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client has seen enough
        if int(wanted["Content-Length"] or -1) != len(body):
            self.handler.close_connection = True
        return True

    def redirect(self, url: str, status: int = 307) -> bool:
        return self.answer(status, headers={"Location": url})

    def endless(self, head: bytes = b"") -> bool:
        """A body without an end, until the client hangs up."""
        self.handler.send_response(200)
        self.handler.send_header("Connection", "close")
        self.handler.end_headers()
        self.handler.close_connection = True
        try:
            self.handler.wfile.write(head)
            while True:
                self.handler.wfile.write(b"\0" * (1 << 20))
        except OSError:
            return True


class FakeRegistry:
    """A registry of what is put into it.

    Attributes:
        blobs: by digest.
        manifests: media type and bytes, by repository and by tag or digest.
        hook: is asked first; whatever it answers with True is done.
        requests: all of them.
        host: `127.0.0.1:PORT`.

    With `clients` only those are let in who have this certificate.
    """

    def __init__(self, tls: tuple[Path, Path] | None = None, *, clients: Path | None = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.hook: Callable[[Request], bool | None] = lambda _: None
        self.requests: list[Request] = []
        self._server = _server(self)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            if clients:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(clients)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add_blob(self, data: bytes) -> str:
        self.blobs[digest(data)] = data
        return digest(data)

    def add_manifest(
        self, repository: str, tag: str, document: object, media_type: str = OCI + "manifest.v1+json"
    ) -> str:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        for name in (tag, digest(data)):
            self.manifests[repository, name] = (media_type, data)
        return digest(data)

    def add_image(
        self,
        repository: str,
        tag: str,
        layers: list[bytes],
        config: bytes,
        *,
        kinds: list[str] | None = None,
        **more: Any,
    ) -> str:
        """An OCI image; the digest of its manifest."""
        kinds = kinds or [OCI + "layer.v1.tar"] * len(layers)
        document = {
            "schemaVersion": 2,
            "mediaType": OCI + "manifest.v1+json",
            "config": {
                "mediaType": OCI + "config.v1+json",
                "digest": self.add_blob(config),
                "size": len(config),
            },
            "layers": [
                {"mediaType": kind, "digest": self.add_blob(layer), "size": len(layer)}
                for kind, layer in zip(kinds, layers, strict=True)
            ],
            **more,
        }
        return self.add_manifest(repository, tag, document)

    def paths(self, method: str = "GET") -> list[str]:
        return [request.path for request in self.requests if request.method == method]

    def secrets(self) -> set[str]:
        """What came in `Authorization`, user and password in clear."""
        found = set()
        for request in self.requests:
            value = request.headers.get("Authorization") or ""
            kind, _, rest = value.partition(" ")
            found.add(base64.b64decode(rest).decode() if kind == "Basic" else rest)
        return found - {""}

    def serve(self, request: Request) -> bool:
        if request.path == "/v2/":
            return request.answer(200, b"{}")
        found = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/([^/?]+)", request.path)
        if found and found[2] == "manifests":
            entry = self.manifests.get((found[1], found[3]))
            if entry is None:
                body = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
                return request.answer(404, json.dumps(body).encode())
            return request.answer(200, entry[1], {"Content-Type": entry[0]})
        if found and found[3] in self.blobs:
            return self.blob(request, self.blobs[found[3]])
        tags = re.fullmatch(r"/v2/(.+)/tags/list(\?.*)?", request.path)
        if tags:
            names = sorted(
                name for repository, name in self.manifests if repository == tags[1] and ":" not in name
            )
            return request.answer(200, json.dumps({"name": tags[1], "tags": names}).encode())
        return request.answer(404)

    @staticmethod
    def blob(request: Request, data: bytes) -> bool:
        """A blob, or the part of it that is asked for."""
        start = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range") or "")
        if start is None:
            return request.answer(200, data)
        first = int(start[1])
        place = f"bytes {first}-{len(data) - 1}/{len(data)}"
        return request.answer(206, data[first:], {"Content-Range": place})


def _server(registry: FakeRegistry) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            request = Request(self, self.rfile.read(length))
            registry.requests.append(request)
            if not registry.hook(request):
                registry.serve(request)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_one  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # clients hang up, and try TLS

    return Server(("127.0.0.1", 0), Handler)
