"""Tokens at Debian's registry, client certificates, proxies: who is let in, and which way."""

from __future__ import annotations

import base64
import json
import select
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest

from helpers.registry import DebianRegistry, FakeRegistry, Request, certificate

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from image_archives import config, docker_archive, require_core, tar

from rocker.engine.catalog import Catalog
from rocker.errors import DeniedError, InvalidArgumentError, RegistryError
from rocker.images.images import ImageService

if TYPE_CHECKING:
    from collections.abc import Iterator

require_core()
LAYER = tar({"etc/low": b"low"})
TOKEN_SECONDS = 300


@pytest.fixture
def images(tmp_path: Path) -> Iterator[ImageService]:
    with Catalog(tmp_path / "root") as catalog:
        yield ImageService(catalog)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the configuration of registries is, and names below `.test` that lead to this machine."""
    real = socket.getaddrinfo

    def look_up(host: Any, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.1" if str(host).endswith(".test") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    return tmp_path


def trust(home: Path, host: str, cert: Path) -> Path:
    directory = home / "xdg/containers/certs.d" / host
    directory.mkdir(parents=True)
    shutil.copy(cert, directory / "ca.crt")
    return directory


def coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer:
    """Gives `me:secret` what it asks for, others nothing but to read what is below `public/`."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.cert, self._key = directory / "cert.pem", directory / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tokens",
             "-keyout", self._key, "-out", self.cert],
            check=True, capture_output=True,
        )  # fmt: skip
        self.scopes: list[str] = []

    def __call__(self, request: Request) -> bool:
        query = parse_qs(urlsplit(request.path).query)
        known = request.headers.get("Authorization") == "Basic bWU6c2VjcmV0"
        if request.headers.get("Authorization") and not known:
            return request.answer(
                401, b'{"errors": [{"code": "UNAUTHORIZED", "message": "incorrect password"}]}'
            )
        access = []
        for scope in query.get("scope", []):
            self.scopes.append(scope)
            kind, name, actions = scope.split(":")
            granted = [
                one for one in actions.split(",") if known or (one == "pull" and name.startswith("public/"))
            ]
            access.append({"type": kind, "name": name, "actions": granted})
        return request.answer(200, json.dumps({"token": self._sign(query["service"][0], access)}).encode())

    def _sign(self, service: str, access: list[dict[str, Any]]) -> str:
        der = ssl.PEM_cert_to_DER_cert(self.cert.read_text())
        now = int(time.time())
        head = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        claims = {
            "iss": "tests", "sub": "me", "aud": service, "exp": now + TOKEN_SECONDS, "nbf": now - 10, "iat": now,
            "jti": str(now), "access": access,
        }  # fmt: skip
        text = f"{coded(json.dumps(head).encode())}.{coded(json.dumps(claims).encode())}"
        signing = ["openssl", "dgst", "-sha256", "-sign", self._key]
        signature = subprocess.run(signing, input=text.encode(), capture_output=True, check=True).stdout
        return f"{text}.{coded(signature)}"


def test_tokens_let_in_whom_they_should(home: Path, images: ImageService) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    tokens = TokenServer(home / "tokens")
    with FakeRegistry() as server:
        server.hook = tokens
        auth = {
            "realm": f"http://{server.host}/token", "service": "the registry", "issuer": "tests",
            "rootcertbundle": str(tokens.cert),
        }  # fmt: skip
        with DebianRegistry(home / "registry", options={"auth": {"token": auth}}) as debian:
            (home / "image.tar").write_bytes(
                tar(docker_archive(LAYER, tags=["app:1"], document=config(LAYER)))
            )
            images.load(home / "image.tar")
            names = [f"{debian.host}/{one}/app:1" for one in ("public", "private", "other")]
            for name in names:
                images.tag("app:1", name)
            with pytest.raises(
                DeniedError, match=r"requested access to the resource|authentication required"
            ) as no:
                images.push(names[0])
            assert no.value.hint == f"rocker login {debian.host}"
            auths = {debian.host: {"auth": base64.b64encode(b"me:secret").decode()}}
            (home / "config.json").write_text(json.dumps({"auths": auths}))
            for name in names:
                images.push(name)
            assert "repository:private/app:pull,push" in tokens.scopes
            assert "repository:public/app:pull" in tokens.scopes  # to mount a layer from there
            for name in names:
                assert not images.pull(name)[0].is_new
            (home / "config.json").write_text("{}")
            images.pull(names[0])
            with pytest.raises(DeniedError, match=r"pull access denied for .*/private/app"):
                images.pull(names[1])
            wrong = {debian.host: {"auth": base64.b64encode(b"me:wrong").decode()}}
            (home / "config.json").write_text(json.dumps({"auths": wrong}))
            with pytest.raises(DeniedError, match="incorrect password"):
                images.pull(names[0])


