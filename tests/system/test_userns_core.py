"""User namespaces and id-mapped mounts of the OCI specification, without the engine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from rocker import core
from rocker.errors import InvalidArgumentError, RockerError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from helpers.engine import EngineRoots

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="user namespaces with mappings need root")

BASE = 700_000
IDS = [{"containerID": 0, "hostID": BASE, "size": 10}, {"containerID": 10, "hostID": 5, "size": 1}]
KINDS = ("mount", "pid", "ipc", "uts", "network", "cgroup")


def document(*command: str, **linux: Any) -> dict[str, Any]:
    """A specification with a new user namespace, unless `namespaces` says otherwise."""
    members = {
        "namespaces": [{"type": kind} for kind in (*KINDS, "user")],
        "uidMappings": IDS,
        "gidMappings": IDS,
    }
    return {
        "ociVersion": "1.2.0",
        "process": {"args": command, "cwd": "/", "env": ["PATH=/bin:/usr/bin"], "user": {"uid": 0, "gid": 0}},
        "linux": members | linux,
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
        ],
    }


def plain(*command: str) -> dict[str, Any]:
    return document(*command, namespaces=[{"type": kind} for kind in KINDS], uidMappings=[], gidMappings=[])


def run(spec: dict[str, Any], roots: EngineRoots, rootfs: Path) -> list[str]:
    with core.start(spec, root=roots.root, run=roots.run, rootfs=rootfs) as process:
        stdout, stderr, _ = process.communicate(None)
    assert stderr == b""
    return stdout.decode().splitlines()


def bind(source: Path, *options: str, **members: object) -> dict[str, Any]:
    return {
        "destination": "/b", "type": "bind", "source": str(source), "options": ["bind", *options], **members,
    }  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory of users 0 and 5."""
    (tmp_path / "five").write_text("")
    os.chown(tmp_path / "five", 5, 5)
    tmp_path.chmod(0o755)
    return tmp_path


def test_several_mappings_are_honoured(engine_roots: EngineRoots, busybox_rootfs: Path, source: Path) -> None:
    spec = document(
        "sh", "-c", "cat /proc/self/uid_map; stat -c %u /b /b/five /bin/busybox; test -c /dev/null"
    )
    spec["mounts"].append(bind(source))
    found = run(spec, engine_roots, busybox_rootfs)
    assert [line.split() for line in found[:2]] == [["0", str(BASE), "10"], ["10", "5", "1"]]
    assert found[2:] == ["65534", "10", "0"]


@pytest.mark.parametrize("option", ["idmap", "ridmap"])
def test_a_mount_may_have_mappings_of_its_own(
    engine_roots: EngineRoots, busybox_rootfs: Path, source: Path, option: str
) -> None:
    own = [{"containerID": 0, "hostID": 40, "size": 1}, {"containerID": 5, "hostID": 0, "size": 1}]
    look = ["sh", "-c", "stat -c %u:%g /b /b/five"]
    spec = plain(*look)
    spec["mounts"].append(bind(source, option, uidMappings=own, gidMappings=own))
    assert run(spec, engine_roots, busybox_rootfs) == ["40:40", "0:0"]
    spec = document(*look)
    spec["mounts"].append(bind(source, option))
    assert run(spec, engine_roots, busybox_rootfs) == ["0:0", "5:5"]


def test_a_user_namespace_is_joined_by_path_and_makes_the_others(
    engine_roots: EngineRoots, busybox_rootfs: Path
) -> None:
    with core.start(
        document("sleep", "1000"), root=engine_roots.root, run=engine_roots.run, rootfs=busybox_rootfs
    ) as first:
        pid = first.pid
        joined = [{"type": kind} for kind in KINDS if kind != "network"]
        joined += [
            {"type": "user", "path": f"/proc/{pid}/ns/user"},
            {"type": "network", "path": f"/proc/{pid}/ns/net"},
        ]
        look = document(
            "sh", "-c", "readlink /proc/self/ns/user; readlink /proc/self/ns/net; id -u", namespaces=joined
        )
        assert run(look, engine_roots, busybox_rootfs) == [
            os.readlink(f"/proc/{pid}/ns/user"), os.readlink(f"/proc/{pid}/ns/net"), "0",
        ]  # fmt: skip
        joined[-1]["path"] = "/proc/self/ns/net"
        with pytest.raises(RockerError, match="join Network namespace") as caught:
            run(document("true", namespaces=joined), engine_roots, busybox_rootfs)
        assert "belongs to another user namespace" in str(caught.value.hint)
        first.signal(9)
        first.communicate(None)


@pytest.mark.parametrize(
    ("linux", "mount", "why"),
    [
        ({"namespaces": [{"type": "mount"}]}, None, "need a namespace of the type `user`"),
        ({"uidMappings": []}, None, "uidMappings: a user namespace needs at least one"),
        (
            {"gidMappings": [{"containerID": 0, "hostID": 1, "size": 0}]},
            None,
            "gidMappings: a size of 0 maps nothing",
        ),
        ({"uidMappings": [*IDS, {"containerID": 3, "hostID": 9, "size": 1}]}, None, "overlaps another one"),
        ({"uidMappings": IDS[1:]}, None, "lack user or group 0"),
        ({}, {"uidMappings": IDS, "gidMappings": IDS}, "need its option `idmap` or `ridmap`"),
        ({}, {"type": "tmpfs", "options": ["idmap"]}, "is for binds, volumes and images"),
        (
            {},
            {"options": ["bind", "idmap"], "uidMappings": IDS},
            "gidMappings: a user namespace needs at least one",
        ),
        ({}, {"options": ["bind", "idmap"], "source": "/proc/self"}, "cannot be id-mapped"),
    ],
)
def test_what_is_wrong_with_mappings_is_said(
    engine_roots: EngineRoots,
    busybox_rootfs: Path,
    source: Path,
    linux: dict[str, Any],
    mount: dict[str, Any] | None,
    why: str,
) -> None:
    spec = document("true", **linux)
    if mount is not None:
        spec["mounts"].append(bind(source) | mount)
    with pytest.raises(RockerError, match=why):
        run(spec, engine_roots, busybox_rootfs)


def test_idmap_without_any_mappings_is_refused(
    engine_roots: EngineRoots, busybox_rootfs: Path, source: Path
) -> None:
    spec = plain("true")
    spec["mounts"].append(bind(source, "idmap"))
    with pytest.raises(InvalidArgumentError, match="needs mappings, or a container in a user namespace"):
        run(spec, engine_roots, busybox_rootfs)
