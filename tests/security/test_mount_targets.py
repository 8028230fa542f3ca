"""T04: a mount of the user's, or of the image's, over what the kernel serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import rocker
from helpers.attack import base_layer, docker_archive

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.attack import Box, Canary

COVERED = (
    "/proc", "/proc/", "//proc", "/./proc", "/x/../proc", "/proc/sys", "/proc/self/attr/exec", "/proc/1/root",
    "/proc/cpuinfo/../sys", "/proc/sysrq-trigger", "/sys", "/sys/", "/sys/fs/cgroup", "/sys/kernel",
)  # fmt: skip


@pytest.mark.attack("T04")
@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
@pytest.mark.parametrize("target", COVERED)
def test_nothing_is_mounted_over_proc_or_sys(box: Box, tmp_path: Path, target: str, kind: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    mount = rocker.Bind(str(source), target) if kind == "bind" else rocker.Tmpfs(target)
    error = box.refused("true", mounts=[mount])
    assert "cannot be mounted over: it is inside /" in error.message
    assert error.hint == "choose another target in the container"


@pytest.mark.attack("T04", "T01")
@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
@pytest.mark.parametrize(
    ("to", "below"), [("/proc", "sys"), ("proc/sys", "kernel"), ("/sys", "kernel"), ("/proc", "")]
)
def test_a_link_in_the_image_leads_no_mount_over_proc_or_sys(
    box: Box, tree: Path, tmp_path: Path, kind: str, to: str, below: str
) -> None:
    """CVE-2019-16884: the user's target is harmless, the image makes it /proc."""
    (tree / "data").symlink_to(to)
    (tmp_path / "source").mkdir()
    target = f"/data/{below}".rstrip("/")
    mount = rocker.Bind(str(tmp_path / "source"), target) if kind == "bind" else rocker.Tmpfs(target)
    error = box.refused("true", rootfs=str(tree), mounts=[mount])
    top = "/proc" if "proc" in to else "/sys"
    assert error.message == (
        f"mount `{target}`: a symbolic link in the image leads into {top}: nothing is mounted there through one"
    )


@pytest.mark.attack("T04")
def test_the_files_that_lxcfs_serves_can_be_mounted_over(box: Box, tmp_path: Path) -> None:
    (tmp_path / "uptime").write_text("1 1\n")
    result = box.sh("cat /proc/uptime", mounts=[f"{tmp_path}/uptime:/proc/uptime:ro"])
    assert result.text == "1 1\n"


def _image(box: Box, *volumes: str) -> bool:
    """Load an image with these VOLUMEs; false when that is refused already, and by name."""
    archive = docker_archive([base_layer()], "hostile:1", {"Volumes": {volume: {} for volume in volumes}})
    loaded = box.roots.cli("load", stdin=archive)
    if loaded.returncode:
        assert "olume" in loaded.stderr, loaded.stderr
    return loaded.returncode == 0


@pytest.mark.attack("T04", "T15")
@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ("/proc", '"/proc" cannot be mounted over'), ("/proc/sys", '"/proc/sys" cannot be mounted over'),
        ("/x/../sys", '"/sys" cannot be mounted over'), ("../..", "destination can't be '/'"),
        ("", "destination can't be '/'"), ("/", "destination can't be '/'"), ("/a\0b", "invalid volume of the image"),
    ],
)  # fmt: skip
def test_a_volume_of_an_image_over_the_kernels_files_is_refused(box: Box, volume: str, message: str) -> None:
    if _image(box, volume):
        assert message in box.refused("true", image="hostile:1").message
        assert box.engine.volumes.list() == []


@pytest.mark.attack("T15", "T29")
@pytest.mark.parametrize("volume", ["../../../etc", "relative", "CANARY", "/link/x"])
def test_a_volume_of_an_image_shows_nothing_of_the_host(box: Box, canary: Canary, volume: str) -> None:
    assert _image(box, volume.replace("CANARY", str(canary.directory)))
    place = "/" + volume.replace("CANARY", str(canary.directory)).replace("../", "").lstrip("/")
    result = box.sh(
        f"ls -A {place}; echo x > {place}/written; grep -c ' {place} ' /proc/mounts", image="hostile:1"
    )
    expected = "hostname\nhosts\nresolv.conf\n1\n" if place == "/etc" else "1\n"
    assert result.text == expected.lstrip()
    assert box.engine.volumes.list() == []
