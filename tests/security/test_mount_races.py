"""T02, T03: what the engine resolves is swapped between its look and its use, by programs that do nothing else."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from helpers.attack import SWAP
from rocker.errors import RockerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from helpers.attack import Box, Canary

STARTS = [40, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]


@pytest.fixture
def swap(compiled: Callable[[str, str], Path]) -> Path:
    return compiled("swap", SWAP)


@contextmanager
def swapping(box: Box, program: Path, shared: Path) -> Iterator[None]:
    """A container exchanges /shared/real and /shared/link of a directory that it shares with others."""
    peer = box.start(
        "/tool/swap", "/shared/real", "/shared/link", "/shared/stop",
        mounts=[f"{program.parent}:/tool:ro", f"{shared}:/shared"],
    )  # fmt: skip
    assert next(iter(peer.logs(follow=True))) == b"swapping\n"
    try:
        yield
    finally:
        (shared / "stop").touch()
        assert peer.wait(60) == 0
        swaps = int(peer.logs().split()[-1])
        peer.remove()
    assert swaps > 0, "nothing was swapped: the attack did not take place"


@pytest.mark.attack("T02")
@pytest.mark.parametrize("starts", STARTS)
def test_a_mount_target_that_a_peer_swaps_stays_inside(
    box: Box, canary: Canary, tmp_path: Path, swap: Path, starts: int
) -> None:
    shared, source = tmp_path / "shared", tmp_path / "source"
    (shared / "real").mkdir(parents=True)
    (shared / "link").symlink_to(f"../../../../../../../..{canary.directory}")
    source.mkdir()
    (source / "mine").touch()
    ended = {"inside": 0, "refused": 0}
    with swapping(box, swap, shared):
        for number in range(starts):
            target = f"/shared/real/{number}/sub"
            try:
                result = box.sh(
                    f"cat {canary.directory}/file; while read _ _ _ root at _; do echo $root $at; done"
                    " </proc/self/mountinfo",
                    mounts=[f"{shared}:/shared", f"{source}:{target}"],
                )
            except RockerError as error:
                assert f"mount `{target}`" in error.message, error.message
                ended["refused"] += 1
            else:
                ended["inside"] += 1
                assert b"canary-" not in result.stdout
                assert b"/source " in result.stdout
                assert f"{canary.directory} ".encode() not in result.stdout
    assert sum(ended.values()) == starts


@pytest.mark.attack("T02", "T01", "T03")
@pytest.mark.parametrize("starts", STARTS)
@pytest.mark.parametrize("place", ["proc", "dev", "etc"])
def test_a_directory_of_the_image_that_is_swapped_moves_no_mount_mask_or_sysctl(
    box: Box, canary: Canary, tree: Path, swap: Path, place: str, starts: int
) -> None:
    real, other, stop = tree / place, tree / "other", tree / "stop"
    real.mkdir()
    other.symlink_to(f"../../../../../../../..{canary.directory}")
    process = subprocess.Popen([swap, real, other, stop], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "swapping\n"
    script = (
        f"cat {canary.directory}/file; stat -f -c %T /proc /dev; cat /proc/sys/net/ipv4/ip_default_ttl;"
        " cat /proc/timer_list; echo x >/proc/sys/kernel/hostname"
    )
    ran = refused = 0
    try:
        for _ in range(starts):
            try:
                result = box.sh(script, rootfs=str(tree), sysctls={"net.ipv4.ip_default_ttl": "77"})
            except RockerError as error:
                refused += 1
                assert f"/{place}" in error.message, error.message
            else:
                ran += 1
                lines = result.text.split()
                assert lines[:1] == ["proc"], result
                assert "77" in lines, result
                assert len(lines) <= 3, result
                assert b"canary-" not in result.stdout
    finally:
        stop.touch()
        swaps = int(process.stdout.read())
        process.stdout.close()
        assert process.wait(60) == 0
    assert swaps > 0
    assert ran + refused == starts


@pytest.mark.attack("T03")
def test_a_sysctl_is_written_to_the_kernel_not_to_what_the_image_has_in_proc(
    box: Box, canary: Canary, tree: Path
) -> None:
    fake = tree / "proc/sys/net/ipv4"
    fake.mkdir(parents=True)
    (fake / "ip_default_ttl").symlink_to(f"{canary.directory}/file")
    result = box.sh(
        "cat /proc/sys/net/ipv4/ip_default_ttl; cat /proc/sys/kernel/shm_rmid_forced",
        rootfs=str(tree),
        sysctls={"net.ipv4.ip_default_ttl": "77", "kernel.shm_rmid_forced": "1"},
    )
    assert result.text == "77\n1\n"
    assert (fake / "ip_default_ttl").is_symlink()


@pytest.mark.attack("T03", "T21")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("kernel.core_pattern", {}),
        ("kernel.shm_rmid_forced=1+kernel.core_pattern", {}),
        ("net/../kernel/core_pattern", {}),
        ("net.ipv4.../../kernel.core_pattern", {}),
        ("net..kernel", {}),
        ("net.ipv4.ip_default_ttl", {"network": "host"}),
        ("kernel.shm_rmid_forced", {"ipc": "host"}),
        ("vm.overcommit_memory", {}),
        ("fs.protected_symlinks", {}),
    ],
)
def test_a_sysctl_of_the_host_is_refused_and_named(box: Box, name: str, options: dict) -> None:
    error = box.refused("true", sysctls={name: "|/tmp/x"}, **options)
    assert name in error.message
    assert "not allowed" in error.message
    assert error.hint


@pytest.mark.attack("T21")
@pytest.mark.parametrize("value", ["1\nkernel.core_pattern=x", "1\0", "no number"])
def test_a_sysctl_value_carries_no_second_one(box: Box, value: str) -> None:
    error = box.refused("true", sysctls={"kernel.shm_rmid_forced": value})
    assert "kernel.shm_rmid_forced" in error.message
