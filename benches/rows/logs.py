"""Log throughput with lines of 100 bytes: written, read back, and attached without a log."""

import subprocess
import time
from collections.abc import Callable

from benches.contenders.base import CommandContender, Contender, Unsupported, unique
from benches.measure import Result
from benches.rows.bench import Bench

LINE = "x" * 99
FULL = 200
"""Megabytes in a real measurement; a tenth in a trial."""

ROWS = ("written", "read back", "attached")


def flood(megabytes: int) -> tuple[str, ...]:
    """A command that writes so many megabytes of lines."""
    return ("sh", "-c", f"yes {LINE} | head -c {megabytes * 1_000_000}")


def measure(bench: Bench) -> list[Result]:
    """The group's rows."""
    real = bench.rounds >= 20  # noqa: PLR2004 -- as in rows/crowd.py
    results: list[Result] = []
    turns = []
    for contender in bench.peers("rocker", "podman", "docker", "docker29"):
        assert isinstance(contender, CommandContender)
        rows = {row: Result(f"log {row}", contender.name, "once", "MB/s") for row in ROWS}
        results += rows.values()
        turns.append((contender, rows))
    for _ in range(3 if real else 1):
        for contender, rows in turns:
            _one(contender, FULL if real else FULL // 10, rows)
    return results


def _one(contender: CommandContender, size: int, rows: dict[str, Result]) -> None:
    name = unique()
    driver = "k8s-file" if contender.name == "podman" else "json-file"
    # rocker's default keeps 3 files of 10 MiB; the others keep everything.
    bound = ["--log-opt", "max-size=-1"] if contender.name == "rocker" else []
    tail = [*contender.run_flags, contender.reference, *flood(size)]
    run = [*contender.client, "run"]
    detached = [*run, "--detach", "--name", name, "--log-driver", driver, *bound, *tail]
    attached = [*run, "--rm", "--log-driver", "none", *tail]
    try:
        _rate(rows["written"], size, lambda: _written(contender, name, detached))
        _rate(rows["read back"], size, lambda: _expect(contender, name, size))
        _rate(rows["attached"], size, lambda: _drain(contender, attached))
    except (Unsupported, RuntimeError, OSError) as error:
        for row in rows.values():
            row.note = row.note or str(error)[:200]
    finally:
        contender.remove(name)


def _written(contender: CommandContender, name: str, argv: list[str]) -> None:
    """As fast as the engine takes it from the pipe: no client is beside it."""
    contender.output(argv)
    contender.output([*contender.client, "wait", name])


def _expect(contender: Contender, name: str, size: int) -> None:
    got = contender.log(name)
    if got != size * 1_000_000:
        raise RuntimeError(f"{got} bytes came back instead of {size}000000")


def _drain(contender: CommandContender, argv: list[str]) -> None:
    with contender.start_process(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while process.stdout.read(1 << 20):
            pass


def _rate(result: Result, size: int, action: Callable[[], object]) -> None:
    begin = time.perf_counter()
    action()
    result.samples.append(size / (time.perf_counter() - begin))
