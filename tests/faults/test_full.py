"""No space and no inodes: said clearly, nothing half done, and readers go on."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from helpers.engine import EngineRoots


def _mount(path: Path, options: str) -> None:
    path.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True, timeout=60)


@pytest.fixture(params=["size=700k", "size=16m,nr_inodes=60"], ids=["no space", "no inodes"])
def small_roots(request: pytest.FixtureRequest, engine_roots: EngineRoots) -> Iterator[EngineRoots]:
    """Roots whose data root has no room for an image."""
    _mount(engine_roots.root, request.param)
    yield engine_roots
    engine_roots.stop_launcher()
    engine_roots.remove_bridges()
    subprocess.run(["umount", engine_roots.root], check=True, timeout=60)


def _names(root: Path) -> set[str]:
    return {
        str(path.relative_to(root))
        for part in ("tmp", "layers", "blobs", "containers")
        for path in (root / part).rglob("*")
        if path.name != "sha256"
    }


def test_an_import_that_finds_no_room_says_so_and_leaves_nothing(
    small_roots: EngineRoots, busybox_tar: Path
) -> None:
    small_roots.cli("images", check=True)
    before = _names(small_roots.root)
    done = small_roots.cli("import", busybox_tar, "busybox")
    assert done.returncode != 0
    assert "no space left" in done.stderr.lower(), done.stderr
    assert _names(small_roots.root) == before
    assert small_roots.cli("images", "-q", check=True).stdout == ""


def test_a_run_that_finds_no_room_says_so_and_one_after_room_is_made_works(
    small_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    small_roots.cli("run", "--rm", "--rootfs", busybox_rootfs, "true", check=True)
    filler = small_roots.root / "filler"
    _fill(filler)
    done = small_roots.cli("run", "--rm", "--rootfs", busybox_rootfs, "echo", "x")
    assert done.returncode == 125, done
    assert "no space" in done.stderr.lower() or "disk is full" in done.stderr.lower(), done.stderr
    subprocess.run(["rm", "-rf", filler], check=True, timeout=60)
    done = small_roots.cli("run", "--rm", "--rootfs", busybox_rootfs, "echo", "x")
    assert (done.returncode, done.stdout) == (0, "x\n"), done.stderr
    assert small_roots.cli("ps", "-aq", check=True).stdout == ""
    assert not list((small_roots.root / "containers").iterdir())


def _fill(directory: Path) -> None:
    """Take every inode and every block that is left."""
    directory.mkdir()
    try:
        for number in range(10_000):
            with (directory / str(number)).open("wb", buffering=0) as file:
                while file.write(bytes(1 << 16)) == 1 << 16:
                    pass
    except OSError:
        return


def test_a_full_disk_of_logs_does_not_hold_back_who_reads_the_output(
    engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    _mount(engine_roots.root, "size=1m")
    try:
        script = "yes 0123456789abcdef | head -c 8000000; echo end >&2; exit 3"
        done = engine_roots.cli(
            "run",
            "--log-driver",
            "json-file",
            "--name",
            "loud",
            "--rootfs",
            busybox_rootfs,
            "sh",
            "-c",
            script,
        )
        assert done.returncode == 3
        assert done.stdout == ("0123456789abcdef\n" * 470589)[:8000000]
        assert done.stderr == "end\n"
        log = engine_roots.cli("logs", "loud")
        assert log.returncode == 0, log.stderr
        assert done.stdout.startswith(log.stdout)
        engine_roots.cli("rm", "loud", check=True)  # the one thing that makes room must work without any
        assert engine_roots.cli("ps", "-aq", check=True).stdout == ""
    finally:
        engine_roots.stop_launcher()
        engine_roots.remove_bridges()
        subprocess.run(["umount", engine_roots.root], check=True, timeout=60)
