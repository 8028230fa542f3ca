"""The Debian image imported from a tar, and loaded from an archive, beside what unpacking and hashing that costs."""

import hashlib
import io
import json
import platform
import shutil
import tarfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benches.contenders.base import Contender
from benches.measure import Result, execute
from benches.rows.bench import Bench

PLAIN = "tar -x and sha256sum"
NAME = "bench-debian:latest"

Step = tuple[Callable[[], None], Callable[[], None]]
"""What is timed, and what removes its outcome."""


def measure(bench: Bench) -> list[Result]:
    """The group's rows. What is made is removed after the clock has stopped."""
    archive = bench.state / "debian-archive.tar"
    _write_archive(bench.debian_tar, archive)
    importing = {PLAIN: _plain(bench, bench.debian_tar)}
    # An archive holds the layer as a file, which is unpacked in its turn.
    loading = {PLAIN: _plain(bench, archive, "layer.tar")}
    for one in bench.contenders:
        if type(one).load_image is not Contender.load_image:
            remove = partial(one.remove_image, NAME)
            importing[one.name] = (partial(one.import_image, bench.debian_tar, NAME), remove)
            loading[one.name] = (partial(one.load_image, archive), remove)
    try:
        return _turns(bench, "import Debian", importing) + _turns(bench, "load Debian", loading)
    finally:
        archive.unlink()


def _turns(bench: Bench, row: str, steps: dict[str, Step]) -> list[Result]:
    results = {name: Result(row, name, "idle") for name in steps}
    for _ in range(max(2, bench.rounds // 10)):
        for name, (make, remove) in steps.items():
            _once(results[name], make, remove)
    return list(results.values())


def _once(result: Result, make: Callable[[], None], remove: Callable[[], None]) -> None:
    try:
        begin = time.perf_counter_ns()
        make()
        result.samples.append((time.perf_counter_ns() - begin) / 1e6)
        remove()
    except Exception as error:  # noqa: BLE001 -- one contender's failure must not end the others' rows
        result.note = f"{type(error).__name__}: {error}"[:200]


def _plain(bench: Bench, archive: Path, member: str | None = None) -> Step:
    directory = bench.state / "unpacked"
    source = f"tar -xO -f {archive} {member}" if member else f"cat {archive}"
    script = f"{source} | tar -x -p --xattrs -C {directory} && sha256sum {archive}"

    def unpack() -> None:
        directory.mkdir(parents=True)
        execute(["sh", "-c", script])

    return unpack, partial(shutil.rmtree, directory)


def _write_archive(layer: Path, target: Path) -> None:
    """An image of this one layer, as `docker save` writes it."""
    with layer.open("rb") as file:
        diff_id = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    config = {
        "architecture": {"aarch64": "arm64"}.get(platform.machine(), "amd64"),
        "os": "linux",
        "config": {"Cmd": ["/bin/bash"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "benchmark"}],
    }
    manifest = [{"Config": "config.json", "RepoTags": [NAME], "Layers": ["layer.tar"]}]
    with tarfile.open(target, "w") as archive:
        for name, document in (("config.json", config), ("manifest.json", manifest)):
            content = json.dumps(document).encode()
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
        archive.add(layer, "layer.tar")
