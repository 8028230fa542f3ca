"""T10 to T13: layers and archives from a stranger, through `load` and `import`; more of them in layers/README.md."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import resource
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from helpers.attack import base_layer, digest, docker_archive, layer, link

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.attack import Box, Canary


def hard(name: str, target: str) -> tarfile.TarInfo:
    return link(name, target, tarfile.LNKTYPE)


def hostile(out: str) -> dict[str, tuple[list, str]]:
    """Entries, and what the refusal says; an empty text for what is applied, but inside."""
    return {
        "dots": ([("../../../../evil", b"x")], "leads out"),
        "dots after": ([("a/../../evil", b"x")], "leads out"),
        "absolute": ([(f"{out}/evil", b"x")], ""),
        "through a link": ([link("l", out), ("l/evil", b"x"), ("l/file", b"x")], ""),
        "through dots": ([link("l", f"../../../../../../../..{out}"), ("l/evil", b"x")], ""),
        "root is a link": ([link(".", out), ("evil", b"x")], "not a directory"),
        "hard link out": ([hard("h", f"{out}/file"), ("h", b"x")], "missing"),
        "hard link by dots": ([hard("h", f"../../../../..{out}/file")], "leads out"),
        "hard link by a link": ([link("l", out), hard("h", "l/file"), ("h", b"x")], "missing"),
        "whiteout by dots": ([("../../.wh.canary", b"")], "leads out"),
        "whiteout of dots": ([("d/.wh...", b"")], "no valid name"),
        "opaque through a link": ([link("l", out), ("l/.wh..wh..opq", b"")], ""),
        "mode through a link": ([link("l", f"{out}/deep"), link("l/.", "", tarfile.DIRTYPE)], ""),
        "device over a link": ([link("l", f"{out}/file"), link("l", "", tarfile.FIFOTYPE)], ""),
        "loop": ([link("a", "b"), link("b", "a"), ("a/x", b"")], "too many symbolic links"),
        "NUL": ([("ok", b"x"), link("l", "")], "symbolic link"),
    }


@pytest.mark.attack("T10")
@pytest.mark.parametrize("way", ["load", "import"])
@pytest.mark.parametrize("case", list(hostile("")))
def test_a_hostile_layer_lands_inside_or_nowhere(box: Box, canary: Canary, case: str, way: str) -> None:
    entries, text = hostile(str(canary.directory))[case]
    data = layer(entries)
    if way == "load":
        done = box.roots.cli("load", stdin=docker_archive([base_layer(), data], "hostile:1"))
    else:
        done = box.roots.cli("import", "-", "hostile:1", stdin=data)
    assert "Traceback" not in done.stderr
    if not text:
        assert done.returncode == 0, done.stderr
        assert canary.changes == []
        box.roots.cli("rmi", "hostile:1", check=True)
        return
    assert done.returncode != 0
    assert text in done.stderr, done.stderr
    assert box.roots.cli("images", "-aq").stdout == ""
    assert list((box.roots.root / "layers").rglob("evil")) == []
    assert list((box.roots.root / "tmp").iterdir()) == []


@pytest.mark.attack("T10")
def test_overlays_own_attributes_of_a_layer_are_dropped(box: Box) -> None:
    """`trusted.overlay.redirect` and `.metacopy` would show other files of the host's file system."""
    entry = tarfile.TarInfo("d")
    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    entry.pax_headers = {
        "SCHILY.xattr.trusted.overlay.redirect": "/../../../../etc",
        "SCHILY.xattr.trusted.overlay.opaque": "y",
        "SCHILY.xattr.user.overlay.redirect": "/etc",
        "SCHILY.xattr.user.kept": "1",
    }
    box.load(docker_archive([base_layer(), layer([entry])], "overlay:1"))
    found = [path for path in (box.roots.root / "layers").rglob("d") if path.is_dir()]
    names = {name for path in found for name in os.listxattr(path)}
    assert "user.kept" in names
    assert not [name for name in names if "overlay" in name]


def pax_size(header: int, real: int, inner: bytes) -> bytes:
    """A file whose PAX header says `real` and whose own header says `header`; then another file."""
    record = f"size={real}\n"
    length = len(record) + 3
    record = f"{length + (len(str(length)) - 2)} {record}"
    pax = tarfile.TarInfo("PaxHeader/x")
    pax.type, pax.size = tarfile.XHDTYPE, len(record)
    entry = tarfile.TarInfo("inner")
    entry.size = header
    last = tarfile.TarInfo("last")

    def block(data: bytes) -> bytes:
        return data + bytes(-len(data) % 512)

    return (
        pax.tobuf(tarfile.USTAR_FORMAT) + block(record.encode()) + entry.tobuf(tarfile.USTAR_FORMAT)
        + block(inner) + last.tobuf(tarfile.USTAR_FORMAT) + bytes(1024)
    )  # fmt: skip


