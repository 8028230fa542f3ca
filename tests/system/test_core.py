"""`rocker.core` alone: the mechanism without the engine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from rocker import core
from rocker.errors import InvalidArgumentError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    import rocker
    from helpers.engine import EngineRoots

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def test_an_overlay_is_there_inside_its_block_alone(tmp_path: Path) -> None:
    for name in ("low", "high", "upper", "work", "target"):
        (tmp_path / name).mkdir()
    (tmp_path / "low" / "file").write_text("low")
    layers = [tmp_path / "low", tmp_path / "high"]
    with core.overlay(
        tmp_path / "target", layers, upper=tmp_path / "upper", work=tmp_path / "work"
    ) as target:
        assert target == str(tmp_path / "target")
        (tmp_path / "target" / "file").write_text("new")
    assert not os.path.ismount(tmp_path / "target")
    assert (tmp_path / "upper" / "file").read_text() == "new"
    assert (tmp_path / "low" / "file").read_text() == "low"


def test_what_an_overlay_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="give both or neither"):
        core.mount_overlay(str(tmp_path), [str(tmp_path)], upper=str(tmp_path))
    with pytest.raises(NotFoundError, match="absent") as caught:
        core.mount_overlay(str(tmp_path), [str(tmp_path), str(tmp_path / "absent")])
    assert caught.value.path == str(tmp_path / "absent")


def document(*command: str, joined: str | None = None, **members: Any) -> dict[str, Any]:
    """An OCI specification; `joined` is the pid whose mount namespace it joins."""
    mount = {"type": "mount"} | ({"path": f"/proc/{joined}/ns/mnt"} if joined else {})
    return {
        "ociVersion": "1.2.0",
        "process": {"args": command, "cwd": "/", "env": ["PATH=/bin:/usr/bin"], "user": {"uid": 0, "gid": 0}},
        "linux": {"namespaces": [mount, *({"type": kind} for kind in ("pid", "ipc", "uts", "network"))]},
        **members,
    }


def test_a_process_starts_from_a_specification_alone(engine_roots: EngineRoots, busybox_rootfs: Path) -> None:
    spec = document("sh", "-c", "echo $$; ls -d /bin; exit 3")
    with core.start(spec, root=engine_roots.root, run=engine_roots.run, rootfs=busybox_rootfs) as process:
        stdout, stderr, event = process.communicate(None)
    assert (stdout, stderr, event["exit_code"]) == (b"1\n/bin\n", b"", 3)


def test_a_joined_mount_namespace_is_used_as_it_is(
    engine: rocker.Engine, engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    script = "echo seen > /mark; exec sleep 600"
    other = engine.run(rootfs=str(busybox_rootfs), command=["sh", "-c", script], detach=True)
    pid = other.inspect()["State"]["Pid"]
    roots: dict[str, Any] = {"root": engine_roots.root, "run": engine_roots.run}
    with core.start(
        document("sh", "-c", "until cat /mark 2>/dev/null; do :; done; echo $$", joined=pid), **roots
    ) as process:
        stdout, _, event = process.communicate(None)
    assert (stdout, event["exit_code"]) == (b"seen\n1\n", 0)
    mounts = [{"destination": "/m", "type": "tmpfs", "source": "tmpfs"}]
    with pytest.raises(InvalidArgumentError, match="joins a mount namespace has mounts in its specification"):
        core.start(document("true", joined=pid, mounts=mounts), **roots)
    other.remove(force=True)


def test_a_root_directory_may_hold_the_data_root_under_whatever_name(
    engine: rocker.Engine, engine_roots: EngineRoots, busybox_rootfs: Path, tmp_path: Path
) -> None:
    """Overlay refuses layers that lie within one another: the base layer of the engine must stay out."""
    shutil.copytree(busybox_rootfs / "bin", engine_roots.base / "bin", symlinks=True)
    (tmp_path / "link").symlink_to(engine_roots.base)
    (tmp_path / "mount").mkdir()
    subprocess.run(["mount", "--bind", engine_roots.base, tmp_path / "mount"], check=True)
    try:
        for rootfs in (engine_roots.base, tmp_path / "link", tmp_path / "mount"):
            script = ["sh", "-c", "ls -d /proc/self /dev/null /etc/hosts"]
            result = engine.run(rootfs=str(rootfs), command=script)
            assert (result.stdout, result.exit_code) == (b"/dev/null\n/etc/hosts\n/proc/self\n", 0)
    finally:
        subprocess.run(["umount", tmp_path / "mount"], check=True)
    assert sorted(path.name for path in engine_roots.base.iterdir()) == ["bin", "d", "r", "test"]


class RangError(Exception):
    """Raised by the handler of a signal."""


@pytest.mark.parametrize(
    "wait",
    [
        lambda process: process.wait(),
        lambda process: process.communicate(None),
        lambda process: process.proxy(0, 1, 2, tty=False, detach_keys=b"", sig_proxy=False),
    ],
    ids=["wait", "communicate", "proxy"],
)
def test_a_signals_handler_runs_during_a_wait_with_the_signals_of_its_caller(
    engine_roots: EngineRoots, busybox_rootfs: Path, wait: Callable[[Any], object]
) -> None:
    masks = []

    def ring(*_: object) -> None:
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        if len(masks) == 2:
            raise RangError

    former = signal.signal(signal.SIGALRM, ring)
    spec = document("sleep", "1000")
    try:
        with core.start(spec, root=engine_roots.root, run=engine_roots.run, rootfs=busybox_rootfs) as process:
            signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
            with pytest.raises(RangError):
                wait(process)
            signal.setitimer(signal.ITIMER_REAL, 0)
            process.signal(signal.SIGKILL)
            process.wait()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    assert all(signal.SIGUSR1 not in mask and signal.SIGTERM not in mask for mask in masks), masks
