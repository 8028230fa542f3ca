"""Hostile registries: whatever they answer, the pull fails with its reason, and nothing of it is kept.

In one process with the engine's own code, so that memory can be bounded by the test: a server on loopback, and names
that do not look like loopback, which is trusted more than other hosts.
"""

from __future__ import annotations

import gzip
import json
import socket
import sys
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from helpers.registry import DOCKER, OCI, FakeRegistry, Request, certificate, digest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from image_archives import config, tar

from rocker.engine.catalog import Catalog
from rocker.errors import CorruptError, NoSpaceError, RegistryError, RockerError
from rocker.images.images import ImageService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LAYER = tar({"etc/file": b"x" * 300_000})
CONFIG = config(LAYER)
MEMORY = 64 << 20
"""Bytes that Python may take for any of it."""


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as made:
        made.add_image("app", "1", [LAYER], CONFIG)
        yield made


@pytest.fixture
def images(tmp_path: Path) -> Iterator[ImageService]:
    """Images of a store in which nothing may be left, and no memory be taken beyond `MEMORY`."""
    root = tmp_path / "root"
    with Catalog(root) as catalog:
        tracemalloc.start()
        try:
            yield ImageService(catalog)
            assert tracemalloc.get_traced_memory()[1] < MEMORY
        finally:
            tracemalloc.stop()
        assert catalog.query("SELECT reference FROM tags") == []
        assert catalog.query("SELECT id FROM images") == []
    for name in ("tmp", "blobs/sha256", "layers/sha256"):
        assert not (root / name).exists() or list((root / name).iterdir()) == []


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FakeRegistry]]:
    """`away("reg.test")`: a registry with TLS, trusted under these names, which do not look like this machine."""
    opened: list[FakeRegistry] = []
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: real("127.0.0.1" if str(host).endswith(".test") else host, *rest, **more),
    )
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "docker").mkdir()

    def start(*names: str, secrets: bool = True) -> FakeRegistry:
        tls = certificate(tmp_path / names[0], *names)
        made = FakeRegistry(tls).__enter__()
        opened.append(made)
        auths = {}
        for name in names:
            certs = tmp_path / "xdg/containers/certs.d" / f"{name}:{made.port}"
            certs.mkdir(parents=True)
            (certs / "ca.crt").write_bytes(tls[0].read_bytes())
            auths[f"{name}:{made.port}"] = {"auth": "bWU6c2VjcmV0"}
        if secrets:
            (tmp_path / "docker/config.json").write_text(json.dumps({"auths": auths}))
        made.host = f"{names[0]}:{made.port}"
        made.add_image("app", "1", [LAYER], CONFIG)
        return made

    yield start
    for one in opened:
        one.__exit__()


