"""Root file systems and image archives, made once from Debian's packages and kept in .cache/."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
CACHE = REPOSITORY / ".cache"
BUSYBOX = Path("/bin/busybox")
FORM = 1  # to be raised when what is built below changes

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
guest:x:405:100:guest:/home/guest:/bin/sh
"""
GROUP = "root:x:0:\naudio:x:29:guest\nusers:x:100:\nnogroup:x:65534:\n"


def busybox_rootfs() -> Path:
    """A directory with a static busybox under all its names, and a user `guest` (405:100)."""
    return _busybox() / "rootfs"


def busybox_tar() -> Path:
    """The same as a tar of the root file system, for `rocker import`."""
    return _busybox() / "rootfs.tar"


def busybox_image() -> Path:
    """The same as a docker-archive of the image `busybox:latest`, for `rocker load`."""
    return _busybox() / "image.tar"


def debian_tar() -> Path:
    """A minimal Debian as a tar of its root file system: 170 MB, 20 seconds the first time."""
    file = CACHE / "debian.tar"
    subprocess.run([REPOSITORY / "scripts" / "debian-tar", file], check=True, timeout=600)
    return file


def _busybox() -> Path:
    """The cached directory; made beside its name and renamed, so that it is whole whenever it is there."""
    if not BUSYBOX.exists():
        subprocess.run([REPOSITORY / "scripts" / "apt-install", "busybox-static"], check=True, timeout=600)
    digest = hashlib.sha256(BUSYBOX.read_bytes()).hexdigest()[:12]
    directory = CACHE / f"busybox-{FORM}-{digest}"
    if not directory.exists():
        CACHE.mkdir(exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=CACHE, prefix="part-"))
        part.chmod(0o755)
        _make_rootfs(part / "rootfs")
        _make_tar(part / "rootfs", part / "rootfs.tar")
        _make_image(part / "rootfs.tar", part / "image.tar")
        try:
            part.rename(directory)
        except OSError:  # another test run was faster
            shutil.rmtree(part)
    return directory


def _make_rootfs(root: Path) -> None:
    for name in ("bin", "dev", "etc", "home/guest", "proc", "root", "run", "sys", "tmp", "usr", "var/tmp"):
        (root / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    os.chown(root / "home/guest", 405, 100)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text(GROUP)
    (root / "etc/os-release").write_text('ID=busybox\nPRETTY_NAME="BusyBox of the tests"\n')


def _make_tar(root: Path, file: Path) -> None:
    def fixed(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime = 1_700_000_000
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(file, "w") as tar:
        for path in sorted(root.rglob("*")):
            tar.add(path, path.relative_to(root).as_posix(), recursive=False, filter=fixed)


def _make_image(layer: Path, file: Path) -> None:
    content = layer.read_bytes()
    diff_id = hashlib.sha256(content).hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2023-11-14T22:13:20Z",
        "config": {"Env": ["PATH=/bin:/usr/bin"], "Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
        "history": [{"created": "2023-11-14T22:13:20Z", "created_by": "busybox-static of Debian"}],
    }
    config_bytes = json.dumps(config).encode()
    config_name = hashlib.sha256(config_bytes).hexdigest() + ".json"
    manifest = [{"Config": config_name, "RepoTags": ["busybox:latest"], "Layers": [f"{diff_id}/layer.tar"]}]
    with tarfile.open(file, "w") as tar:
        for name, data in [
            (f"{diff_id}/layer.tar", content),
            (config_name, config_bytes),
            ("manifest.json", json.dumps(manifest).encode()),
        ]:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