def test_a_registry_that_wants_a_client_s_certificate_gets_it(home: Path, images: ImageService) -> None:
    tls = certificate(home / "server", "reg.test")
    mine = certificate(home / "client", "me.test")
    registry = FakeRegistry(tls, clients=mine[0])
    with registry:
        registry.add_image("app", "1", [LAYER], config(LAYER))
        host = f"reg.test:{registry.port}"
        certs = trust(home, host, tls[0])
        with pytest.raises(RegistryError, match=r"tls|EOF|reset|certificate"):
            images.pull(f"{host}/app:1")
        shutil.copy(mine[0], certs / "client.cert")
        with pytest.raises(
            InvalidArgumentError, match=r"missing key client\.key for client certificate client\.cert"
        ):
            images.pull(f"{host}/app:1")
        shutil.copy(mine[1], certs / "client.key")
        assert images.pull(f"{host}/app:1")[0].is_new


class Proxy:
    """A proxy for CONNECT; what it was asked for is in `asked`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        self.asked.append(head.decode())
        port = int(head.split()[1].rpartition(b":")[2])
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            other = {client: server, server: client}
            while True:
                for ready in select.select(list(other), [], [])[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    other[ready].sendall(data)


def test_a_proxy_tunnels_tls_and_sees_no_secret_of_the_registry(
    home: Path, images: ImageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = certificate(home / "server", "reg.test")
    with FakeRegistry(tls) as registry, Proxy() as proxy:
        registry.add_image("app", "1", [LAYER], config(LAYER))
        host = f"reg.test:{registry.port}"
        trust(home, host, tls[0])
        (home / "config.json").write_text(json.dumps({"auths": {host: {"auth": "bWU6c2VjcmV0"}}}))
        ask = {"WWW-Authenticate": 'Basic realm="x"'}
        registry.hook = lambda request: (
            None if request.headers.get("Authorization") else request.answer(401, headers=ask)
        )
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass@127.0.0.1:{proxy.port}")
        images.pull(f"{host}/app:1")
        assert proxy.asked
        for head in proxy.asked:
            assert head.startswith(f"CONNECT {host} HTTP/1.")
            assert f"Basic {base64.b64encode(b'user:pass').decode()}" in head
            assert "bWU6c2VjcmV0" not in head
        assert not [one for one in registry.requests if one.headers.get("Proxy-Authorization")]
        seen = len(proxy.asked)
        monkeypatch.setenv("NO_PROXY", ".test")
        images.pull(f"{host}/app:1")
        assert len(proxy.asked) == seen


def test_a_proxy_is_asked_for_plain_registries_by_their_whole_url(
    home: Path, images: ImageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = home / "registries.conf"
    conf.write_text('[[registry]]\nlocation = "plain.test:8080"\ninsecure = true\n')
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(conf))
    with FakeRegistry() as proxy:
        proxy.add_image("app", "1", [LAYER], config(LAYER))
        monkeypatch.setenv("HTTP_PROXY", proxy.host)

        def hook(request: Request) -> None:
            assert request.path.startswith("http://plain.test:8080/v2/")
            assert request.headers["Host"] == "plain.test:8080"
            request.path = request.path.removeprefix("http://plain.test:8080")

        proxy.hook = hook
        assert images.pull("plain.test:8080/app:1")[0].is_new
