"""T01: the root file system has symbolic links where the engine makes or mounts something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from helpers.until import until
from rocker import Tmpfs
from rocker.errors import RockerError

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.attack import Box, Canary

MOUNTED = (
    "/proc",
    "/sys",
    "/dev",
    "/dev/null",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
    "/dev/mqueue",
    "/dev/console",
)
WRITTEN = ("/etc", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname")


def targets(canary: Canary) -> dict[str, str]:
    return {
        "absolute": f"{canary.directory}",
        "file": f"{canary.directory}/file",
        "dots": f"../../../../../../../..{canary.directory}",
        "new": f"{canary.directory}/new",
        "magic": "/proc/1/root/tmp",
        "self": "/proc/self/fd/3",
    }


@pytest.mark.attack("T01")
@pytest.mark.parametrize("kind", ["absolute", "file", "dots", "new", "magic", "self"])
@pytest.mark.parametrize("path", [*MOUNTED, *WRITTEN])
def test_a_link_where_the_engine_mounts_leads_nowhere_outside(
    box: Box, canary: Canary, tree: Path, path: str, kind: str
) -> None:
    place = tree / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(targets(canary)[kind])
    try:
        result = box.sh(
            f"cat {canary.directory}/file; ls -d {path} {path}/; [ ! -f {path} ] || cat {path}; echo ran",
            rootfs=str(tree),
        )
    except RockerError as error:
        assert path in error.message, error.message
        assert str(error.errno) not in error.message
    else:
        assert "ran" in result.text
        assert "canary" not in result.text


@pytest.mark.attack("T01")
@pytest.mark.parametrize("path", ["/proc", "/sys"])
def test_a_linked_proc_or_sys_is_refused_in_words(box: Box, tree: Path, path: str) -> None:
    (tree / path[1:]).symlink_to("/tmp")
    error = box.refused("true", rootfs=str(tree))
    assert f"`{path}` in the image is, or lies below, a symbolic link" in error.message


@pytest.mark.attack("T01")
@pytest.mark.parametrize("tty", [False, True])
def test_dev_null_is_the_null_device_whatever_the_image_has_there(
    box: Box, canary: Canary, tree: Path, tty
) -> None:
    (tree / "dev").mkdir()
    (tree / "dev/null").symlink_to(f"{canary.directory}/file")
    (tree / "dev/console").symlink_to(f"{canary.directory}/console")
    script = "stat -c '%F %t:%T' /dev/null; echo lost >/dev/null; cat /dev/null; echo end"
    result = box.sh(script, rootfs=str(tree), tty=tty)
    assert result.text.replace("\r", "") == "character special file 1:3\nend\n"


@pytest.mark.attack("T01", "T15")
def test_a_link_for_the_working_directory_ends_inside(box: Box, canary: Canary, tree: Path) -> None:
    (tree / "work").symlink_to(f"../../../../../..{canary.directory}")
    error = box.refused("pwd", rootfs=str(tree), workdir="/work")
    assert "working directory `/work`" in error.message or "`/work`" in error.message
    (tree / canary.directory.relative_to("/")).mkdir(parents=True)
    result = box.sh("pwd; ls; cat file", rootfs=str(tree), workdir="/work")
    assert result.stdout == f"{canary.directory}\n".encode()
    assert b"No such file" in result.stderr


@pytest.mark.attack("T01")
def test_mount_points_that_are_missing_are_made_below_links_inside_only(
    box: Box, canary: Canary, tree: Path
) -> None:
    (tree / "data").symlink_to(str(canary.directory.parent))
    source = tree.parent / "source"
    source.mkdir()
    (source / "mine").touch()
    try:
        result = box.sh("ls /data/canary/new", rootfs=str(tree), mounts=[f"{source}:/data/canary/new"])
    except RockerError as error:
        assert "/data/canary/new" in error.message
    else:
        assert result.text == "mine\n"


@pytest.mark.attack("T01")
@pytest.mark.parametrize("policy", [False, True])
def test_what_a_container_leaves_for_its_next_start_leads_nowhere_outside(
    box: Box, canary: Canary, tree: Path, policy: bool
) -> None:
    """CVE-2015-3629: the second start finds the links that the first has made."""
    link = f"ln -s {canary.directory}"
    script = f"[ -h /etc ] && cat /etc/file; mv /etc /was; {link} /etc; mv /tmp /then; {link} /tmp; exit 1"
    container = box.start(
        "sh", "-c", script, rootfs=str(tree), mounts=[Tmpfs("/tmp/deep")],
        restart_policy="on-failure:2" if policy else "no",
    )  # fmt: skip
    assert container.wait(60) != 0
    until(lambda: container.status == "exited", "it is not started again")
    if not policy:
        try:
            container.start()
        except RockerError as error:
            assert "/tmp/deep" in error.message or "/etc" in error.message, error.message
        container.wait(60)
    assert b"canary-" not in container.logs()
    assert (
        container.inspect()["RestartCount"] == (2 if policy else 0) or container.inspect()["State"]["Error"]
    )
