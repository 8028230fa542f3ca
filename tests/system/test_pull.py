"""`pull` from Debian's registry, filled by skopeo, and from one of the tests' own."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from helpers.registry import OCI, DebianRegistry, FakeRegistry, Request, certificate, digest, htpasswd

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from image_archives import config, require_core, tar

from rocker.engine.catalog import Catalog
from rocker.errors import (
    CorruptError,
    DeniedError,
    ImageNotFoundError,
    NotFoundError,
    RegistryError,
    UnsupportedError,
)
from rocker.images.images import ImageService
from rocker.images.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from helpers.engine import EngineRoots
    from helpers.terminal import Terminal

require_core()
LOW, HIGH = tar({"etc/low": b"low"}), tar({"etc/high": b"high" * 100_000})


class Told(Progress):
    """The lines that Docker's command would print."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def status(self, name: str, text: str) -> None:
        self.lines.append(f"{name}: {text}")


@pytest.fixture
def images(tmp_path: Path) -> Iterator[ImageService]:
    with Catalog(tmp_path / "root") as catalog:
        yield ImageService(catalog)


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as made:
        yield made


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[DebianRegistry]:
    with DebianRegistry(tmp_path / "registry") as made:
        yield made


def fill(registry: DebianRegistry, image: Path, name: str = "busybox:latest", *more: str) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    subprocess.run(
        ["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", *more,
         f"docker-archive:{image}", f"docker://{registry.host}/{name}"],
        check=True, capture_output=True,
    )  # fmt: skip


def trees(images: ImageService, ref: str) -> list[Path]:
    return [Path(images.catalog.root) / path for path in images.layers(images.get(ref))]


# --- Debian's registry ---


@pytest.mark.parametrize("form", [(), ("--format=oci", "--dest-compress-format=zstd", "--dest-compress")])
def test_an_image_is_pulled_as_docker_pulls_it_and_runs(
    debian: DebianRegistry, engine_roots: EngineRoots, busybox_image: Path, form: tuple[str, ...]
) -> None:
    name = f"{debian.host}/team/busybox"
    fill(debian, busybox_image, "team/busybox:latest", *form)
    pulled = engine_roots.cli("pull", name, check=True)
    lines = pulled.stdout.splitlines()
    layer = lines[2].partition(":")[0]
    digest = lines[-3].removeprefix("Digest: ")
    assert lines == [
        "Using default tag: latest",
        "latest: Pulling from team/busybox",
        f"{layer}: Pulling fs layer",
        f"{layer}: Verifying Checksum",
        f"{layer}: Download complete",
        f"{layer}: Pull complete",
        f"Digest: {digest}",
        f"Status: Downloaded newer image for {name}:latest",
        f"{name}:latest",
    ]
    again = engine_roots.cli("image", "pull", f"{name}:latest", check=True).stdout.splitlines()
    assert again == [lines[1], lines[-3], f"Status: Image is up to date for {name}:latest", lines[-1]]
    found = json.loads(engine_roots.cli("image", "inspect", name, check=True).stdout)[0]
    assert (found["RepoTags"], found["RepoDigests"]) == ([f"{name}:latest"], [f"{name}@{digest}"])
    done = engine_roots.cli("run", "--rm", "--network", "none", name, "echo", "it runs", check=True)
    assert (done.stdout, done.stderr) == ("it runs\n", "")
    engine_roots.cli("rmi", name, check=True)
    by_digest = engine_roots.cli("pull", f"{name}@{digest}", check=True).stdout.splitlines()
    assert (by_digest[0], by_digest[-1]) == (
        f"{name}@{digest}: Pulling from team/busybox",
        f"{name}@{digest}",
    )
    assert engine_roots.cli("pull", "-q", f"{name}@{digest}", check=True).stdout == f"{name}@{digest}\n"
    assert engine_roots.cli("images", "-q", "--no-trunc", check=True).stdout.strip() == found["Id"]


