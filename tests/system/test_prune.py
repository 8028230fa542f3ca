"""What prunes take and what they leave; what `system df` adds up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from helpers.engine import EngineRoots


@pytest.fixture
def made(engine_roots: EngineRoots, busybox_image: Path) -> dict[str, str]:
    """Containers by name: one that runs, one that has ended, one that never ran, one with a label."""
    engine_roots.cli("load", "-i", busybox_image, check=True)
    run = ("run", "--network", "none", "-d")
    wanted = {
        "runs": (*run, "--name", "runs", "busybox", "sleep", "600"),
        "ended": (*run, "--name", "ended", "busybox", "sh", "-c", "head -c 100000 /dev/zero >/written"),
        "never": ("create", "--network", "none", "--name", "never", "busybox", "true"),
        "labelled": (
            "create",
            "--network",
            "none",
            "--name",
            "labelled",
            "-l",
            "keep=yes",
            "busybox",
            "true",
        ),
    }
    found = {name: engine_roots.cli(*words, check=True).stdout.strip() for name, words in wanted.items()}
    engine_roots.cli("wait", "ended", check=True)
    return found


@pytest.fixture(autouse=True)
def _tidy(engine_roots: EngineRoots) -> Iterator[None]:
    yield
    if left := engine_roots.cli("ps", "-aq").stdout.split():
        engine_roots.cli("rm", "-f", *left, check=True)


def names(roots: EngineRoots) -> set[str]:
    return set(roots.cli("ps", "-a", "--format", "{{.Names}}", check=True).stdout.split())


def test_a_prune_takes_what_does_not_run(engine_roots: EngineRoots, made: dict[str, str]) -> None:
    done = engine_roots.cli("container", "prune", "-f", check=True).stdout.splitlines()
    assert done[0] == "Deleted Containers:"
    assert set(done[1:-2]) == {made["ended"], made["never"], made["labelled"]}
    assert done[-2:] == ["", "Total reclaimed space: 100kB"]
    assert names(engine_roots) == {"runs"}
    again = engine_roots.cli("container", "prune", "-f", check=True).stdout
    assert again == "Total reclaimed space: 0B\n"


def test_a_prune_asks_first(engine_roots: EngineRoots, made: dict[str, str]) -> None:
    question = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] "
    for answer in ("", "n\n", "yes\n"):
        done = engine_roots.cli("container", "prune", stdin=answer)
        assert (done.returncode, done.stdout) == (0, question)
    assert names(engine_roots) == set(made)
    done = engine_roots.cli("container", "prune", stdin="y\n", check=True)
    assert done.stdout.startswith(question + "Deleted Containers:\n")
    assert names(engine_roots) == {"runs"}


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        (["label=keep"], {"runs", "ended", "never"}),
        (["label=keep=no"], {"runs", "ended", "never", "labelled"}),
        (["label!=keep"], {"runs", "labelled"}),
        (["until=1h"], {"runs", "ended", "never", "labelled"}),
        (["until=0s"], {"runs"}),
        (["until=0s", "label=keep=yes"], {"runs", "ended", "never"}),
    ],
)
def test_filters_say_what_goes(
    engine_roots: EngineRoots, made: dict[str, str], filters: list[str], left: set[str]
) -> None:
    assert left <= set(made)
    words = [word for text in filters for word in ("--filter", text)]
    engine_roots.cli("container", "prune", "-f", *words, check=True)
    assert names(engine_roots) == left


@pytest.mark.parametrize("what", ["container", "image", "system"])
def test_an_unknown_filter_is_refused_by_name(engine_roots: EngineRoots, what: str) -> None:
    done = engine_roots.cli(what, "prune", "-f", "--filter", "colour=red")
    assert done.returncode == 1
    assert "invalid filter 'colour'" in done.stderr


def test_images_without_a_name_or_a_container_go(
    engine_roots: EngineRoots, busybox_image: Path, busybox_tar: Path
) -> None:
    engine_roots.cli("load", "-i", busybox_image, check=True)
    nameless = engine_roots.cli("import", busybox_tar, check=True).stdout.strip()
    unused = engine_roots.cli("import", "-m", "other", busybox_tar, "other:1", check=True).stdout.strip()
    engine_roots.cli("create", "--network", "none", "busybox", "true", check=True)
    done = engine_roots.cli("image", "prune", "-f", check=True).stdout
    assert f"deleted: {nameless}\n" in done
    assert "untagged" not in done
    left = engine_roots.cli("images", "--format", "{{.Repository}}", check=True).stdout.split()
    assert sorted(left) == ["busybox", "other"]
    done = engine_roots.cli("image", "prune", "-a", "-f", check=True).stdout
    assert "untagged: other:1\n" in done
    assert f"deleted: {unused}\n" in done
    left = engine_roots.cli("images", "--format", "{{.Repository}}", check=True).stdout.split()
    assert left == ["busybox"]


def test_a_prune_of_the_system_takes_containers_then_images(
    engine_roots: EngineRoots, made: dict[str, str], busybox_tar: Path
) -> None:
    engine_roots.cli("import", busybox_tar, check=True)
    asked = engine_roots.cli("system", "prune", "--filter", "label=x", stdin="n\n", check=True).stdout
    assert asked == (
        "WARNING! This will remove:\n"
        "  - all stopped containers\n"
        "  - all dangling images\n"
        "\n"
        "  Items to be pruned will be filtered with:\n"
        "  - label=x\n"
        "\n"
        "Are you sure you want to continue? [y/N] "
    )
    done = engine_roots.cli("system", "prune", "-f", check=True).stdout
    assert made["ended"] in done
    assert "Deleted Images:\ndeleted: sha256:" in done
    assert names(engine_roots) == {"runs"}


def test_disk_usage_adds_up(engine_roots: EngineRoots, made: dict[str, str]) -> None:
    lines = engine_roots.cli("system", "df", "--format", "json", check=True).stdout.splitlines()
    images, containers, *_ = map(json.loads, lines)
    assert (images["Type"], images["TotalCount"], images["Active"]) == ("Images", "1", "1")
    assert images["Reclaimable"] == "0B (0%)"
    assert (containers["Type"], containers["TotalCount"], containers["Active"]) == ("Containers", "4", "1")
    assert containers["Size"] == "100kB"
    assert containers["Reclaimable"] == "100kB (100%)"
    table = engine_roots.cli("system", "df", check=True).stdout.splitlines()
    assert table[0].split() == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]
    told = engine_roots.cli("system", "df", "-v", check=True).stdout
    assert "Images space usage:\n\nREPOSITORY" in told
    assert "Containers space usage:\n\nCONTAINER ID" in told
    assert made["runs"][:12] in told


def test_the_verbose_table_has_no_format(engine_roots: EngineRoots) -> None:
    done = engine_roots.cli("system", "df", "-v", "--format", "{{.Type}}")
    assert done.returncode == 1
    assert "the verbose and the format options conflict" in done.stderr
