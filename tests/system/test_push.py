"""`push`, `login` and `logout` at Debian's registry, read back by skopeo."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from helpers.registry import DebianRegistry, FakeRegistry, Request, digest, htpasswd

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from image_archives import config, docker_archive, oci_archive, require_core, tar

from rocker.engine.catalog import Catalog
from rocker.errors import DeniedError, ImageNotFoundError, InvalidArgumentError, RegistryError
from rocker.images.images import ImageService
from rocker.images.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from helpers.engine import EngineRoots
    from helpers.terminal import Terminal

require_core()
LOW, HIGH = tar({"etc/low": b"low"}), tar({"etc/high": os.urandom(3_000_000)})


class Told(Progress):
    """The last state of each layer."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}

    def status(self, name: str, text: str) -> None:
        self.states[name] = text


@pytest.fixture
def images(tmp_path: Path) -> Iterator[ImageService]:
    with Catalog(tmp_path / "root") as catalog:
        yield ImageService(catalog)


@pytest.fixture
def load(images: ImageService, tmp_path: Path) -> Callable[..., None]:
    """Load an image of these layers under a name."""

    def run(name: str, *layers: bytes, **more: Any) -> None:
        archive = docker_archive(*layers, tags=[name], document=config(*layers, **more))
        (tmp_path / "image.tar").write_bytes(tar(archive))
        images.load(tmp_path / "image.tar")

    return run


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[DebianRegistry]:
    with DebianRegistry(tmp_path / "registry") as made:
        yield made