def sample(case: str) -> bytes:
    inner = layer([("hidden", b"x")])
    match case:
        case "size 0":
            return pax_size(0, len(inner), inner)
        case "size less":
            return pax_size(512, len(inner), inner)
        case "size more":
            return pax_size(len(inner) * 2, len(inner), inner)
        case "size equal":
            return pax_size(len(inner), len(inner), inner)
    out = io.BytesIO()
    form = {"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT, "ustar": tarfile.USTAR_FORMAT}[
        case.split(maxsplit=1)[0]
    ]
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        long = "long/" + "n" * (90 if "ustar" in case else 200)
        for name in ("a", long, "ü", "b" * 99, "c" * 100):
            entry = tarfile.TarInfo(name)
            entry.size = 3
            archive.addfile(entry, io.BytesIO(b"abc"))
        archive.addfile(link("to", "t" * 99))
        archive.addfile(hard("hard", "a"))
    return out.getvalue()


@pytest.mark.attack("T11")
@pytest.mark.parametrize("case", ["size 0", "size less", "size more", "size equal", "gnu", "pax", "ustar"])
def test_the_layer_has_the_files_that_gnu_tar_sees_or_is_refused(box: Box, tmp_path: Path, case: str) -> None:
    data = sample(case)
    done = box.roots.cli("import", "-", "x:1", stdin=data)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    gnu = subprocess.run(["tar", "-xf", "-", "-C", theirs], input=data, capture_output=True, check=False)
    if done.returncode:
        assert "layer" in done.stderr or "archive" in done.stderr, done.stderr
        assert case.startswith("size"), done.stderr
        return
    assert gnu.returncode == 0, gnu.stderr
    (ours,) = [
        path.parent for path in (box.roots.root / "layers").rglob("inner" if "size" in case else "hard")
    ]

    def look(root: Path) -> list[tuple[str, bytes]]:
        return sorted(
            (str(path.relative_to(root)), os.readlink(path).encode() if path.is_symlink() else path.read_bytes())
            for path in root.rglob("*") if not path.is_dir() or path.is_symlink()
        )  # fmt: skip

    assert look(ours) == look(theirs)
    assert not list(ours.rglob("hidden"))


