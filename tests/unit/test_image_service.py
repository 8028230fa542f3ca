"""Images in the store: found, named, described and removed by Docker's rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from image_archives import config, digest, docker_archive, require_core, tar

from rocker.engine.catalog import Catalog, ContainerRow
from rocker.errors import ConflictError, ImageNotFoundError, InvalidArgumentError
from rocker.images.archive import load
from rocker.images.images import ImageService
from rocker.images.remove import chain_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

require_core()

LOW, HIGH = tar({"etc/low": b"low"}), tar({"etc/high": b"high"})
ID = digest(config(LOW, HIGH))
USER = "c" * 64


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ImageService]:
    with Catalog(tmp_path / "root") as catalog:
        (tmp_path / "a.tar").write_bytes(tar(docker_archive(LOW, HIGH, tags=["app:1"])))
        load(catalog, tmp_path / "a.tar")
        yield ImageService(catalog)


def use(service: ImageService) -> None:
    service.catalog.insert_container(ContainerRow(USER, "user", ID, "app:1", 1, False, "{}"))


@pytest.mark.parametrize("ref", ["app:1", "docker.io/library/app:1", ID, ID[7:], ID[7:19], ID[:15], ID[7:11]])
def test_an_image_is_found(service: ImageService, ref: str) -> None:
    assert service.get(ref).id == ID


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("app", "No such image: app:latest"),
        ("nope:1", "No such image: nope:1"),
        ("sha256:" + "0" * 64, "No such image: sha256:" + "0" * 64),
        ("0" * 64, "No such image: sha256:" + "0" * 64),
        ("sha256:zz", "No such image: sha256:zz"),
    ],
)
def test_what_is_not_there_is_named(service: ImageService, ref: str, message: str) -> None:
    with pytest.raises(ImageNotFoundError) as caught:
        service.get(ref)
    assert str(caught.value) == message


def test_a_tag_moves(service: ImageService) -> None:
    assert service.tag("app:1", "other").familiar == "other:latest"
    assert [str(name) for name in service.references(ID)] == [
        "docker.io/library/app:1",
        "docker.io/library/other:latest",
    ]
    with pytest.raises(InvalidArgumentError, match="refusing to create a tag with a digest reference"):
        service.tag("app:1", "x@" + ID)


def test_inspect_list_and_history_have_dockers_shape(service: ImageService) -> None:
    shown = service.inspect("app:1")
    assert shown["Id"] == ID
    assert shown["RepoTags"] == ["app:1"]
    assert shown["Config"]["Cmd"] == ["/bin/sh"]
    assert shown["RootFS"] == {"Type": "layers", "Layers": [digest(LOW), digest(HIGH)]}
    assert shown["Size"] == len(LOW) + len(HIGH)
    row = service.list()[0]
    assert (row["Created"], row["Labels"], row["Containers"]) == (1795475045, {"a": "b"}, 0)
    steps = service.history("app:1")
    assert [(step["Id"], step["CreatedBy"]) for step in steps] == [(ID, "step 1"), ("<missing>", "step 0")]
    assert steps[0]["Tags"] == ["app:1"]


def test_the_last_name_takes_the_image_along(service: ImageService) -> None:
    service.tag("app:1", "app:2")
    assert service.remove("app:1") == [{"Untagged": "app:1"}]
    chains = chain_ids([digest(LOW), digest(HIGH)])
    assert service.remove("app:2") == [
        {"Untagged": "app:2"},
        {"Deleted": ID},
        {"Deleted": chains[1]},
        {"Deleted": chains[0]},
    ]
    root = Path(service.catalog.root)
    assert not any(any((root / name).iterdir()) for name in ("blobs/sha256", "layers/sha256", "tmp"))


def test_a_shared_layer_stays(service: ImageService, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_bytes(tar(docker_archive(LOW, tags=["base:1"])))
    load(service.catalog, tmp_path / "b.tar")
    assert service.remove("app:1")[2:] == [{"Deleted": chain_ids([digest(LOW), digest(HIGH)])[1]}]
    left = [path.name for path in (Path(service.catalog.root) / "layers/sha256").iterdir()]
    assert left == [digest(LOW)[7:]]


def test_an_image_in_use_is_not_removed_by_name(service: ImageService) -> None:
    use(service)
    with pytest.raises(ConflictError) as caught:
        service.remove("app:1")
    assert str(caught.value) == (
        'conflict: unable to remove repository reference "app:1" (must force) - '
        f"container {USER[:12]} is using its referenced image {ID[7:19]}"
    )
    service.tag("app:1", "app:2")
    assert service.remove("app:2") == [{"Untagged": "app:2"}]


def test_an_image_in_use_is_not_removed_by_id(service: ImageService) -> None:
    use(service)
    start = f"conflict: unable to delete {ID[7:19]}"
    with pytest.raises(ConflictError) as caught:
        service.remove(ID[7:19])
    assert (
        str(caught.value)
        == f"{start} (must be forced) - image is being used by stopped container {USER[:12]}"
    )
    alive = ImageService(service.catalog, running=set)
    with pytest.raises(ConflictError) as caught:
        alive.remove(ID, force=True)
    assert str(caught.value) == (
        f"{start} (cannot be forced) - image is being used by running container {USER[:12]}"
    )
    assert service.references(ID)
    assert service.remove(ID, force=True)[1] == {"Deleted": ID}


def test_an_image_with_names_in_two_repositories_needs_force(service: ImageService) -> None:
    service.tag("app:1", "other:1")
    with pytest.raises(ConflictError, match="image is referenced in multiple repositories"):
        service.remove(ID)
    removed = service.remove(ID, force=True)
    assert removed[:3] == [{"Untagged": "app:1"}, {"Untagged": "other:1"}, {"Deleted": ID}]


def test_a_parent_without_a_name_goes_along(service: ImageService, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_bytes(tar(docker_archive(LOW)))
    parent = load(service.catalog, tmp_path / "b.tar")[0].id
    with service.catalog.write() as db:
        db.execute("UPDATE images SET parent = ? WHERE id = ?", (parent, ID))
    with pytest.raises(ConflictError, match=r"cannot be forced\) - image has dependent child images"):
        service.remove(parent, force=True)
    # By name it loses that name and stays, as in Docker.
    service.tag(parent, "base:1")
    assert service.remove("base:1") == [{"Untagged": "base:1"}]
    assert {"Deleted": parent} in service.remove("app:1")
    assert service.list() == []
