# ruff: noqa: E501 -- one case a line
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rocker.cli.images import matches
from rocker.engine.catalog import Catalog
from rocker.images.images import ImageService

if TYPE_CHECKING:
    from pathlib import Path

ID = "sha256:" + "ab" * 32
IMAGE = {
    "Id": ID, "ParentId": "", "RepoTags": ["debian:12", "localhost:5000/deb:x"], "RepoDigests": [], "Created": 1, "Size": 117_000_000,
    "Labels": {"a": "b"}, "Containers": 0,
}  # fmt: skip
BARE = {**IMAGE, "Id": "sha256:" + "cd" * 32, "RepoTags": [], "Created": 2, "Labels": None}


def test_images_have_a_line_for_each_name(rocker, engine) -> None:
    engine.answers["list"] = [IMAGE, BARE]
    lines = rocker("images").stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["REPOSITORY", "TAG", "IMAGE"],
        ["<none>", "<none>", "cdcdcdcdcdcd"],
        ["debian", "12", "abababababab"],
        ["localhost:5000/deb", "x", "abababababab"],
    ]
    assert lines[1].endswith("117MB")


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["debian"], ["ab"]), (["deb*:12"], ["ab"]), (["nope"], []), (["-f", "dangling=true"], ["cd"]),
        (["-f", "dangling=false"], ["ab"]), (["-f", "label=a"], ["ab"]), (["-f", "label=a=x"], []), (["-f", "reference=*/deb"], ["ab"]),
        ([], ["cd", "ab"]),
    ],
)  # fmt: skip
def test_images_are_chosen_by_name_and_filter(rocker, engine, words: list[str], ids: list[str]) -> None:
    engine.answers["list"] = [IMAGE, BARE]
    assert rocker("images", "-q", *words).stdout.split() == [digit * 6 for digit in ids]


def test_a_star_does_not_cross_a_slash() -> None:
    assert matches("a/b:1", "a/*")
    assert not matches("a/b:1", "*")


def test_images_format_takes_templates(rocker, engine) -> None:
    engine.answers["list"] = [IMAGE]
    assert (
        rocker("images", "--format", "{{.Repository}}:{{.Tag}}").stdout == "debian:12\nlocalhost:5000/deb:x\n"
    )


def test_history_shows_the_steps(rocker, engine) -> None:
    engine.answers["history"] = [
        {
            "Id": ID,
            "Created": 0,
            "CreatedBy": "/bin/sh -c " + "x" * 60,
            "Size": 1000,
            "Comment": "c",
            "Tags": None,
        }
    ]
    line = rocker("history", "debian").stdout.splitlines()[1]
    assert line.startswith("abababababab   ")
    assert "/bin/sh -c " + "x" * 33 + "…   1kB       c" in line
    assert rocker("history", "-q", "--no-trunc", "debian").stdout == ID + "\n"


def test_rmi_prints_what_it_did(rocker, engine) -> None:
    engine.answers["remove"] = [{"Untagged": "debian:12"}, {"Deleted": ID}]
    assert rocker("rmi", "debian").stdout == f"Untagged: debian:12\nDeleted: {ID}\n"
    assert engine.calls == [("remove", "images", ("debian",), {"force": False, "prune": True})]


def test_tag_names_an_image_again(rocker, engine) -> None:
    assert rocker("image", "tag", "debian", "deb:x").exit_code == 0
    assert engine.calls == [("tag", "images", ("debian", "deb:x"), {})]


def test_nothing_stays_of_an_archive_that_could_not_be_written(rocker, engine, tmp_path: Path) -> None:
    engine.catalog = Catalog(str(tmp_path / "root"))
    engine.images = ImageService(engine.catalog)
    (tmp_path / "out").mkdir()
    result = rocker("save", "-o", str(tmp_path / "out" / "x.tar"), "debian")
    engine.catalog.close()
    assert (result.exit_code, "No such image: debian" in result.stderr) == (1, True)
    assert list((tmp_path / "out").iterdir()) == []
    result = rocker("save", "-o", str(tmp_path / "no" / "x.tar"), "debian")
    assert (result.exit_code, "cannot be written" in result.stderr) == (1, True)


def test_image_inspect_knows_images_alone(rocker, engine) -> None:
    engine.documents["debian"] = {"Id": ID}
    assert rocker("image", "inspect", "-f", "{{.Id}}", "debian").stdout == ID + "\n"
    assert rocker("image", "inspect", "web").stderr == "Error: No such image: web\n"
