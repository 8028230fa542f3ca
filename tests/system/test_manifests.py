"""`manifest …` and `search` at Debian's registry and one of the tests' own; skopeo chooses from the lists."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.registry import OCI, DebianRegistry, FakeRegistry, Request, digest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from image_archives import config, docker_archive, require_core, tar

from rocker.engine.catalog import Catalog
from rocker.errors import CorruptError, InvalidArgumentError
from rocker.images.images import ImageService
from rocker.registry.search import search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.engine import EngineRoots

require_core()
LAYER = tar({"etc/low": b"low"})


@pytest.fixture
def debian(tmp_path: Path, engine_roots: EngineRoots) -> Iterator[DebianRegistry]:
    """A registry with an image for each of two architectures, in repositories of their own."""
    with DebianRegistry(tmp_path / "registry") as made:
        for architecture in ("amd64", "arm64"):
            name = f"{made.host}/{architecture}/app"
            archive = docker_archive(
                LAYER, tags=[f"{name}:1"], document=config(LAYER, architecture=architecture)
            )
            (tmp_path / "image.tar").write_bytes(tar(archive))
            engine_roots.cli("load", "-qi", tmp_path / "image.tar", check=True)
            engine_roots.cli("push", "-q", f"{name}:1", check=True)
        yield made


def test_a_list_is_made_annotated_pushed_and_chosen_from(
    debian: DebianRegistry, engine_roots: EngineRoots
) -> None:
    run, name = engine_roots.cli, f"{debian.host}/app:1"
    parts = [f"{debian.host}/{one}/app:1" for one in ("amd64", "arm64")]
    made = run("manifest", "create", name, *parts, check=True)
    assert made.stdout == f"Created manifest list {name}\n"
    again = run("manifest", "create", name, parts[0])
    text = "rocker: refusing to amend an existing manifest list with no --amend flag\n"
    assert (again.returncode, again.stderr) == (1, text)
    run("manifest", "annotate", name, parts[1], "--variant", "v8", "--os-features", "a,b", check=True)
    wrong = run("manifest", "annotate", name, f"{debian.host}/none:1", "--arch", "arm")
    assert wrong.stderr == f"rocker: manifest for image {debian.host}/none:1 does not exist in {name}\n"
    local = json.loads(run("manifest", "inspect", name, check=True).stdout)
    assert [one["platform"] for one in local["manifests"]] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm64", "os": "linux", "variant": "v8", "os.features": ["a", "b"]},
    ]
    verbose = json.loads(run("manifest", "inspect", "-v", name, parts[1], check=True).stdout)
    assert (verbose["Ref"], verbose["Descriptor"]["platform"]["variant"]) == (parts[1], "v8")
    pushed = run("manifest", "push", "--purge", name, check=True).stdout.splitlines()
    assert [line.partition("@")[0] for line in pushed[:2]] == [f"Pushed ref {debian.host}/app"] * 2
    assert run("manifest", "rm", name).stderr == f"rocker: No such manifest: {name}\n"
    assert json.loads(run("manifest", "inspect", name, check=True).stdout) == local
    pulled = run("pull", "--platform", "linux/arm64", name, check=True).stdout
    assert f"Digest: {pushed[2]}" in pulled
    if shutil.which("skopeo"):
        for architecture in ("amd64", "arm64"):
            words = [
                "skopeo",
                "inspect",
                "--override-arch",
                architecture,
                "--tls-verify=false",
                f"docker://{name}",
            ]
            shown = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
            assert shown["Architecture"] == architecture


def test_a_registry_s_catalogue_is_searched(debian: DebianRegistry, engine_roots: EngineRoots) -> None:
    found = engine_roots.cli("search", "--format", "{{.Name}}", f"{debian.host}/arm", check=True)
    assert found.stdout == f"{debian.host}/arm64/app\n"
    wrong = engine_roots.cli("search", "--limit", "101", f"{debian.host}/arm")
    assert wrong.stderr == "rocker: limit 101 is outside the range of [1, 100]\n"


def test_an_index_is_searched_as_docker_searches_it(engine_roots: EngineRoots) -> None:
    rows = [
        {"name": "debian", "description": "a\x1b[2J" + "long " * 20, "star_count": 4000, "is_official": True},
        {"name": "me/debian", "description": None, "star_count": 1},
        "nonsense",
    ]
    with FakeRegistry() as registry:
        registry.hook = lambda request: request.answer(200, json.dumps({"results": rows}).encode())
        lines = engine_roots.cli("search", f"{registry.host}/debian", check=True).stdout.splitlines()
        assert registry.paths()[-1] == "/v1/search?q=debian&n=25"
        assert lines[0].split() == ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]
        assert lines[1].split()[-2:] == ["4000", "[OK]"]
        assert "\x1b" not in lines[1]
        assert "…" in lines[1]
        many = engine_roots.cli(
            "search", "-f", "stars=2", "-f", "is-official=true", f"{registry.host}/x", check=True
        )
        assert len(many.stdout.splitlines()) == 2
        with pytest.raises(InvalidArgumentError, match="limit 0 is outside"):
            search("x", 0)


@pytest.mark.parametrize("api", [True, False], ids=["api", "tag"])
def test_what_refers_to_an_image_is_listed(tmp_path: Path, api: bool) -> None:
    with FakeRegistry() as registry, Catalog(tmp_path / "root") as catalog:
        image = registry.add_image("app", "1", [LAYER], config(LAYER))
        index = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [
            {"mediaType": OCI + "manifest.v1+json", "digest": digest(b"signature"), "size": 9, "artifactType": "a/b"},
        ]}  # fmt: skip
        lists = ImageService(catalog).manifests()
        name = f"{registry.host}/app:1"
        assert json.loads(lists.referrers(name))["manifests"] == []
        if api:
            data = json.dumps(index).encode()

            def hook(request: Request) -> bool | None:
                return request.answer(200, data) if request.path == f"/v2/app/referrers/{image}" else None

            registry.hook = hook
        else:
            registry.add_manifest("app", image.replace(":", "-"), index, OCI + "index.v1+json")
        assert json.loads(lists.referrers(name)) == index


def test_a_list_is_no_part_of_a_list_and_a_registry_no_part_of_another(tmp_path: Path) -> None:
    with FakeRegistry() as registry, FakeRegistry() as other, Catalog(tmp_path / "root") as catalog:
        lists = ImageService(catalog).manifests()
        index = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": []}
        registry.add_manifest("app", "many", index, OCI + "index.v1+json")
        with pytest.raises(InvalidArgumentError, match="is a manifest list"):
            lists.create("x", [f"{registry.host}/app:many"])
        other.add_image("app", "1", [LAYER], config(LAYER))
        lists.create(f"{registry.host}/app:new", [f"{other.host}/app:1"])
        with pytest.raises(InvalidArgumentError, match="different registry than the target"):
            lists.push(f"{registry.host}/app:new")
        registry.add_manifest(
            "app", "wrong", {"schemaVersion": 2, "layers": [], "config": {}, "manifests": []}
        )
        with pytest.raises(CorruptError, match="an index and a manifest at once"):
            lists.inspect(f"{registry.host}/app:wrong")
