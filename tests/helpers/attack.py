"""What attacks are made of: canaries, hostile trees, programs in C, and an engine whose results are easy to read."""

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rocker
from helpers.engine import EngineRoots
from rocker.errors import RockerError

BUSYBOX = Path("/bin/busybox")
SECRET = "canary-0c9c1f0a"
APPLETS = (
    "cat", "cp", "dd", "echo", "env", "false", "find", "grep", "head", "id", "kill", "ln", "ls", "mkdir", "mknod",
    "mount", "mv", "ps", "pwd", "readlink", "rm", "sed", "seq", "sh", "sleep", "stat", "sync", "test", "touch", "true",
    "umount", "wc", "xargs",
)  # fmt: skip
HOST_FILES = (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sys/net/ipv4/ip_default_ttl",
)


SWAP = r"""
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <linux/fs.h>
int main(int count, char **names) {  /* A B STOP: exchanges A and B until STOP is there, says how often */
    unsigned long swaps = 0;
    if (count != 4) return 2;
    puts("swapping"); fflush(stdout);
    while (access(names[3], F_OK))
        for (int n = 0; n < 64; n++)
            swaps += !syscall(SYS_renameat2, AT_FDCWD, names[1], AT_FDCWD, names[2], RENAME_EXCHANGE);
    printf("%lu\n", swaps);
    return 0;
}
"""


class Canary:
    """A directory of the host that no attack may read, change or mount on; `intact` says whether all is as it was."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(mode=0o755)
        (directory / "file").write_text(SECRET + "\n")
        (directory / "deep").mkdir(mode=0o700)
        (directory / "deep" / "file").write_text(SECRET + "\n")
        (directory / "link").symlink_to("file")
        self._before = self._look()

    @property
    def changes(self) -> list[str]:
        """Lines that tell what is not as it was."""
        now = self._look()
        return [
            f"{name}: {self._before.get(name)} -> {now.get(name)}"
            for name in sorted(self._before.keys() | now.keys())
            if self._before.get(name) != now.get(name)
        ]

    def _look(self) -> dict[str, str]:
        found = {path: Path(path).read_text() for path in HOST_FILES}
        runtime = Path(rocker.__file__).parent / "_bin" / "rocker-runtime"
        found["the runtime"] = hashlib.sha256(runtime.read_bytes()).hexdigest()
        for path in (self.directory, *sorted(self.directory.rglob("*"))):
            status = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(status.st_mode) else ""
            times = status.st_mtime_ns, status.st_ctime_ns
            found[str(path)] = f"{status.st_mode:o} {status.st_uid}:{status.st_gid} {times} {content}"
        mounts = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
        found["mounts"] = "\n".join(line for line in mounts if f"{self.directory}" in line)
        return found


class Box:
    """Containers on one test's roots. `run` returns the result, `refused` the error that there must be."""

    def __init__(self, roots: EngineRoots, tree: Path) -> None:
        self.roots = roots
        self.tree = tree
        self.engine = rocker.Engine(roots.root, roots.run)

    def close(self) -> None:
        """Remove what still runs, so that a failed test shows its own failure and no leaks."""
        for container in self.engine.containers.list(all=True):
            container.remove(force=True)
        self.engine.close()

    def run(self, *command: str, **options: Any) -> Any:
        """Run to the end, in the busybox tree unless an image or another tree is given."""
        return self.engine.run(command=command, **self._with_root(options))

    def sh(self, script: str, **options: Any) -> Any:
        """Run a script of the shell."""
        return self.run("sh", "-c", script, **options)

    def start(self, *command: str, **options: Any) -> Any:
        """Start in the background; it is removed when the test ends."""
        options.setdefault("timeout", None)
        return self.engine.run(command=command, detach=True, **self._with_root(options))

    def refused(self, *command: str, **options: Any) -> RockerError:
        """The error with which the engine refuses it; nothing of it may be left."""
        try:
            result = self.run(*command, **options)
        except RockerError as error:
            assert self.engine.containers.list(all=True) == []
            return error
        raise AssertionError(f"not refused: {options} ran: {result}")

    def _with_root(self, options: dict[str, Any]) -> dict[str, Any]:
        if "image" not in options and "rootfs" not in options:
            options["rootfs"] = str(self.tree)
        options.setdefault("timeout", 20)
        return options

    def load(self, archive: Path | bytes) -> None:
        """Load an image archive; an error fails the test."""
        self.roots.cli(
            "load", stdin=archive if isinstance(archive, bytes) else archive.read_bytes(), check=True
        )


