"""The Debian image imported from a tar, beside what unpacking and hashing that costs."""

import shutil
from functools import partial
from pathlib import Path

from benches.contenders.base import Contender
from benches.measure import Result, execute
from benches.rows.bench import Bench

ROW = "import Debian"


def measure(bench: Bench) -> list[Result]:
    """The group's rows."""
    able = [one for one in bench.contenders if type(one).load is not Contender.load]
    actions = {one.name: partial(_load, one, bench.debian_tar) for one in able}
    actions["tar -x and sha256sum"] = partial(_unpack, bench.debian_tar, bench.state / "unpacked")
    return bench.interleave(ROW, dict(actions), "idle", rounds=max(2, bench.rounds // 20))


def _load(contender: Contender, archive: Path) -> None:
    contender.load(archive, "bench-debian")
    contender.unload("bench-debian")


def _unpack(archive: Path, directory: Path) -> None:
    directory.mkdir(parents=True)
    execute(["sh", "-c", f"tar -x -p --xattrs -f {archive} -C {directory} && sha256sum {archive}"])
    shutil.rmtree(directory)
