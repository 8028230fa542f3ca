"""T07, T08, T09, T29: what is copied in and out, while the container swaps it, and what hostile archives hold."""

from __future__ import annotations

import os
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from helpers.attack import SECRET, SWAP, layer, link
from rocker import _core
from rocker.engine.options import Bind, RunOptions, VolumeMount
from rocker.errors import RockerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from helpers.attack import Box, Canary
    from rocker import Container

ROUNDS = [60, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]


@pytest.fixture
def swap(compiled: Callable[[str, str], Path]) -> Path:
    return compiled("swap", SWAP)


@contextmanager
def swapping(box: Box, program: Path, target: str, **options: object) -> Iterator[Container]:
    """A container that exchanges /s/real, a directory with a file, and /s/link, a link to `target`."""
    script = (
        f"mkdir -p /s/real; echo mine > /s/real/file; ln -s {target} /s/link; "
        "exec /tool/swap /s/real /s/link /s/stop"
    )
    mounts = [f"{program.parent}:/tool:ro", *options.pop("mounts", ())]  # type: ignore[misc]
    container = box.start("sh", "-c", script, mounts=mounts, **options)
    assert next(iter(container.logs(follow=True))) == b"swapping\n"
    try:
        yield container
    finally:
        container.exec(["touch", "/s/stop"])
        assert container.wait(60) == 0
        assert int(container.logs().split()[-1]) > 0, "nothing was swapped: the attack did not take place"


@pytest.mark.attack("T08")
@pytest.mark.parametrize("rounds", ROUNDS)
def test_what_is_copied_out_while_it_is_swapped_is_never_the_hosts(
    box: Box, canary: Canary, tmp_path: Path, swap: Path, rounds: int
) -> None:
    """CVE-2018-15664, CVE-2019-10152: the path is resolved, then a part of it becomes a link."""
    ended = {"copied": 0, "refused": 0}
    with swapping(box, swap, str(canary.directory)) as container:
        for number in range(rounds):
            for path, name in (("/s/real/file", f"f{number}"), ("/s", f"d{number}")):
                try:
                    container.copy_from(path, tmp_path / name)
                except RockerError:
                    ended["refused"] += 1
                else:
                    ended["copied"] += 1
    assert ended["copied"] > 0
    for path in tmp_path.rglob("*"):
        if path.is_file() and not path.is_symlink() and canary.directory not in path.parents:
            assert SECRET not in path.read_text(errors="replace"), path


@pytest.mark.attack("T08")
@pytest.mark.parametrize("rounds", ROUNDS)
def test_what_is_copied_in_while_the_place_is_swapped_stays_inside(
    box: Box, canary: Canary, tmp_path: Path, swap: Path, rounds: int
) -> None:
    """CVE-2018-15664, CVE-2021-41089, CVE-2026-41568; the canary's own check says that nothing there has changed."""
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "file").write_text("copied")
    (source / "deep" / "file").write_text("copied")
    source.chmod(0o711)
    copied = 0
    with swapping(box, swap, str(canary.directory)) as container:
        for _ in range(rounds):
            for path in ("/s/real/deep", "/s/real", "/s/real/."):
                try:
                    container.copy_to(f"{source}/.", path)
                except RockerError:
                    continue
                copied += 1
    assert copied > 0


@pytest.mark.attack("T08")
def test_an_export_and_a_diff_of_what_is_swapped_show_nothing_of_the_host(
    box: Box, canary: Canary, tmp_path: Path, swap: Path
) -> None:
    with swapping(box, swap, str(canary.directory)) as container:
        for number in range(20):
            with (tmp_path / f"{number}.tar").open("w+b") as file:
                container.export(file.fileno())
                file.seek(0)
                assert SECRET.encode() not in file.read()
            assert not [change for change in container.diff() if "canary" in change["Path"]]


@pytest.mark.attack("T08", "T02")
@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_mount_target_in_a_volume_that_is_swapped_while_files_are_copied_stays_inside(
    box: Box, canary: Canary, tmp_path: Path, swap: Path, rounds: int
) -> None:
    """CVE-2026-41568, CVE-2026-42306: what is mounted for a copy of a container that does not run."""
    (tmp_path / "source").write_text("copied")
    nested = tmp_path / "nested"
    nested.mkdir()
    (nested / "file").write_text("nested")
    ended = {"copied": 0, "refused": 0}
    with swapping(box, swap, f"../../../../../..{canary.directory}", mounts=["shared:/s"]):
        options = RunOptions(
            rootfs=str(box.tree),
            command=("true",),
            mounts=(VolumeMount("/s", "shared"), Bind(str(nested), "/s/real/sub")),
        )
        container = box.engine.create(options)
        for number in range(rounds):
            out = tmp_path / f"out{number}"
            try:
                container.copy_to(tmp_path / "source", "/s/real/sub/copied")
                container.copy_from("/s/real/sub/file", out)
            except RockerError:
                ended["refused"] += 1
            else:
                ended["copied"] += 1
                assert out.read_text() == "nested"
    assert sum(ended.values()) == rounds
    assert not (canary.directory / "sub").exists()