def test_run_and_create_pull_what_is_missing(
    debian: DebianRegistry, engine_roots: EngineRoots, busybox_image: Path
) -> None:
    name = f"{debian.host}/busybox"
    fill(debian, busybox_image)
    never = engine_roots.cli("run", "--pull", "never", name)
    assert (never.returncode, never.stderr.splitlines()[0]) == (125, f"rocker: No such image: {name}:latest")
    done = engine_roots.cli("run", "--rm", "--network", "none", name, "echo", "x", check=True)
    assert done.stdout == "x\n"
    told = done.stderr.splitlines()
    assert told[:2] == [f"Unable to find image '{name}:latest' locally", "latest: Pulling from busybox"]
    assert told[-1] == f"Status: Downloaded newer image for {name}:latest"
    quiet = engine_roots.cli(
        "run", "-q", "--rm", "--pull=always", "--network", "none", name, "true", check=True
    )
    assert quiet.stderr == ""
    always = engine_roots.cli("create", "--pull=always", "--name", "made", name, "true", check=True)
    assert always.stderr.splitlines()[-1] == f"Status: Image is up to date for {name}:latest"
    engine_roots.cli("rm", "made", check=True)
    missing = engine_roots.cli("run", f"{debian.host}/no/such:1")
    assert missing.returncode == 125
    assert missing.stderr.splitlines() == [
        f"Unable to find image '{debian.host}/no/such:1' locally",
        f"rocker: manifest for {debian.host}/no/such:1 not found: manifest unknown: manifest unknown",
    ]