def on(path: str, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """A hook that answers what ends with `path`."""
    return lambda request: answer(request) if request.path.partition("?")[0].endswith(path) else None


def refused(
    images: ImageService, registry: FakeRegistry, *, match: str, kind: type[RockerError] = CorruptError
) -> None:
    with pytest.raises(kind, match=match):
        images.pull(f"{registry.host}/app:1")


# --- T12, T13: content ---


BODIES = {
    "another": (lambda request: request.answer(200, bytes(len(LAYER))), CorruptError, "layer"),
    "changed": (
        lambda request: request.answer(200, LAYER.replace(b"x" * 100, b"y" * 100)),
        CorruptError,
        "filesystem layer verification failed",
    ),
    "short": (
        lambda request: request.answer(200, LAYER[:1000], {"Content-Length": str(len(LAYER))}),
        RegistryError,
        "unexpected EOF",
    ),
    "smaller": (
        lambda request: request.answer(200, LAYER[:1000]),
        CorruptError,
        "has 1000 bytes, the manifest says",
    ),
    "longer": (lambda request: request.answer(200, LAYER + b"more"), CorruptError, "the manifest says"),
    "endless": (
        lambda request: request.endless(LAYER),
        CorruptError,
        "more bytes came than the manifest says",
    ),
    "huge": (
        lambda request: request.answer(200, headers={"Content-Length": str(1 << 60)}),
        CorruptError,
        "has 1152921",
    ),
    "part": (lambda request: request.answer(206, LAYER), RegistryError, "another part than was asked for"),
    "nothing": (lambda request: request.answer(204), RegistryError, "answered 204"),
}


@pytest.mark.attack("T13")
@pytest.mark.parametrize("name", BODIES)
def test_a_layer_that_is_not_what_was_promised(
    images: ImageService, registry: FakeRegistry, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rocker.images.fetch._PAUSE", 0.001)
    answer, kind, match = BODIES[name]
    registry.hook = on(digest(LAYER), answer)
    refused(images, registry, kind=kind, match=match)


@pytest.mark.attack("T12")
def test_a_bomb_of_a_layer(images: ImageService, registry: FakeRegistry) -> None:
    bomb = gzip.compress(bytes(1 << 20)) * 1200  # 1.2 GiB of zeros, members one behind the other
    registry.add_image("app", "1", [bomb], config(b""), kinds=[OCI + "layer.v1.tar+gzip"])
    refused(images, registry, kind=RockerError, match="unpacks to more than 1000 times|layer|archive")


@pytest.mark.attack("T13")
def test_layers_that_the_configuration_does_not_name(images: ImageService, registry: FakeRegistry) -> None:
    registry.add_image("app", "1", [LAYER], config(LAYER, LAYER))
    refused(images, registry, match="the manifest names 1 layers, the configuration 2")
    registry.add_image("app", "1", [LAYER], config(b"other"))
    refused(images, registry, match="unpacks to sha256:.*, the configuration says")


DOCUMENTS: dict[str, tuple[Callable[[Request], Any], str]] = {
    "endless": (lambda request: request.endless(b'{"schemaVersion": 2,'), "is longer than"),
    "huge": (lambda request: request.answer(200, b" " * (5 << 20)), "is longer than"),
    "deep": (lambda request: request.answer(200, b"[" * 1_000_000), "recursion|Expecting|nested"),
    "deep object": (lambda request: request.answer(200, b'{"a":' * 500_000), "recursion|Expecting|nested"),
    "no JSON": (lambda request: request.answer(200, b"\xff\xfe"), "manifest 1 of"),
    "list": (lambda request: request.answer(200, b"[]"), "expected an object"),
    "wrong digest": (
        lambda request: request.answer(200, b"{}", {"Docker-Content-Digest": "sha256:" + "0" * 64}),
        "verification failed for digest sha256:0000",
    ),
}  # fmt: skip


@pytest.mark.attack("T12")
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_manifest_without_measure(images: ImageService, registry: FakeRegistry, name: str) -> None:
    answer, match = DOCUMENTS[name]
    registry.hook = on("/manifests/1", answer)
    refused(images, registry, match=match)


def made(**changes: Any) -> dict[str, Any]:
    layer = {"mediaType": OCI + "layer.v1.tar", "digest": digest(LAYER), "size": len(LAYER)}
    own = {"mediaType": OCI + "config.v1+json", "digest": digest(CONFIG), "size": len(CONFIG)}
    document = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": own, "layers": [layer]}
    if "layer" in changes:
        document["layers"] = [layer | changes.pop("layer")]
    return document | changes


@pytest.mark.attack("T13")
@pytest.mark.parametrize(
    ("document", "match"),
    [
        (made(manifests=[]), "an index and a manifest at once"),
        (made(mediaType=OCI + "index.v1+json"), "it came as .*manifest.* and says that it is .*index"),
        (made(mediaType=["x"]), "invalid media type"),
        (made(mediaType="application/vnd.evil"), "it came as|unsupported media type"),
        (made(schemaVersion=3), "unknown schema version 3"),
        (made(layers={}), "layers must be a list"),
        (made(layers=[{}] * 501), "at most 500"),
        (made(layer={"digest": "sha256:../../../etc/passwd"}), "invalid digest"),
        (made(layer={"digest": "sha512:" + "0" * 128}), "invalid digest"),
        (made(layer={"digest": "sha256:" + "A" * 64}), "invalid digest"),
        (made(layer={"size": -1}), "invalid size"),
        (made(layer={"size": True}), "invalid size"),
        (made(layer={"size": 1 << 62}), "invalid size"),
        (made(layer={"mediaType": "text/html"}), "unsupported media type of a layer"),
        (
            made(config={"mediaType": OCI + "config.v1+json", "digest": digest(CONFIG), "size": 1 << 30}),
            "longer than",
        ),
        (made(config=None), "expected a descriptor"),
    ],
)
def test_a_manifest_that_contradicts_itself(
    images: ImageService, registry: FakeRegistry, document: dict[str, Any], match: str
) -> None:
    registry.add_manifest("app", "1", document)
    refused(images, registry, kind=RockerError, match=match)


@pytest.mark.attack("T12")
def test_layers_that_no_disk_has_room_for(images: ImageService, registry: FakeRegistry) -> None:
    registry.add_manifest("app", "1", made(layer={"size": 1 << 45}))
    refused(
        images,
        registry,
        kind=NoSpaceError,
        match="no space left: the image's layers are 35184372088832 bytes",
    )
    assert registry.paths()[-1].endswith(digest(CONFIG))


@pytest.mark.attack("T14")
@pytest.mark.parametrize(
    "target", ["http://[::1", "https://é.test/", "http://x:99999/", "//" + "a" * 300 + ".b", "http://a..b/"]
)
def test_a_redirect_to_nonsense(images: ImageService, registry: FakeRegistry, target: str) -> None:
    registry.hook = on("/manifests/1", lambda request: request.redirect(target))
    refused(images, registry, kind=RockerError, match="invalid URL|dial tcp|plain HTTP|lookup|Get")


@pytest.mark.attack("T12")
def test_indexes_one_below_the_other(images: ImageService, registry: FakeRegistry) -> None:
    below = registry.manifests["app", "1"][1]
    for _ in range(6):
        entry = {
            "mediaType": OCI + "index.v1+json" if b"manifests" in below else OCI + "manifest.v1+json",
            "digest": digest(below), "size": len(below), "platform": {"os": "linux", "architecture": "amd64"},
        }  # fmt: skip
        below = json.dumps(
            {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [entry]}
        ).encode()
        registry.add_manifest("app", "1", below, OCI + "index.v1+json")
    refused(images, registry, match="more than 4 indexes")
    registry.add_manifest("app", "1", {"schemaVersion": 2, "manifests": [{}] * 1001}, DOCKER + "list.v2+json")
    refused(images, registry, match="at most 1000")


@pytest.mark.attack("T12")
def test_a_list_of_tags_without_an_end(images: ImageService, registry: FakeRegistry) -> None:
    tags = json.dumps({"tags": ["t" * 100] * 20_000}).encode()
    registry.hook = on(
        "/tags/list", lambda request: request.answer(200, tags, {"Link": '<list?n=1>; rel="next"'})
    )
    with pytest.raises(CorruptError, match="has no end"):
        images.pull(f"{registry.host}/app", all_tags=True)
    far = {"Link": '<http://127.0.0.1:1/v2/app/tags/list>; rel="next"'}
    registry.hook = on("/tags/list", lambda request: request.answer(200, b'{"tags": ["x"]}', far))
    with pytest.raises(CorruptError, match="leads to another registry"):
        images.pull(f"{registry.host}/app", all_tags=True)


@pytest.mark.attack("T13")
def test_an_error_cannot_write_to_the_terminal(images: ImageService, registry: FakeRegistry) -> None:
    body = json.dumps(
        {"errors": [{"code": "DENIED", "message": "\x1b[2J\x1b]0;owned\x07" + "x" * 10_000}]}
    ).encode()
    registry.hook = on("/manifests/1", lambda request: request.answer(403, body))
    with pytest.raises(RockerError) as caught:
        images.pull(f"{registry.host}/app:1")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 1000


# --- T14: where secrets go ---


def challenge(realm: str, **headers: str) -> dict[str, str]:
    return {
        "WWW-Authenticate": f'Bearer realm="{realm}",service="s",scope="repository:victim/private:pull"',
        **headers,
    }


@pytest.mark.attack("T14")
def test_a_redirect_to_another_host_carries_no_secret(
    tmp_path: Path, away: Callable[..., FakeRegistry]
) -> None:
    storage = away("storage.test")
    registry = away("reg.test")

    def hook(request: Request) -> Any:
        if request.headers.get("Authorization") != "Basic bWU6c2VjcmV0":
            return request.answer(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        if "/blobs/" in request.path:
            return request.redirect(f"https://{storage.host}{request.path}?signature=1")
        return None

    def grab(request: Request) -> Any:
        """Storage asks for the secret in its turn."""
        if request.path.endswith("?signature=1") and digest(CONFIG) in request.path:
            return request.answer(200, CONFIG)
        return request.answer(401, headers={"WWW-Authenticate": 'Basic realm="give it to me"'})

    registry.hook, storage.hook = hook, grab
    with Catalog(tmp_path / "root") as catalog, pytest.raises(RockerError, match="unauthorized"):
        ImageService(catalog).pull(f"{registry.host}/app:1")
    storage.hook = lambda request: request.answer(
        200, storage.blobs[request.path.rpartition("/")[2].partition("?")[0]]
    )
    with Catalog(tmp_path / "root") as catalog:
        assert ImageService(catalog).pull(f"{registry.host}/app:1")
    assert storage.secrets() == set()
    assert registry.secrets() == {"me:secret"}


@pytest.mark.attack("T14")
@pytest.mark.parametrize(
    "target", ["http://plain.test:{port}/x", "file:///etc/passwd", "ftp://x/y", "https://a:b@reg.test/"]
)
def test_a_redirect_never_leads_away_from_tls(
    images: ImageService, away: Callable[..., FakeRegistry], target: str
) -> None:
    registry = away("reg.test", "plain.test")
    registry.hook = on(digest(LAYER), lambda request: request.redirect(target.format(port=registry.port)))
    refused(images, registry, match="plain HTTP at plain.test.* refused|neither http nor https|user name")


@pytest.mark.attack("T14")
def test_redirects_end(images: ImageService, registry: FakeRegistry) -> None:
    registry.hook = on("/manifests/1", lambda request: request.redirect(request.path, 302))
    refused(images, registry, kind=RegistryError, match="stopped after 10 redirects")
    assert len(registry.requests) < 30


@pytest.mark.attack("T14")
@pytest.mark.parametrize(
    "realm",
    ["http://reg.test:{port}/token", "http://elsewhere.test/token", "file:///etc/passwd", "/token", ""],
)
def test_a_realm_without_tls_gets_nothing(
    images: ImageService, away: Callable[..., FakeRegistry], realm: str
) -> None:
    registry = away("reg.test")
    registry.hook = lambda request: request.answer(401, headers=challenge(realm.format(port=registry.port)))
    refused(images, registry, match="token server without TLS|neither http nor https")
    assert registry.secrets() == set()


@pytest.mark.attack("T14")
def test_a_realm_gets_the_registry_s_secret_and_the_registry_s_scope_alone(
    images: ImageService, away: Callable[..., FakeRegistry]
) -> None:
    victim = away("auth.victim.test")
    registry = away("reg.test")  # its secret is the only one that is known now

    def token(request: Request) -> Any:
        assert "victim%2Fprivate" not in request.path
        return request.redirect(f"https://{registry.host}/stolen")

    victim.hook = token
    registry.hook = lambda request: request.answer(401, headers=challenge(f"https://{victim.host}/token"))
    refused(images, registry, kind=RegistryError, match="answered 307")
    assert len(victim.requests) == 1
    assert "/stolen" not in registry.paths()
    assert registry.secrets() == set()


@pytest.mark.attack("T14")
def test_what_anybody_on_the_way_could_have_written_leads_nowhere(
    images: ImageService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, away: Callable[..., FakeRegistry]
) -> None:
    other = away("thief.test")
    with FakeRegistry() as plain:
        name = f"plain.test:{plain.port}"
        (tmp_path / "docker/config.json").write_text(json.dumps({"auths": {name: {"auth": "bWU6c2VjcmV0"}}}))
        plain.hook = lambda request: request.answer(401, headers=challenge(f"https://{other.host}/token"))
        with pytest.raises(RegistryError, match="server gave HTTP response to HTTPS client"):
            images.pull(f"{name}/app:1")  # it is not configured as insecure
        conf = tmp_path / "registries.conf"
        conf.write_text(f'[[registry]]\nlocation = "{name}"\ninsecure = true\n')
        monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(conf))
        with pytest.raises(CorruptError, match="by plain HTTP and names a token server on another host"):
            images.pull(f"{name}/app:1")
        assert other.requests == []
        assert plain.secrets() == set()


@pytest.mark.attack("T14")
@pytest.mark.parametrize(
    "answer",
    [b"[]", b"{}", b'{"token": 1}', b'{"token": "a\\r\\nHost: x"}', b"[" * 100_000, b" " * (2 << 20)],
)
def test_a_token_server_that_answers_nonsense(
    images: ImageService, registry: FakeRegistry, answer: bytes
) -> None:
    def hook(request: Request) -> Any:
        if request.path.startswith("/token"):
            return request.answer(200, answer)
        return request.answer(401, headers=challenge(f"http://{registry.host}/token"))

    registry.hook = hook
    refused(images, registry, kind=RockerError, match="token server")


@pytest.mark.attack("T14")
def test_urls_of_layers_are_not_followed(tmp_path: Path, registry: FakeRegistry) -> None:
    with FakeRegistry() as other, Catalog(tmp_path / "root") as catalog:
        kind = {
            "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar",
            "urls": [f"http://{other.host}/l"],
        }
        registry.add_manifest("app", "1", made(layer=kind))
        ImageService(catalog).pull(f"{registry.host}/app:1")
        assert other.requests == []


@pytest.mark.attack("T14")
def test_headers_without_measure(images: ImageService, registry: FakeRegistry) -> None:
    def lines(request: Request) -> bool:
        request.handler.send_response(200)
        for number in range(200):
            request.handler.send_header(f"X-{number}", "x" * 1000)
        request.handler.end_headers()
        return True

    registry.hook = on("/manifests/1", lines)
    refused(images, registry, kind=RegistryError, match="invalid answer: got more than 100 headers")
