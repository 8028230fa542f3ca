# ruff: noqa: E501 -- shell scripts
"""CDI devices in real containers: nodes, mounts, environment, groups and hooks, from files of the test's own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from helpers.until import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    from helpers.engine import EngineRoots

NAME = "vendor.com/class=x"


@pytest.fixture
def specify(tmp_path: Path) -> Callable[..., list[str]]:
    """Write a specification with these edits; the global flags that find it."""

    def write(kind: str = "vendor.com/class", name: str = "x", **edits: Any) -> list[str]:
        directory = tmp_path / "cdi"
        directory.mkdir(exist_ok=True)
        document = {
            "cdiVersion": "0.8.0",
            "kind": kind,
            "containerEdits": {"env": ["COMMON=1"]},
            "devices": [{"name": name, "containerEdits": edits}],
        }
        (directory / "vendor.json").write_text(json.dumps(document))
        return ["--cdi-spec-dir", str(directory)]

    return write


def hook(path: Path, script: str, **members: Any) -> dict[str, Any]:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"hookName": "createContainer", "path": str(path), "args": [path.name, "argument"], **members}


def test_a_device_is_injected(
    box: Callable[..., CompletedProcess[str]], specify: Callable[..., list[str]], tmp_path: Path
) -> None:
    (tmp_path / "library").write_text("of the driver\n")
    flags = specify(
        deviceNodes=[{"path": "/dev/sub/nought", "hostPath": "/dev/zero", "fileMode": 0o640, "gid": 44}],
        mounts=[{"hostPath": str(tmp_path / "library"), "containerPath": "/lib/x.so", "options": ["ro", "bind"]}],
        env=["VENDOR=a b", "PATH=/bin"],
        additionalGids=[4711],
    )  # fmt: skip
    script = (
        "head -c 3 /dev/sub/nought | od -An -tx1; stat -c %a:%g /dev/sub/nought; cat /lib/x.so; "
        "touch /lib/x.so 2>&1; echo $VENDOR $COMMON; id -G"
    )
    done = box(*flags, "run", "--rm", "--device", NAME, "busybox", "sh", "-c", script)
    read_only = "touch: /lib/x.so: Read-only file system"
    groups = done.stdout.splitlines()[-1].split()
    assert (done.stdout.splitlines()[:-1], done.stderr) == (
        [" 00 00 00", "640:44", "of the driver", read_only, "a b 1"], "",
    )  # fmt: skip
    assert "4711" in groups
    # Without it none of that is there, and the device's numbers may not be used.
    plain = box("run", "--rm", "busybox", "sh", "-c", "ls /dev/sub; echo $COMMON")
    assert plain.stdout == "\n"


def test_gpus_are_kept_and_found_again_at_every_start(
    box: Callable[..., CompletedProcess[str]], specify: Callable[..., list[str]], engine_roots: EngineRoots
) -> None:
    flags = specify("nvidia.com/gpu", "all", env=["GPU=first"])
    box(
        *flags, "create", "--name", "one", "--gpus", "all", "--device", "nvidia.com/gpu=all", "busybox",
        "sh", "-c", "echo $GPU", check=True,
    )  # fmt: skip
    shown = box("inspect", "-f", "{{json .HostConfig.DeviceRequests}}", "one", check=True).stdout
    assert json.loads(shown) == [
        {"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}},
        {"Driver": "cdi", "Count": 0, "DeviceIDs": ["nvidia.com/gpu=all"], "Capabilities": None, "Options": None},
    ]  # fmt: skip
    assert box(*flags, "start", "-a", "one", check=True).stdout == "first\n"
    specify("nvidia.com/gpu", "all", env=["GPU=second"])
    engine_roots.root.joinpath("config.json").write_text(json.dumps({"cdi-spec-dirs": [flags[1]]}))
    assert box("start", "-a", "one", check=True).stdout == "second\n"
    assert "cdi: nvidia.com/gpu=all" in box("info", check=True).stdout


def test_what_cannot_be_resolved_makes_no_container(
    box: Callable[..., CompletedProcess[str]], specify: Callable[..., list[str]]
) -> None:
    flags = specify(env=["A=1"])
    for words, message in (
        (["--device", "vendor.com/class=y"], "CDI device injection failed: unresolvable CDI devices vendor.com/class=y"),
        (["--gpus", "all"], 'could not select device driver "" with capabilities: [[gpu]]'),
    ):  # fmt: skip
        done = box(*flags, "run", *words, "busybox", "true")
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr.startswith(f"rocker: {message}\nhint: ")
    done = box("run", "--gpus", "some", "busybox", "true")
    assert (done.returncode, 'invalid count (some): value must be either "all"' in done.stderr) == (125, True)
    assert box("ps", "-aq", check=True).stdout == ""


def test_hooks_complete_the_root_and_see_nothing_of_the_images_environment(
    box: Callable[..., CompletedProcess[str]], specify: Callable[..., list[str]], tmp_path: Path
) -> None:
    # As nvidia-cdi-hook does: the state on standard input names the bundle, whose config.json names the root.
    first = hook(
        tmp_path / "first",
        f'cat >state; bundle=$PWD; grep -q \'"path":"rootfs"\' config.json && grep -q "\\"bundle\\":\\"$bundle\\"" state && '
        f'cd rootfs && ln -s real etc/linked && env | grep -v -E "^(PWD|_|SHLVL|OLDPWD)=" >etc/seen; echo "$0 $1" >>etc/seen; '
        f"mount --bind {tmp_path}/shown etc/hosts; test ! -e {tmp_path}/hidden/x; ls {tmp_path} >etc/host",
        env=["OWN=1"],
    )  # fmt: skip
    second = hook(tmp_path / "second", "cat rootfs/etc/linked 2>&1 >/dev/null | cat >rootfs/etc/order")
    (tmp_path / "shown").write_text("mounted by a hook\n")
    flags = specify(hooks=[first, second])
    mounts = Path("/proc/self/mounts")
    before = mounts.read_text()
    script = "readlink /etc/linked; cat /etc/seen /etc/hosts; grep -c . /etc/host; wc -l </etc/order; ls /; mount | grep -c ."
    env = ["-e", "LD_PRELOAD=/evil.so", "-e", "OWN=image"]
    done = box(*flags, "run", "--rm", *env, "--device", NAME, "busybox", "sh", "-c", script)
    lines = done.stdout.splitlines()
    assert lines[:5] == ["real", "OWN=1", f"{tmp_path}/first argument", "mounted by a hook", "4"], done.stderr
    assert lines[5] == "1"
    assert "config.json" not in lines
    assert mounts.read_text() == before


def test_a_hook_that_fails_or_hangs_is_the_starts_failure(
    box: Callable[..., CompletedProcess[str]], specify: Callable[..., list[str]], tmp_path: Path
) -> None:
    for script, timeout, message in (
        ("echo trouble >&2; exit 3", None, "exit status 3: trouble"),
        ("kill -9 $$", None, "signal: SIGKILL:"),
        ("exec sleep 1000", 1, "it did not end within 1 s"),
    ):
        members = {"timeout": timeout} if timeout else {}
        flags = specify(hooks=[hook(tmp_path / "hook", script, **members)])
        done = box(*flags, "run", "--rm", "--device", NAME, "busybox", "true")
        wanted = f"error running createContainer hook #0 `{tmp_path}/hook`: {message}"
        assert (done.returncode, wanted in done.stderr) == (125, True), done.stderr
    os.unlink(tmp_path / "hook")
    done = box(*flags, "run", "--rm", "--device", NAME, "busybox", "true")
    assert "hook`: exit status 127: execve: No such file or directory" in done.stderr


def test_the_shim_runs_hooks_at_its_own_restarts(
    box: Callable[..., CompletedProcess[str]], specify: Callable[..., list[str]], tmp_path: Path
) -> None:
    counted = tmp_path / "counted"
    flags = specify(hooks=[hook(tmp_path / "hook", f"echo run >>{counted}")])
    box(
        *flags, "run", "-d", "--name", "again", "--restart", "on-failure:2", "--device", NAME, "busybox", "false",
        check=True,
    )  # fmt: skip
    shown = ("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "again")
    until(lambda: box(*shown, check=True).stdout == "exited 2\n")
    assert counted.read_text() == "run\n" * 3


def test_python_takes_the_same_names(
    engine_roots: EngineRoots, busybox_image: Path, specify: Callable[..., list[str]]
) -> None:
    import rocker

    directory = specify("amd.com/gpu", "0", env=["GPU=amd"])[1]
    with rocker.Engine(engine_roots.root, engine_roots.run, cdi_spec_dirs=[directory]) as engine:
        engine.images.load(busybox_image)
        shell = ["sh", "-c", "echo $GPU $COMMON"]
        assert engine.run("busybox", shell, gpus="all").stdout == b"amd 1\n"
        assert engine.run("busybox", shell, devices=["amd.com/gpu=0", "/dev/null"]).stdout == b"amd 1\n"
        with pytest.raises(rocker.RockerError, match=r"unresolvable CDI devices amd\.com/gpu=1"):
            engine.run("busybox", shell, devices=["amd.com/gpu=1"])
