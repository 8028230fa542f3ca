"""The Debian image imported from a tar, beside what unpacking and hashing that costs."""

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benches.contenders.base import Contender
from benches.measure import Result, execute
from benches.rows.bench import Bench

ROW = "import Debian"
PLAIN = "tar -x and sha256sum"


def measure(bench: Bench) -> list[Result]:
    """The group's rows. What is made is removed after the clock has stopped."""
    directory = bench.state / "unpacked"
    steps: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
        PLAIN: (partial(_unpack, bench.debian_tar, directory), partial(shutil.rmtree, directory)),
    }
    for one in bench.contenders:
        if type(one).load is not Contender.load:
            steps[one.name] = (
                partial(one.load, bench.debian_tar, "bench-debian"),
                partial(one.unload, "bench-debian"),
            )
    results = {name: Result(ROW, name, "idle") for name in steps}
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


def _unpack(archive: Path, directory: Path) -> None:
    directory.mkdir(parents=True)
    execute(["sh", "-c", f"tar -x -p --xattrs -f {archive} -C {directory} && sha256sum {archive}"])
