"""Archives of images: read in every form, refused when hostile, written as they came."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import subprocess
import tarfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from image_archives import config, digest, docker_archive, oci_archive, require_core, tar

from rocker.engine.catalog import Catalog
from rocker.errors import CorruptError, ImageNotFoundError, InvalidArgumentError
from rocker.images.archive import load
from rocker.images.images import ImageService
from rocker.images.import_ import import_
from rocker.images.save import save
from rocker.images.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

require_core()

LOW, HIGH = tar({"etc/low": b"low"}), tar({"etc/high": b"high"})


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "root") as opened:
        yield opened


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def saved(catalog: Catalog, path: Path, *refs: str) -> dict[str, bytes]:
    with path.open("wb") as out:
        save(catalog, list(refs), out.fileno())
    with tarfile.open(path) as archive:
        return {
            entry.name: found.read() for entry in archive if (found := archive.extractfile(entry)) is not None
        }


def nothing_is_left(catalog: Catalog) -> bool:
    root = Path(catalog.root)
    folders = ("blobs/sha256", "layers/sha256", "tmp")
    return not any(any((root / name).iterdir()) for name in folders) and ImageService(catalog).list() == []


def test_a_docker_archive_becomes_an_image(catalog: Catalog, tmp_path: Path) -> None:
    files = docker_archive(LOW, HIGH, tags=["app:1", "app:2"])
    loaded = load(catalog, write(tmp_path / "a.tar", tar(files)))
    assert [line for one in loaded for line in one.lines()] == ["Loaded image: app:1", "Loaded image: app:2"]
    image = ImageService(catalog).get("app:2")
    assert image.id == digest(config(LOW, HIGH))
    assert image.config.cmd == ["/bin/sh"]
    paths = ImageService(catalog).layers(image)
    assert paths == [f"layers/sha256/{digest(layer)[7:]}" for layer in (LOW, HIGH)]
    assert (Path(catalog.root) / paths[0] / "etc/low").read_bytes() == b"low"
    assert (Path(catalog.root) / paths[1] / "etc/high").read_bytes() == b"high"
    assert list((Path(catalog.root) / "tmp").iterdir()) == []


def test_an_image_without_a_name_is_known_by_its_id(catalog: Catalog, tmp_path: Path) -> None:
    loaded = load(catalog, write(tmp_path / "a.tar", tar(docker_archive(LOW))))
    assert loaded[0].lines() == [f"Loaded image ID: {digest(config(LOW))}"]


def test_links_between_layers_are_followed_inside_the_archive(catalog: Catalog, tmp_path: Path) -> None:
    files = docker_archive(LOW, LOW, tags=["x:1"])
    del files["l1/layer.tar"]
    load(catalog, write(tmp_path / "a.tar", tar(files, {"l1/layer.tar": "../l0/layer.tar"})))
    assert len(ImageService(catalog).get("x:1").layers) == 2


def test_an_oci_layout_becomes_an_image_and_keeps_its_blobs(catalog: Catalog, tmp_path: Path) -> None:
    blob = gzip.compress(LOW)
    files = oci_archive(blob, document=config(LOW), name="example.org/a/b:1")
    loaded = load(catalog, write(tmp_path / "a.tar", tar(files)))
    assert loaded[0].lines() == ["Loaded image: example.org/a/b:1"]
    layer = ImageService(catalog).get("example.org/a/b:1").layers[0]
    assert (layer.diff_id, layer.blob) == (digest(LOW), digest(blob))
    assert layer.media_type == "application/vnd.oci.image.layer.v1.tar+gzip"
    again = saved(catalog, tmp_path / "s.tar", "example.org/a/b:1")
    for name, data in files.items():
        if name.startswith("blobs/"):
            assert again[name] == data


def zstd(data: bytes) -> bytes:
    try:
        return subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("there is no zstd program to make the archive with")


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, zstd])
def test_a_compressed_archive_is_read(catalog: Catalog, tmp_path: Path, compress) -> None:
    load(catalog, write(tmp_path / "a", compress(tar(docker_archive(LOW, tags=["x:1"])))))
    assert ImageService(catalog).get("x:1")


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, zstd])
def test_a_truncated_archive_is_corrupt(catalog: Catalog, tmp_path: Path, compress) -> None:
    noise = tar({"noise": os.urandom(200_000)})
    data = compress(tar(docker_archive(noise, tags=["x:1"])))
    with pytest.raises(CorruptError, match="archive: "):
        load(catalog, write(tmp_path / "a", data[: len(data) // 2]))
    assert nothing_is_left(catalog)


def test_a_pipe_is_read(catalog: Catalog) -> None:
    reader, writer = os.pipe()
    data = tar(docker_archive(LOW, tags=["x:1"]))

    def feed() -> None:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(data)

    thread = threading.Thread(target=feed)
    thread.start()
    load(catalog, reader)
    thread.join()
    os.close(reader)
    assert ImageService(catalog).get("x:1")


def with_manifest(change) -> dict[str, bytes]:
    files = docker_archive(LOW, tags=["x:1"])
    entries = json.loads(files["manifest.json"])
    change(entries[0])
    return {**files, "manifest.json": json.dumps(entries).encode()}


def confused_index() -> dict[str, bytes]:
    files = oci_archive(LOW, document=config(LOW), name="x:1")
    return {**files, "index.json": files["index.json"][:-1] + b', "layers": []}'}


def confused_manifest() -> dict[str, bytes]:
    manifest = json.dumps({"manifests": [], "layers": [], "config": {}}).encode()
    index = json.dumps({"manifests": [{"digest": digest(manifest)}]}).encode()
    return {"index.json": index, f"blobs/sha256/{digest(manifest)[7:]}": manifest}


HOSTILE = {
    "not an archive": (b"rubbish" * 500, "archive: "),
    "empty": (b"", "archive: it is empty"),
    "no manifest": (tar({"a": b"b"}), "it has neither manifest.json nor index.json"),
    "a name above": (tar({"../../etc/x": b""}), "a name that leaves it: '../../etc/x'"),
    "an absolute name": (tar({"/etc/x": b""}), "a name that leaves it: '/etc/x'"),
    "a link above": (tar({}, {"a/b": "../../etc/passwd"}), "a name that leaves it"),
    "a false blob name": (
        tar({"blobs/sha256/" + "a" * 64: b"x"}),
        "is damaged: its content has digest sha256:",
    ),
    "a false config name": (
        tar(with_manifest(lambda e: e.update(Config="a" * 64 + ".json")) | {"a" * 64 + ".json": config(LOW)}),
        "is damaged: its content has digest",
    ),
    "a missing layer": (
        tar(with_manifest(lambda e: e.update(Layers=["no/layer.tar"]))),
        "'no/layer.tar' is missing",
    ),
    "a layer too few": (
        tar(with_manifest(lambda e: e.update(Layers=[]))),
        "0 layers, its configuration names 1",
    ),
    "a host path": (
        tar(with_manifest(lambda e: e.update(Layers=["../../../etc/passwd"]))),
        "a name that leaves it: '../../../etc/passwd'",
    ),
    "a false tag": (
        tar(with_manifest(lambda e: e.update(RepoTags=["../x"]))),
        "invalid name of an image: '../x'",
    ),
    "a tag by digest": (
        tar(with_manifest(lambda e: e.update(RepoTags=["x@" + digest(b"")]))),
        "invalid tag",
    ),
    "false types": (tar(with_manifest(lambda e: e.update(Config=7))), "Config must be a name"),
    "another layer": (
        tar(docker_archive(LOW, tags=["x:1"], document=config(HIGH))),
        f"unpacks to {digest(LOW)}, the configuration says {digest(HIGH)}",
    ),
    "a traversing diffID": (
        tar(docker_archive(LOW, document=config(LOW, rootfs={"diff_ids": ["sha256:../../../x"]}))),
        "invalid digest of layer: 'sha256:../../../x'",
    ),
    "a traversing digest": (
        tar({"index.json": b'{"manifests":[{"digest":"sha256:../../../x"}]}'}),
        "invalid digest of index.json",
    ),
    "another algorithm": (
        tar({"index.json": b'{"manifests":[{"digest":"sha512:' + b"a" * 128 + b'"}]}'}),
        "invalid digest of index.json",
    ),
    "an index that is a manifest": (tar(confused_index()), "index.json: it is no image index"),
    "a manifest that is an index": (tar(confused_manifest()), "an index and a manifest at once"),
    "deep documents": (tar({"manifest.json": b"[" * 200_000}), "manifest.json: "),
    "long documents": (
        tar({"manifest.json": b" " * (5 << 20)}),
        "manifest.json is longer than 4194304 bytes",
    ),
    "a false environment": (
        tar(docker_archive(LOW, document=config(LOW, config={"Env": "A=b"}))),
        "Env must be a list of strings",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_nothing(catalog: Catalog, tmp_path: Path, case: str) -> None:
    data, message = HOSTILE[case]
    with pytest.raises(CorruptError) as caught:
        load(catalog, write(tmp_path / "a.tar", data))
    assert message in str(caught.value)
    assert nothing_is_left(catalog)


def test_a_header_that_would_fill_the_memory_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    header.size = 1 << 40
    with pytest.raises(CorruptError, match=r"a header of 1099511627776 bytes"):
        load(catalog, write(tmp_path / "a.tar", header.tobuf(tarfile.GNU_FORMAT) + bytes(10240)))


def test_save_is_reproducible_and_can_be_loaded(catalog: Catalog, tmp_path: Path) -> None:
    load(catalog, write(tmp_path / "a.tar", tar(docker_archive(LOW, HIGH, tags=["app:1", "app:2"]))))
    files = saved(catalog, tmp_path / "s1.tar", "app")
    assert files == saved(catalog, tmp_path / "s2.tar", "app:1", "app:2")
    assert (tmp_path / "s1.tar").read_bytes() == (tmp_path / "s2.tar").read_bytes()
    entry = json.loads(files["manifest.json"])[0]
    assert entry["RepoTags"] == ["app:1", "app:2"]
    assert entry["Config"] == "blobs/sha256/" + digest(config(LOW, HIGH))[7:]
    assert files[entry["Layers"][1]] == HIGH
    assert json.loads(files["repositories"]) == {"app": {"1": digest(HIGH)[7:], "2": digest(HIGH)[7:]}}
    assert len(json.loads(files["index.json"])["manifests"]) == 2
    with Catalog(tmp_path / "other") as other:
        load(other, str(tmp_path / "s1.tar"))
        assert ImageService(other).get("app:2").id == digest(config(LOW, HIGH))
        assert saved(other, tmp_path / "s3.tar", "app") == files


def test_save_of_what_is_not_there_writes_nothing(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(ImageNotFoundError, match="No such image: nope:latest"):
        saved(catalog, tmp_path / "s.tar", "nope")
    assert (tmp_path / "s.tar").read_bytes() == b""


@pytest.mark.parametrize("kind", ["tar", "gzip", "descriptor", "directory"])
def test_import_makes_an_image_of_one_layer(catalog: Catalog, tmp_path: Path, kind: str) -> None:
    changes = ["CMD sh", "ENV A=1 B=2", "WORKDIR /w"]
    if kind == "directory":
        (tmp_path / "r/etc").mkdir(parents=True)
        (tmp_path / "r/etc/low").write_bytes(b"low")
        image_id = import_(catalog, tmp_path / "r", "x:1", changes=changes)
    elif kind == "descriptor":
        with Path(write(tmp_path / "r.tar", LOW)).open("rb") as file:
            image_id = import_(catalog, file.fileno(), "x:1", changes=changes)
    else:
        data = gzip.compress(LOW) if kind == "gzip" else LOW
        image_id = import_(catalog, write(tmp_path / "r.tar", data), "x:1", changes=changes, message="hello")
    image = ImageService(catalog).get("x:1")
    assert image.id == image_id
    assert (image.config.cmd, image.config.env) == (["/bin/sh", "-c", "sh"], ["A=1", "B=2"])
    path = Path(catalog.root) / ImageService(catalog).layers(image)[0]
    assert (path / "etc/low").read_bytes() == b"low"
    comment = ImageService(catalog).history("x:1")[0]["Comment"]
    assert comment == {"directory": f"Imported from {tmp_path}/r", "descriptor": "Imported from -"}.get(
        kind, "hello"
    )


def test_a_wrong_change_is_refused_before_anything_is_made(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="run is not a valid change command"):
        import_(catalog, write(tmp_path / "r.tar", LOW), "x:1", changes=["RUN true"])
    assert ImageService(catalog).list() == []


def test_what_a_killed_process_left_is_collected(catalog: Catalog, tmp_path: Path) -> None:
    root = Path(catalog.root)
    load(catalog, write(tmp_path / "a.tar", tar(docker_archive(LOW, tags=["x:1"]))))
    for name in ("tmp/image-left", f"layers/sha256/{'a' * 64}", "tmp/other"):
        (root / name).mkdir()
    (root / f"blobs/sha256/{'b' * 64}").touch()
    load(catalog, write(tmp_path / "b.tar", tar(docker_archive(HIGH, tags=["x:2"]))))
    assert [path.name for path in (root / "tmp").iterdir()] == ["other"]
    assert {path.name for path in (root / "layers/sha256").iterdir()} == {digest(LOW)[7:], digest(HIGH)[7:]}
    assert not (root / f"blobs/sha256/{'b' * 64}").exists()


def test_a_draft_in_the_making_is_not_collected(catalog: Catalog) -> None:
    store = Store(catalog.root)
    with store.draft(catalog) as draft:
        made = draft.add_bytes(b"{}")
        Store(catalog.root).collect(catalog)
        assert Path(draft.blob_path(made)).read_bytes() == b"{}"
    assert list((Path(catalog.root) / "tmp").iterdir()) == []


def test_the_same_archive_may_be_loaded_many_times_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", tar(docker_archive(LOW, HIGH, tags=["x:1"])))
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with Catalog(tmp_path / "root") as mine:
                load(mine, path)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with Catalog(tmp_path / "root") as catalog:
        assert len(ImageService(catalog).list()) == 1
        assert list((Path(catalog.root) / "tmp").iterdir()) == []