def skopeo(*arguments: str) -> str:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    done = subprocess.run(
        ["skopeo", "--insecure-policy", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_image_is_pushed_as_docker_pushes_it_and_read_back(
    debian: DebianRegistry, engine_roots: EngineRoots, busybox_image: Path, tmp_path: Path
) -> None:
    name = f"{debian.host}/team/busybox"
    engine_roots.cli("load", "-qi", busybox_image, check=True)
    engine_roots.cli("tag", "busybox", name, check=True)
    before = json.loads(engine_roots.cli("image", "inspect", name, check=True).stdout)[0]
    layer = before["RootFS"]["Layers"][0][7:19]
    lines = engine_roots.cli("push", name, check=True).stdout.splitlines()
    end = lines.pop()
    assert lines == [
        "Using default tag: latest",
        f"The push refers to repository [{name}]",
        f"{layer}: Preparing",
        f"{layer}: Pushed",
    ]
    raw = skopeo("inspect", "--tls-verify=false", "--raw", f"docker://{name}:latest")
    pushed = digest(raw.encode())
    assert end == f"latest: digest: {pushed} size: {len(raw)}"
    again = engine_roots.cli("image", "push", f"{name}:latest", check=True).stdout.splitlines()
    assert again[-2:] == [f"{layer}: Layer already exists", end]
    after = json.loads(engine_roots.cli("image", "inspect", name, check=True).stdout)[0]
    assert (after["RepoDigests"], after["Id"]) == ([f"{name}@{pushed}"], before["Id"])
    skopeo("copy", "--src-tls-verify=false", f"docker://{name}", f"docker-archive:{tmp_path}/back.tar:back:1")
    engine_roots.cli("rmi", name, "busybox", check=True)
    assert (
        engine_roots.cli("load", "-i", tmp_path / "back.tar", check=True).stdout == "Loaded image: back:1\n"
    )
    assert engine_roots.cli("images", "-q", "--no-trunc", check=True).stdout.strip() == before["Id"]
    missing = engine_roots.cli("push", f"{debian.host}/no/such")
    text = f"rocker: An image does not exist locally with the tag: {debian.host}/no/such"
    assert (missing.returncode, missing.stderr.splitlines()[0]) == (1, text)
    assert engine_roots.cli("push", "-q", f"{debian.host}/no@sha256:{'0' * 64}").returncode == 1


def test_what_the_registry_has_is_not_sent_again(
    debian: DebianRegistry, images: ImageService, load: Callable[..., None], tmp_path: Path
) -> None:
    load(f"{debian.host}/one:1", LOW, HIGH)
    load(f"{debian.host}/one:2", LOW)
    first = images.push(f"{debian.host}/one", all_tags=True)
    assert [one.reference.tag for one in first] == ["1", "2"]
    images.tag(f"{debian.host}/one:1", f"{debian.host}/two:1")
    told = Told()
    second = images.push(f"{debian.host}/two:1", progress=told)
    assert set(told.states.values()) == {"Mounted from one"}
    assert second[0].digest == first[0].digest
    # The store now has the compressed form; the image is the same, and can still be saved and verified.
    layer = images.get(f"{debian.host}/one:1").layers[1]
    blob = (tmp_path / "root/blobs/sha256" / layer.blob[7:]).read_bytes()
    assert (layer.media_type, len(blob)) == (
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        layer.blob_size,
    )
    assert len(list((tmp_path / "root/blobs/sha256").iterdir())) == 2 + 2 + 2
    with (tmp_path / "saved.tar").open("wb") as out:
        images.save([f"{debian.host}/one:1"], out.fileno())
    with Catalog(tmp_path / "other") as other:
        assert ImageService(other).load(tmp_path / "saved.tar")[0].id == images.get(f"{debian.host}/one:1").id


def test_a_pulled_image_goes_on_with_its_digest(
    debian: DebianRegistry, images: ImageService, tmp_path: Path
) -> None:
    document = config(LOW)
    with FakeRegistry() as other:
        came = other.add_image("app", "1", [LOW], document, annotations={"kept": "byte for byte"})
        images.pull(f"{other.host}/app:1")
        images.tag(f"{other.host}/app:1", f"{debian.host}/copy:1")
    assert images.push(f"{debian.host}/copy:1")[0].digest == came
    assert json.loads(skopeo("inspect", "--tls-verify=false", "--raw", f"docker://{debian.host}/copy:1"))[
        "annotations"
    ]


def test_an_oci_archive_of_plain_layers_is_compressed_first(
    debian: DebianRegistry, images: ImageService, tmp_path: Path
) -> None:
    (tmp_path / "oci.tar").write_bytes(
        tar(oci_archive(HIGH, document=config(HIGH), name=f"{debian.host}/oci:1"))
    )
    images.load(tmp_path / "oci.tar")
    images.push(f"{debian.host}/oci:1")
    shown = json.loads(skopeo("inspect", "--tls-verify=false", "--raw", f"docker://{debian.host}/oci:1"))
    assert shown["layers"][0]["mediaType"].endswith("tar.gzip")


class Uploads:
    """The writing half of a registry, which breaks where the test says."""

    def __init__(self, registry: FakeRegistry) -> None:
        self.registry = registry
        self.data = b""
        self.breaks: list[int] = []
        self.most = 1 << 40
        self.sent: list[tuple[str, int]] = []

    def __call__(self, request: Request) -> bool | None:  # noqa: PLR0911
        where = {"Location": f"/v2/app/blobs/uploads/1?state={len(self.data)}"}
        if request.method == "HEAD":
            known = request.path.rpartition("/")[2] in self.registry.blobs
            return request.answer(200 if known else 404)
        if request.method == "POST":
            self.data = b""
            return request.answer(202, headers=where)
        if request.method == "GET" and "/uploads/" in request.path:
            place = {"Range": f"0-{len(self.data) - 1}"} if self.data else {}
            return request.answer(204, headers=where | place)
        if request.method == "PATCH":
            return self._patch(request)
        if request.method == "PUT" and "/uploads/" in request.path:
            wanted = request.path.partition("digest=")[2].replace("%3A", ":")
            if "sha256:" + hashlib.sha256(self.data).hexdigest() != wanted:
                return request.answer(400, b'{"errors": [{"code": "DIGEST_INVALID", "message": "no"}]}')
            self.registry.blobs[wanted] = self.data
            return request.answer(201)
        return request.answer(201) if request.method == "PUT" else None

    def _patch(self, request: Request) -> bool:
        if len(request.body) > self.most:
            return request.answer(413)
        self.sent.append((request.headers.get("Content-Range") or "", len(request.body)))
        if self.breaks:
            self.data += request.body[: self.breaks.pop()]
            request.handler.close_connection = True
            return True
        self.data += request.body
        return request.answer(202, headers={"Location": f"/v2/app/blobs/uploads/1?state={len(self.data)}"})


def test_a_broken_upload_goes_on_where_it_broke(images: ImageService, load: Callable[..., None]) -> None:
    with FakeRegistry() as registry:
        registry.hook = uploads = Uploads(registry)
        load(f"{registry.host}/app:1", HIGH)
        uploads.breaks = [0, 500_000, 1_000_000]
        images.push(f"{registry.host}/app:1")
        size = images.get(f"{registry.host}/app:1").layers[0].blob_size
    layers = uploads.sent[:-1]  # the last is the configuration
    assert [place.partition("-")[0] for place, _ in layers] == ["", "1000000", "1500000", "1500000"]
    assert layers[-1] == (f"1500000-{size - 1}", size - 1_500_000)


def test_a_registry_that_takes_no_more_at_once_gets_pieces(
    images: ImageService, load: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rocker.images.upload._CHUNK", 1 << 20)
    with FakeRegistry() as registry:
        registry.hook = uploads = Uploads(registry)
        load(f"{registry.host}/app:1", HIGH)
        uploads.most = 1 << 20
        images.push(f"{registry.host}/app:1")
    assert [size for _, size in uploads.sent[:2]] == [1 << 20, 1 << 20]


def test_an_upload_is_not_led_elsewhere(images: ImageService, load: Callable[..., None]) -> None:
    with FakeRegistry() as registry:
        load(f"{registry.host}/app:1", LOW)
        registry.hook = lambda request: (
            request.redirect("http://127.0.0.1:1/", 307) if request.method == "POST" else request.answer(404)
        )
        with pytest.raises(RegistryError, match="redirects an upload, which is refused"):
            images.push(f"{registry.host}/app:1")
        assert images.references(images.get(f"{registry.host}/app:1").id)[1:] == []


@pytest.mark.parametrize(
    ("name", "error", "match"),
    [
        ("x@sha256:" + "0" * 64, InvalidArgumentError, "cannot push a digest reference"),
        ("nobody/x", ImageNotFoundError, "An image does not exist locally with the tag: nobody/x"),
    ],
)
def test_what_cannot_be_pushed_is_named(
    images: ImageService, name: str, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        images.push(name)


# --- login ---


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[DebianRegistry]:
    """A registry with the user `me` and the password `secret`."""
    users = htpasswd(tmp_path / "htpasswd", "me", "secret")
    options = {"auth": {"htpasswd": {"realm": "tests", "path": str(users)}}}
    with DebianRegistry(tmp_path / "registry", options=options) as made:
        yield made


def test_login_keeps_what_docker_keeps_and_push_uses_it(
    locked: DebianRegistry, engine_roots: EngineRoots, busybox_image: Path, tmp_path: Path
) -> None:
    env = {"DOCKER_CONFIG": str(tmp_path / "docker")}
    file = tmp_path / "docker/config.json"
    name = f"{locked.host}/busybox"
    engine_roots.cli("load", "-qi", busybox_image, check=True)
    engine_roots.cli("tag", "busybox", name, check=True)
    refused = engine_roots.cli("push", name, env=env)
    assert refused.returncode == 1
    assert f"hint: rocker login {locked.host}" in refused.stderr
    login = ("login", "-u", "me", "--password-stdin", locked.host)
    wrong = engine_roots.cli(*login, stdin="wrong\n", env=env)
    assert wrong.returncode == 1
    assert "unauthorized" in wrong.stderr
    assert not file.exists()
    file.parent.mkdir()
    file.write_text('{"psFormat": "kept", "auths": {"other.example": {"auth": "eDp5"}}}')
    done = engine_roots.cli(*login, stdin="secret\n", env=env, check=True)
    assert done.stdout == "Login Succeeded\n"
    assert f"WARNING! Your credentials are stored unencrypted in '{file}'." in done.stderr
    assert "secret" not in done.stdout + done.stderr
    entry = {"auth": base64.b64encode(b"me:secret").decode()}
    assert json.loads(file.read_text()) == {
        "psFormat": "kept", "auths": {"other.example": {"auth": "eDp5"}, locked.host: entry},
    }  # fmt: skip
    assert file.stat().st_mode & 0o777 == 0o600
    engine_roots.cli("push", name, env=env, check=True)
    engine_roots.cli("pull", name, env=env, check=True)
    again = engine_roots.cli("login", locked.host, env=env, check=True).stdout
    assert again == "Authenticating with existing credentials... [Username: me]\nLogin Succeeded\n"
    out = engine_roots.cli("logout", locked.host, env=env, check=True)
    assert out.stdout == f"Removing login credentials for {locked.host}\n"
    assert list(json.loads(file.read_text())["auths"]) == ["other.example"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("-p", "x", "--password-stdin"),
            "conflicting options: cannot specify both --password and --password-stdin",
        ),
        (("--password-stdin",), "the --password-stdin option requires --username to be set"),
        (("-u", "me"), "Cannot perform an interactive login from a non TTY device"),
    ],
)
def test_login_says_what_it_lacks(engine_roots: EngineRoots, words: tuple[str, ...], message: str) -> None:
    done = engine_roots.cli("login", *words, "reg.example")
    assert done.returncode == 1
    assert message in done.stderr


def test_a_helper_keeps_the_password_and_an_identity_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rocker.registry import credentials, keyring

    program = tmp_path / "docker-credential-file"
    program.write_text(f'#!/bin/sh\ncat > {tmp_path}/kept\necho "$1" > {tmp_path}/verb\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text('{"credsStore": "file"}')
    with FakeRegistry() as registry:

        def hook(request: Request) -> bool | None:
            if request.path.startswith("/token"):
                answer = (
                    b'{"token": "t", "refresh_token": "r"}' if "offline_token=true" in request.path else b"{}"
                )
                return request.answer(200, answer)
            if request.headers.get("Authorization") == "Bearer t":
                return None
            realm = f'Bearer realm="http://{registry.host}/token",service="s"'
            return request.answer(401, headers={"WWW-Authenticate": realm})

        registry.hook = hook
        assert keyring.login(registry.host, "me", "secret") is None
        kept = json.loads((tmp_path / "kept").read_text())
        assert kept == {"ServerURL": registry.host, "Username": "<token>", "Secret": "r"}
        assert json.loads((tmp_path / "config.json").read_text())["auths"] == {registry.host: {}}
        keyring.logout(registry.host)
    assert (tmp_path / "verb").read_text() == "erase\n"
    assert json.loads((tmp_path / "config.json").read_text())["auths"] == {}
    assert credentials.docker_config() == str(tmp_path / "config.json")


def test_a_refused_login_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rocker.registry import keyring

    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with FakeRegistry() as registry:
        registry.hook = lambda request: request.answer(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        with pytest.raises(DeniedError, match="unauthorized: authentication required"):
            keyring.login(registry.host, "me", "wrong")
    assert list(tmp_path.iterdir()) == []


def test_login_asks_at_a_terminal_and_does_not_show_the_password(
    mode: str,
    locked: DebianRegistry,
    terminal: Callable[..., Terminal],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    screen = terminal("login", locked.host)
    screen.expect(b"Username: ")
    screen.send(b"me\n")
    screen.expect(b"Password: ")
    screen.send(b"secret\n")
    screen.expect(b"Login Succeeded")
    assert screen.wait() == 0
    assert b"secret" not in screen.output
    assert list(json.loads((tmp_path / "docker/config.json").read_text())["auths"]) == [locked.host]