def bomb(kind: str, size: int) -> bytes:
    """A tar of one file of zeros, `size` bytes, compressed: a unit of it, repeated."""
    entry = tarfile.TarInfo("zeros")
    entry.size = size
    unit = 64 << 20
    head = entry.tobuf(tarfile.GNU_FORMAT)
    if kind == "gzip":
        return gzip.compress(head) + gzip.compress(bytes(unit)) * (size // unit)
    if kind == "xz":
        return lzma.compress(head) + lzma.compress(bytes(unit)) * (size // unit)
    pack = ["zstd", "-qc", "-19"]
    first, rest = (
        subprocess.run(pack, input=data, capture_output=True, check=True).stdout
        for data in (head, bytes(unit))
    )
    return first + rest * (size // unit)


@pytest.mark.attack("T12")
@pytest.mark.parametrize("way", ["layer", "archive", pytest.param("import", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "kind", ["gzip", pytest.param("zstd", marks=pytest.mark.slow), pytest.param("xz", marks=pytest.mark.slow)]
)
def test_a_decompression_bomb_is_refused_within_bounds(box: Box, kind: str, way: str) -> None:
    """8 GiB of zeros come, of which no more than a little over 1 GiB may be unpacked."""
    if kind == "zstd" and shutil.which("zstd") is None:
        pytest.skip("needs zstd")
    data = bomb(kind, 8 << 30)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    if way == "layer":
        done = box.roots.cli("load", stdin=docker_archive([data], "bomb:1"))
    elif way == "import":
        done = box.roots.cli("import", "-", "bomb:1", stdin=data)
    else:
        done = box.roots.cli("load", stdin=data)
    assert done.returncode != 0
    assert "unpacks to more than 1000 times its size" in done.stderr or "digest" in done.stderr, done.stderr
    assert list((box.roots.root / "tmp").iterdir()) == []
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 60
    assert box.roots.cli("images", "-aq").stdout == ""


@pytest.mark.attack("T12")
def test_very_many_whiteouts_take_no_quadratic_time(box: Box) -> None:
    entries = [(f"d{number % 50}/.wh..wh..opq", b"") for number in range(100_000)]
    done = box.roots.cli("import", "-", "many:1", stdin=gzip.compress(layer(entries), 1), timeout=30)
    assert done.returncode == 0, done.stderr


@pytest.mark.attack("T12", "T13")
@pytest.mark.parametrize("kind", ["itself", "deep", "wide"])
def test_a_graph_of_indexes_is_bounded(box: Box, kind: str) -> None:
    index = "application/vnd.oci.image.index.v1+json"

    def document(*children: bytes) -> bytes:
        manifests = [{"mediaType": index, "digest": digest(child), "size": len(child)} for child in children]
        return json.dumps({"schemaVersion": 2, "mediaType": index, "manifests": manifests}).encode()

    blobs = [document()]
    for _ in range(20):
        blobs.append(document(*([blobs[-1]] * (10 if kind == "wide" else 1))))
    if kind == "itself":
        fake = "sha256:" + "0" * 64
        blobs = [
            json.dumps(
                {"schemaVersion": 2, "manifests": [{"mediaType": index, "digest": fake, "size": 1}]}
            ).encode()
        ]
    files = [(f"blobs/sha256/{digest(blob)[7:]}", blob) for blob in blobs]
    done = box.roots.cli(
        "load", stdin=layer([("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), ("index.json", blobs[-1]), *files]),
        timeout=30,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "index" in done.stderr, done.stderr


@pytest.mark.attack("T13")
@pytest.mark.parametrize(
    "name",
    ["../../../../etc/passwd", "/etc/passwd", "sha256:../../x", "sha256:" + "0" * 63, "md5:" + "0" * 32, "", "\0",
     "sha256:" + "0" * 64, "a" * 5000],
)  # fmt: skip
def test_a_digest_or_path_in_an_archive_is_never_a_path_of_the_host(
    box: Box, canary: Canary, name: str
) -> None:
    manifest = [{"Config": name, "RepoTags": ["x:1"], "Layers": [name]}]
    done = box.roots.cli("load", stdin=layer([("manifest.json", json.dumps(manifest).encode())]))
    assert done.returncode != 0
    assert done.stderr.startswith(("Error", "rocker")), done.stderr
    assert "archive" in done.stderr, done.stderr
    assert "root:x:0" not in done.stderr


@pytest.mark.attack("T07")
@pytest.mark.parametrize("packed", ["xz", "gzip", "zstd"])
def test_the_engine_runs_no_program_of_the_image_nor_of_the_current_directory(
    box: Box, canary: Canary, tmp_path: Path, packed: str
) -> None:
    """CVE-2014-9357, 2019-14271, 2022-1227, 2026-41567: xz, unpigz, ps, nsenter and libnss from the image."""
    marker = canary.directory / "ran"
    script = f"#!/bin/sh\necho ran >{marker}\n".encode()
    names = [
        "xz",
        "unpigz",
        "pigz",
        "gzip",
        "zstd",
        "tar",
        "nsenter",
        "ps",
        "sh2",
        "getent",
        "nft",
        "iptables",
        "modprobe",
    ]
    files = [
        (f"{top}/{name}", script)
        for name in names
        for top in ("sbin", "usr/bin", "usr/sbin", "usr/local/bin")
    ]
    files += [
        (f"{top}/libnss_files.so.2", script)
        for top in ("lib", "lib64", "usr/lib/x86_64-linux-gnu", "usr/lib")
    ]
    files += [("etc/ld.so.preload", b"/lib/libnss_files.so.2\n"), ("etc/passwd", b"root:x:0:0::/:/bin/sh\n")]
    here = tmp_path / "here"
    with tarfile.open(fileobj=io.BytesIO(layer(files))) as archive:
        archive.extractall(here)  # noqa: S202 -- made above
    for name in names:
        (here / name).write_bytes(script)
        (here / name).chmod(0o755)
    data = layer(files)
    data = {
        "xz": lzma.compress, "gzip": gzip.compress,
        "zstd": lambda plain: subprocess.run(["zstd", "-qc"], input=plain, capture_output=True, check=True).stdout,
    }[packed](data)  # fmt: skip
    document = docker_archive([base_layer(), layer(files)], "trojan:1")
    for arguments, stdin in [
        (["load"], document),
        (["import", "-", "packed:1"], data),
        (["run", "-d", "--name", "t", "trojan:1", "sleep", "1000"], b""),
        (["top", "t"], b""),
        (["exec", "-u", "root", "t", "true"], b""),
        (["logs", "t"], b""),
        (["stats", "--no-stream", "t"], b""),
        (["inspect", "t"], b""),
        (["pause", "t"], b""),
        (["unpause", "t"], b""),
        (["rm", "-f", "t"], b""),
        (["save", "-o", str(tmp_path / "saved.tar"), "trojan:1"], b""),
        (["rmi", "trojan:1"], b""),
        (["load", "-i", str(tmp_path / "saved.tar")], b""),
    ]:
        box.roots.cli(*arguments, stdin=stdin, cwd=here, check=True)
        assert not marker.exists(), arguments
