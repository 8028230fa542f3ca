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
    engine_roots.cli("network", "prune", "-f", check=True)


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


def test_a_prune_of_the_system_takes_what_nothing_uses_any_more(
    engine_roots: EngineRoots, made: dict[str, str], busybox_tar: Path
) -> None:
    cli = engine_roots.cli
    cli("import", busybox_tar, check=True)
    cli("network", "create", "--internal", "unused", check=True)
    cli("network", "create", "--internal", "used", check=True)
    cli("run", "-d", "--name", "member", "--network", "used", "busybox", "sleep", "600", check=True)
    cli("volume", "create", "named", check=True)
    write = ("sh", "-c", "head -c 5000 /dev/zero >/v/written")
    cli("run", "--network", "none", "--name", "writer", "-v", "/v", "busybox", *write, check=True)
    asked = cli("system", "prune", "--volumes", "--filter", "label=x", stdin="n\n", check=True).stdout
    assert asked == (
        "WARNING! This will remove:\n"
        "  - all stopped containers\n"
        "  - all networks not used by at least one container\n"
        "  - all anonymous volumes not used by at least one container\n"
        "  - all dangling images\n"
        "\n"
        "  Items to be pruned will be filtered with:\n"
        "  - label=x\n"
        "\n"
        "Are you sure you want to continue? [y/N] "
    )
    done = cli("system", "prune", "-f", check=True).stdout
    assert made["ended"] in done
    assert "\n\nDeleted Networks:\nunused\n\nDeleted Images:\ndeleted: sha256:" in done
    assert "Deleted Volumes" not in done
    assert names(engine_roots) == {"runs", "member"}
    (anonymous,) = set(cli("volume", "ls", "-q", check=True).stdout.split()) - {"named"}
    done = cli("system", "prune", "-f", "--volumes", check=True).stdout
    assert done == f"Deleted Volumes:\n{anonymous}\n\nTotal reclaimed space: 5kB\n"
    assert cli("volume", "ls", "-q", check=True).stdout.split() == ["named"]
    assert "used" in cli("network", "ls", "--format", "{{.Name}}", check=True).stdout.split()


def test_a_prune_of_the_system_leaves_volumes_to_labels_alone(engine_roots: EngineRoots) -> None:
    done = engine_roots.cli("system", "prune", "-f", "--volumes", "--filter", "until=1h")
    assert (done.returncode, done.stdout) == (1, "")
    assert 'ERROR: The "until" filter is not supported with "--volumes"' in done.stderr


def test_disk_usage_adds_up(engine_roots: EngineRoots, made: dict[str, str]) -> None:
    cli = engine_roots.cli
    fill = ("busybox", "sh", "-c", "head -c 5000 /dev/zero >/v/written")
    cli("run", "--network", "none", "--rm", "-v", "idle:/v", *fill, check=True)
    cli("run", "--network", "none", "--name", "keeps", "-v", "kept:/v", *fill, check=True)
    lines = cli("system", "df", "--format", "json", check=True).stdout.splitlines()
    images, containers, volumes, cache = map(json.loads, lines)
    assert (images["Type"], images["TotalCount"], images["Active"]) == ("Images", "1", "1")
    assert images["Reclaimable"] == "0B (0%)"
    assert (containers["Type"], containers["TotalCount"], containers["Active"]) == ("Containers", "5", "1")
    assert containers["Size"] == "100kB"
    assert containers["Reclaimable"] == "100kB (100%)"
    assert volumes == {
        "Type": "Local Volumes", "TotalCount": "2", "Active": "1", "Size": "10kB", "Reclaimable": "5kB (50%)",
    }  # fmt: skip
    assert cache == {
        "Type": "Build Cache", "TotalCount": "0", "Active": "0", "Size": "0B", "Reclaimable": "0B",
    }  # fmt: skip
    table = cli("system", "df", check=True).stdout.splitlines()
    assert table[0].split() == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]
    told = cli("system", "df", "-v", check=True).stdout
    assert "Images space usage:\n\nREPOSITORY" in told
    assert "\n\nContainers space usage:\n\nCONTAINER ID" in told
    assert made["runs"][:12] in told
    assert told.endswith(
        "\n\nLocal Volumes space usage:\n\n"
        "VOLUME NAME   LINKS     SIZE\n"
        "idle          0         5kB\n"
        "kept          1         5kB\n\n"
        "Build cache usage: 0B\n\n"
        "CACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED\n"
    )


def test_the_verbose_usage_goes_through_a_template(engine_roots: EngineRoots, made: dict[str, str]) -> None:
    form = "{{range .Containers}}{{.ID}} {{end}}{{range .Images}}{{.Repository}} {{.Containers}}{{end}}"
    done = engine_roots.cli("system", "df", "-v", "--format", form, check=True).stdout.split()
    assert set(done[:-2]) == set(made.values())
    assert done[-2:] == ["busybox", "4"]
    told = json.loads(engine_roots.cli("system", "df", "-v", "--format", "json", check=True).stdout)
    assert told.keys() == {"Images", "Containers", "Volumes", "BuildCache"}
    assert (len(told["Images"]), len(told["Containers"])) == (1, 4)
