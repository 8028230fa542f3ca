"""SIGKILL in the middle of a pull and of a push, and disks that are full: all or nothing, and the next one works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.registry import DebianRegistry, FakeRegistry, digest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from image_archives import config, tar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.engine import EngineRoots

LOW, HIGH = tar({"etc/low": b"low"}), tar({"etc/high": os.urandom(3_000_000)})


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as made:
        made.add_image("app", "1", [LOW, HIGH], config(LOW, HIGH))
        yield made


def run_killed(command: list[str], call: str, number: int) -> int:
    """Run a command that is killed when one of its threads is at this call for the n-th time; its exit code."""
    words = ["strace", "-f", "-qqq", "-o", "/dev/null", f"--trace={call}"]
    words.append(f"--inject={call}:error=EINTR:signal=SIGKILL:when={number}")
    return subprocess.run([*words, *command], capture_output=True, check=False, timeout=50).returncode


def is_whole(roots: EngineRoots) -> bool:
    """Whether the image is there, all of it; if not, nothing of it."""
    found = roots.cli("images", "-q", "--no-trunc", check=True).stdout.split()
    blobs = {path.name for path in (roots.root / "blobs/sha256").glob("*")}
    layers = {path.name for path in (roots.root / "layers/sha256").glob("*")}
    wanted = {digest(LOW)[7:], digest(HIGH)[7:]}
    if found:
        assert layers == wanted
        assert blobs >= wanted
        inspected = json.loads(roots.cli("image", "inspect", found[0], check=True).stdout)[0]
        assert len(inspected["RepoTags"]) == len(inspected["RepoDigests"]) == 1
    return bool(found)


@pytest.mark.parametrize(
    "call", ["connect", "mkdir", "pipe2", "write", "recvfrom", "syncfs", "rename", "pwrite64"]
)
def test_a_pull_killed_at_any_step_is_whole_or_nothing(
    engine_roots: EngineRoots, registry: FakeRegistry, call: str
) -> None:
    name = f"{registry.host}/app:1"
    engine_roots.cli("images", check=True)
    killed = 0
    for number in (1, 2, 3, 5, 8, 13):
        killed += run_killed(engine_roots.command("pull", name), call, number) != 0
        if is_whole(engine_roots):
            engine_roots.cli("rmi", name, check=True)
    assert killed
    engine_roots.cli("pull", name, check=True)
    assert is_whole(engine_roots)
    assert list((engine_roots.root / "tmp").iterdir()) == []
    engine_roots.cli("rmi", name, check=True)
    for part in ("blobs/sha256", "layers/sha256", "tmp"):
        assert list((engine_roots.root / part).iterdir()) == []


def test_a_push_killed_at_any_step_is_repeated(
    engine_roots: EngineRoots, busybox_image: Path, tmp_path: Path
) -> None:
    with DebianRegistry(tmp_path / "registry") as debian:
        engine_roots.cli("load", "-qi", busybox_image, check=True)
        name = f"{debian.host}/busybox:1"
        engine_roots.cli("tag", "busybox", name, check=True)
        killed = 0
        for call, number in [
            ("connect", 1),
            ("sendfile", 1),
            ("sendto", 4),
            ("rename", 1),
            ("rename", 2),
            ("syncfs", 1),
        ]:
            killed += run_killed(engine_roots.command("push", name), call, number) != 0
            done = engine_roots.cli(
                "run", "--rm", "--network", "none", "busybox", "echo", "whole", check=True
            )
            assert done.stdout == "whole\n"
        assert killed
        engine_roots.cli("push", name, check=True)
        engine_roots.cli("rmi", "-f", name, "busybox", check=True)
        engine_roots.cli("pull", name, check=True)
        engine_roots.cli("rmi", name, check=True)
    for part in ("blobs/sha256", "layers/sha256", "tmp"):
        assert list((engine_roots.root / part).iterdir()) == []


@pytest.mark.parametrize(
    "options", ["size=2m", "size=5m", "size=64m,nr_inodes=40"], ids=["compressed", "unpacked", "inodes"]
)
def test_a_full_disk_is_named_and_nothing_stays(
    engine_roots: EngineRoots, registry: FakeRegistry, options: str
) -> None:
    registry.add_image(
        "many",
        "1",
        [tar({f"f{n}": b"" for n in range(100)})],
        config(tar({f"f{n}": b"" for n in range(100)})),
    )
    engine_roots.root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", engine_roots.root], check=True)
    try:
        engine_roots.cli("images", check=True)
        done = engine_roots.cli("pull", f"{registry.host}/{'many' if 'inodes' in options else 'app'}:1")
        assert done.returncode == 1
        assert "no space left" in done.stderr.lower(), done.stderr
        for part in ("blobs/sha256", "layers/sha256", "tmp"):
            assert list((engine_roots.root / part).iterdir()) == []
    finally:
        engine_roots.stop_launcher()
        engine_roots.remove_bridges()
        subprocess.run(["umount", engine_roots.root], check=True)