@pytest.mark.attack("T07")
def test_no_program_of_the_container_runs_when_it_is_copied(box: Box, canary: Canary, tmp_path: Path) -> None:
    """CVE-2019-14271, CVE-2026-41567: tar, xz and libnss of the container, by the engine as root."""
    marker = canary.directory / "ran"
    script = f"#!/bin/sh\necho ran >{marker}\n".encode()
    names = ("tar", "xz", "unxz", "unpigz", "gzip", "zstd", "getent", "id", "cp", "libnss_files.so.2")
    tops = ("bin", "sbin", "usr/bin", "usr/sbin", "lib", "lib64", "usr/lib/x86_64-linux-gnu")
    trojans = layer(
        [(f"{top}/{name}", script) for top in tops for name in names if (top, name) != ("bin", "id")]
    )
    for running in (False, True):
        container = box.start("sleep", "1000")
        with os.fdopen(os.memfd_create("archive"), "w+b") as file:
            file.write(trojans)
            file.flush()
            file.seek(0)
            container.put_archive("/", file.fileno())
        if not running:
            container.stop(0)
        container.copy_from("/usr", tmp_path / f"usr{running}")
        container.copy_to(tmp_path / f"usr{running}", "/again", archive=True)
        container.diff()
        container.commit(f"trojan:{int(running)}")
    assert not marker.exists()


def _archive(*entries: tarfile.TarInfo | tuple[str, bytes]) -> int:
    fd = os.memfd_create("archive")
    os.write(fd, layer(entries))
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


@pytest.mark.attack("T09")
@pytest.mark.parametrize(
    "entries",
    [
        [("../escaped", b"x")], [("a/../../escaped", b"x")], [link("out", "CANARY"), ("out/file", b"x")],
        [link("out", "../canary"), ("out/file", b"x")], [link("out", "../canary"), ("out/new/file", b"x")],
        [link("out", "CANARY/file", tarfile.LNKTYPE), ("out", b"x")],
        [link("out", "../canary/file", tarfile.LNKTYPE)], [link("a", "b"), link("b", "../canary"), ("a/file", b"x")],
        [("CANARY/file", b"x")], [link("out", "CANARY/file"), ("out", b"x")],
        [link("out", "/"), ("out/CANARY/file", b"x")],
    ],
)  # fmt: skip
def test_nothing_in_an_archive_leads_out_of_where_it_is_unpacked(
    canary: Canary, tmp_path: Path, entries: list[tarfile.TarInfo | tuple[str, bytes]]
) -> None:
    """CVE-2018-1002100 and its like: the container's own tar writes files of who copies out of it."""
    place = str(canary.directory)
    for index, entry in enumerate(entries):
        if isinstance(entry, tarfile.TarInfo):
            entry.linkname = entry.linkname.replace("CANARY", place)
        else:
            entries[index] = (entry[0].replace("CANARY", place), entry[1])
    inside = tmp_path / "inside"
    inside.mkdir()
    before = sorted(path.name for path in tmp_path.iterdir())
    archive = _archive(*entries)
    try:
        _core.unpack(str(inside), archive, owner=(0, 0))
    except RockerError as error:
        assert "archive" in error.message or "link" in error.message, error.message
    finally:
        os.close(archive)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert canary.changes == []


@pytest.mark.attack("T09", "T12")
def test_a_damaged_or_endless_archive_is_refused_and_leaves_what_was_there(box: Box, tmp_path: Path) -> None:
    container = box.start("sleep", "1000")
    (tmp_path / "kept").write_text("kept")
    container.copy_to(tmp_path / "kept", "/tmp")
    whole = layer([("big", os.urandom(300_000))])
    for damaged in (whole[:5000], b"rubbish" * 1000, whole[:100_000] + b"\0" * 512):
        fd = os.memfd_create("archive")
        os.write(fd, damaged)
        os.lseek(fd, 0, os.SEEK_SET)
        with pytest.raises(RockerError):
            container.put_archive("/tmp", fd)
        os.close(fd)
    assert container.exec(["cat", "/tmp/kept"]).text == "kept"


@pytest.mark.attack("T29")
@pytest.mark.parametrize(
    "rounds", [25, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_a_subpath_that_is_swapped_while_it_is_mounted_stays_in_the_volume(
    box: Box, canary: Canary, swap: Path, rounds: int
) -> None:
    """CVE-2017-1002101, CVE-2021-25741: the path is checked, and a link by the time it is mounted."""
    ended = {"inside": 0, "refused": 0}
    with swapping(box, swap, str(canary.directory), mounts=["shared:/s"]):
        for _ in range(rounds):
            try:
                result = box.sh("cat /x/file", mounts=[VolumeMount("/x", "shared", subpath="real")])
            except RockerError as error:
                assert "leads out of volume `shared`" in error.message, error.message
                ended["refused"] += 1
            else:
                assert result.stdout == b"mine\n"
                ended["inside"] += 1
    assert sum(ended.values()) == rounds


@pytest.mark.attack("T29")
def test_what_a_volume_holds_is_not_overwritten_by_the_image(box: Box) -> None:
    """CVE-2020-1726."""
    box.sh("echo mine > /v/passwd", mounts=["kept:/v"])
    assert box.sh("cat /etc/passwd; ls /etc", mounts=["kept:/etc"]).text.startswith("mine\n")