def test_a_registry_with_passwords_and_tls_wants_both(
    tmp_path: Path, busybox_image: Path, images: ImageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = certificate(tmp_path / "tls", "registry.test")
    users = htpasswd(tmp_path / "htpasswd", "me", "secret")
    options = {"auth": {"htpasswd": {"realm": "tests", "path": str(users)}}}
    with DebianRegistry(tmp_path / "registry", options=options, tls=tls) as made:
        fill(made, busybox_image, "busybox:latest", "--dest-creds=me:secret")
        resolve(monkeypatch, "registry.test")
        host = f"registry.test:{made.port}"
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
        with pytest.raises(
            RegistryError, match="tls: failed to verify certificate: self-signed certificate"
        ) as unknown:
            images.pull(f"{host}/busybox")
        assert f"/etc/docker/certs.d/{host}/ca.crt" in (unknown.value.hint or "")
        certs = tmp_path / "xdg/containers/certs.d" / host
        certs.mkdir(parents=True)
        shutil.copy(tls[0], certs / "ca.crt")
        with pytest.raises(
            DeniedError,
            match=r"pull access denied for registry\.test:\d+/busybox, repository does",
        ):
            images.pull(f"{host}/busybox")
        (tmp_path / "docker").mkdir()
        (tmp_path / "docker/config.json").write_text(json.dumps({"auths": {host: {"auth": "bWU6c2VjcmV0"}}}))
        assert images.pull(f"{host}/busybox")[0].is_new


def resolve(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Names that lead to this machine and do not look like it."""
    real = socket.getaddrinfo

    def look_up(host: Any, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.1" if host in names else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


# --- one of the tests' own ---


def test_layers_are_shared_and_fetched_once(images: ImageService, registry: FakeRegistry) -> None:
    registry.add_image("app", "1", [LOW, LOW], config(LOW, LOW))
    registry.add_image("app", "2", [LOW, gzip.compress(HIGH)], config(LOW, HIGH), kinds=[OCI + "layer.v1.tar", OCI + "layer.v1.tar+gzip"])  # fmt: skip  # noqa: E501
    told = Told()
    images.pull(f"{registry.host}/app:1")
    images.pull(f"{registry.host}/app:2", progress=told)
    assert registry.paths().count(f"/v2/app/blobs/{digest(LOW)}") == 1
    assert f"{digest(LOW)[7:19]}: Already exists" in told.lines
    assert (trees(images, f"{registry.host}/app:2")[1] / "etc/high").read_bytes() == b"high" * 100_000


def test_all_tags_come_page_by_page(images: ImageService, registry: FakeRegistry) -> None:
    for tag in "abc":
        registry.add_image("app", tag, [LOW], config(LOW, author=tag))
    pages = {"": ("a", "b"), "b": ("c",)}

    def hook(request: Request) -> bool | None:
        url = urlsplit(request.path)
        if not url.path.endswith("/tags/list"):
            return None
        last = parse_qs(url.query).get("last", [""])[0]
        link = {} if last else {"Link": '</v2/app/tags/list?last=b&n=2>; rel="next"'}
        return request.answer(200, json.dumps({"tags": pages[last]}).encode(), link)

    registry.hook = hook
    assert [one.reference.tag for one in images.pull(f"{registry.host}/app", all_tags=True)] == [
        "a",
        "b",
        "c",
    ]
    assert len(images.list()) == 3


def test_the_platform_chooses_from_an_index(images: ImageService, registry: FakeRegistry) -> None:
    entries = []
    for architecture, variant in (("arm", "v6"), ("arm", "v7"), ("amd64", ""), ("unknown", "")):
        made = registry.add_image("x", "t", [LOW], config(LOW, architecture=architecture, variant=variant))
        size = len(registry.manifests["x", made][1])
        platform = {"os": "linux" if architecture != "unknown" else "unknown", "architecture": architecture}
        if variant:
            platform["variant"] = variant
        entries.append(
            {"mediaType": OCI + "manifest.v1+json", "digest": made, "size": size, "platform": platform}
        )
    index = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": entries}
    top = registry.add_manifest("x", "many", index, OCI + "index.v1+json")
    ref = f"{registry.host}/x:many"
    assert images.pull(ref, platform="linux/amd64")[0].digest == top
    assert images.inspect(ref)["RepoDigests"] == [f"{registry.host}/x@{top}"]
    for wanted, variant in (("linux/arm/v7", "v7"), ("arm/v6", "v6"), ("linux/arm", "v7")):
        pulled = images.pull(ref, platform=wanted)[0]
        assert images.get(pulled.image_id).config.variant == variant
    with pytest.raises(
        NotFoundError, match="no matching manifest for linux/s390x in the manifest list entries"
    ) as no:
        images.pull(ref, platform="linux/s390x")
    assert "linux/arm/v6" in (no.value.hint or "")


@pytest.mark.parametrize("ranges", [True, False], ids=["range", "whole"])
def test_a_broken_download_goes_on_where_it_broke(
    images: ImageService, registry: FakeRegistry, ranges: bool
) -> None:
    registry.add_image("app", "1", [HIGH], config(HIGH))
    asked: list[str] = []

    def hook(request: Request) -> bool | None:
        if not request.path.endswith(digest(HIGH)):
            return None
        asked.append(request.headers.get("Range") or "")
        if len(asked) <= 2:
            if asked[-1] and ranges:
                start = int(asked[-1][6:-1])
                place = {"Content-Range": f"bytes {start}-{len(HIGH) - 1}/{len(HIGH)}"}
                return request.answer(
                    206, HIGH[start : start + 50_000], place | {"Content-Length": str(len(HIGH) - start)}
                )
            return request.answer(200, HIGH[:100_000], {"Content-Length": str(len(HIGH))})
        return registry.blob(request, HIGH) if ranges else request.answer(200, HIGH)

    registry.hook = hook
    images.pull(f"{registry.host}/app:1")
    assert asked == (
        ["", "bytes=100000-", "bytes=150000-"] if ranges else ["", "bytes=100000-", "bytes=100000-"]
    )
    assert (trees(images, f"{registry.host}/app:1")[0] / "etc/high").stat().st_size == 400_000


def test_tokens_are_fetched_and_renewed(
    images: ImageService, registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add_image("team/app", "1", [LOW, HIGH], config(LOW, HIGH))
    (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": "bWU6c2VjcmV0"}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    valid: list[str] = []
    lock = threading.Lock()

    def hook(request: Request) -> bool | None:
        url = urlsplit(request.path)
        with lock:
            if url.path == "/token":
                assert request.headers["Authorization"] == "Basic bWU6c2VjcmV0"
                assert parse_qs(url.query) == {
                    "service": ["the registry"], "scope": ["repository:team/app:pull"], "account": ["me"],
                }  # fmt: skip
                valid.append(f"token{len(valid)}")
                return request.answer(200, json.dumps({"token": valid[-1], "expires_in": 300}).encode())
            if request.headers.get("Authorization") == f"Bearer {valid[-1] if valid else ''}":
                if "/manifests/" in url.path and len(valid) == 1:
                    valid.append("revoked meanwhile")
                return None
        realm = f'Bearer realm="http://{registry.host}/token",service="the registry",scope="everything"'
        return request.answer(401, headers={"WWW-Authenticate": realm})

    registry.hook = hook
    images.pull(f"{registry.host}/team/app:1")
    assert registry.secrets() == {"me:secret", "token0", "token2"}


def test_a_mirror_is_asked_first_and_the_registry_when_it_fails(
    images: ImageService, registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "registries.conf"
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(conf))
    conf.write_text(
        f'[[registry]]\nprefix = "docker.io"\nlocation = "{registry.host}/real"\n'
        f'[[registry.mirror]]\nlocation = "127.0.0.1:1"\n[[registry.mirror]]\nlocation = "{registry.host}/copy"\n'
    )
    registry.add_image("real/library/a", "latest", [LOW], config(LOW))
    registry.add_image("copy/library/b", "latest", [LOW], config(LOW, author="b"))
    assert [images.pull(name)[0].reference.familiar for name in "ab"] == ["a:latest", "b:latest"]
    assert images.inspect("b")["Author"] == "b"
    with pytest.raises(ImageNotFoundError, match="manifest for c:latest not found"):
        images.pull("c")


def test_what_is_no_image_is_refused_by_its_name(images: ImageService, registry: FakeRegistry) -> None:
    chart = registry.add_blob(b"{}")
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": chart, "size": 2},
        "layers": [],
    }
    registry.add_manifest("chart", "1", document)
    with pytest.raises(UnsupportedError, match=r"no image: its configuration is of media type .*helm"):
        images.pull(f"{registry.host}/chart:1")
    registry.add_manifest(
        "old", "1", {"schemaVersion": 1}, "application/vnd.docker.distribution.manifest.v1+prettyjws"
    )
    with pytest.raises(UnsupportedError, match="schema 1 are not supported"):
        images.pull(f"{registry.host}/old:1")


def test_a_failure_of_one_layer_ends_the_others_at_once_and_leaves_nothing(
    images: ImageService, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.add_image("app", "1", [HIGH, LOW], config(HIGH, LOW))
    hangs, go_on = threading.Event(), threading.Event()

    def hook(request: Request) -> bool | None:
        if request.path.endswith(digest(HIGH)):
            hangs.set()
            return go_on.wait(50) or True
        if request.path.endswith(digest(LOW)):
            hangs.wait(50)
            return request.answer(200, b"x" * len(LOW))
        return None

    registry.hook = hook
    with pytest.raises(CorruptError):
        images.pull(f"{registry.host}/app:1")
    assert not go_on.is_set()
    go_on.set()
    assert list((tmp_path / "root/tmp").iterdir()) == []
    assert images.list() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_pull_that_is_ended_leaves_nothing_and_can_be_repeated(
    engine_roots: EngineRoots, registry: FakeRegistry, number: signal.Signals
) -> None:
    registry.add_image("app", "1", [LOW, HIGH], config(LOW, HIGH))
    hangs, go_on = threading.Event(), threading.Event()

    def hook(request: Request) -> bool | None:
        if not request.path.endswith(digest(HIGH)) or go_on.is_set():
            return None
        request.handler.send_response(200)
        request.handler.send_header("Content-Length", str(len(HIGH)))
        request.handler.end_headers()
        request.handler.wfile.write(HIGH[:100_000])
        hangs.set()
        return go_on.wait(50) or True

    registry.hook = hook
    name = f"{registry.host}/app:1"
    process = subprocess.Popen(
        engine_roots.command("pull", name), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert hangs.wait(50)
    process.send_signal(number)
    process.communicate()
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    left = list((engine_roots.root / "tmp").iterdir())
    assert bool(left) == (number == signal.SIGKILL)
    assert engine_roots.cli("images", "-q", check=True).stdout == ""
    go_on.set()
    engine_roots.cli("pull", "-q", name, check=True)
    assert list((engine_roots.root / "tmp").iterdir()) == []
    engine_roots.cli("rmi", name, check=True)


def test_a_terminal_has_bars_and_the_same_last_lines(
    registry: FakeRegistry, terminal: Callable[..., Terminal]
) -> None:
    registry.add_image("app", "1", [LOW, HIGH], config(LOW, HIGH))
    name = f"{registry.host}/app:1"
    screen = terminal("pull", name, width=120)
    screen.expect(re.compile(re.escape(f"Downloaded newer image for {name}".encode())))
    assert screen.wait() == 0
    assert screen.output.count(b"Pull complete") >= 2
    assert b"\x1b[" in screen.output