def make_tree(path: Path, applets: Sequence[str] = APPLETS) -> Path:
    """A root file system of one busybox, with nothing in it that an image is free to lack."""
    (path / "bin").mkdir(parents=True)
    shutil.copy(BUSYBOX, path / "bin" / "busybox")
    for name in applets:
        (path / "bin" / name).symlink_to("busybox")
    (path / "tmp").mkdir(mode=0o777)
    return path


def compile_c(source: str, directory: Path, name: str) -> Path:
    """A static program; C11 with GNU extensions, for what a shell cannot say."""
    file = directory / f"{name}.c"
    file.write_text(source)
    program = directory / name
    subprocess.run(
        ["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-static", "-o", program, file], check=True, timeout=120
    )
    return program


def layer(entries: Sequence[tarfile.TarInfo | tuple[str, bytes]]) -> bytes:
    """A tar of these entries; a pair is a file of mode 0755."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
            else:
                header = tarfile.TarInfo(entry[0])
                header.size, header.mode = len(entry[1]), 0o755
                archive.addfile(header, io.BytesIO(entry[1]))
    return out.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    """A symbolic link, or another entry of that kind."""
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, target
    return header


def base_layer() -> bytes:
    """busybox and its names."""
    return layer(
        [("bin/busybox", BUSYBOX.read_bytes()), *(link(f"bin/{name}", "busybox") for name in APPLETS)]
    )


def _member(name: str, data: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    header = tarfile.TarInfo(name)
    header.size, header.mtime = len(data), 1_600_000_000
    for field, value in fields.items():
        setattr(header, field, value)
    return header, data


def data_layer() -> bytes:
    """`/data` of user 405, mode 0750, with a file, a set-user-ID program, a link, two names of one file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for header, data in (
            _member("data", type=tarfile.DIRTYPE, mode=0o750, uid=405, gid=100),
            _member("data/file", b"content", mode=0o640, uid=405, gid=100),
            _member("data/program", b"#!/bin/sh", mode=0o4755),
            _member("data/link", type=tarfile.SYMTYPE, linkname="file"),
            _member("data/deep/er", type=tarfile.DIRTYPE, mode=0o700),
            _member("link", type=tarfile.SYMTYPE, linkname="/data"),
        ):
            archive.addfile(header, io.BytesIO(data))
    return out.getvalue()


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def docker_archive(
    layers: Sequence[bytes], tag: str, config: Mapping[str, object] | None = None, **more: object
) -> bytes:
    """A docker-archive of one image; `config` is its `config`, `more` goes beside that."""
    document = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"], **(config or {})},
            "rootfs": {"type": "layers", "diff_ids": [digest(data) for data in layers]},
            **more,
        }
    ).encode()
    name = digest(document)[7:] + ".json"
    files = {f"l{number}/layer.tar": data for number, data in enumerate(layers)}
    manifest = [{"Config": name, "RepoTags": [tag], "Layers": list(files)}]
    return layer([*files.items(), (name, document), ("manifest.json", json.dumps(manifest).encode())])


def others_can_enter(path: Path) -> None:
    """Let every user reach `path`: pytest's own directories are 0700."""
    for parent in (path, *path.parents):
        if parent.stat().st_uid == os.geteuid() and str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o711)
