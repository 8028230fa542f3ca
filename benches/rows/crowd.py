"""A start, and a list of all, while 0, 100 and 1,000 others run. Only rocker: the peers would need an hour for it."""

import sys
from collections.abc import Callable
from functools import partial

from benches.contenders.base import Contender, unique
from benches.contenders.rocker import RockerApi
from benches.measure import Result, execute
from benches.rows.bench import Bench
from benches.rows.memory import pss

SIZES = (0, 100, 1000)
SMALL = 20
"""Rounds below which the crowd is a tenth: a trial of the bench, not a measurement."""


def measure(bench: Bench) -> list[Result]:
    """The group's rows."""
    return [result for contender in bench.peers("rocker API") for result in _grow(bench, contender)]


def _ps(bench: Bench, contender: Contender, count: int) -> list[Result]:
    """The command from a shell, without workers, beside what Python takes to start and end."""
    assert isinstance(contender, RockerApi)
    python = [sys.executable, "-I", "-c", "pass"]
    cold = {"ROCKER_WARM": "0"}
    actions: dict[str, Callable[[], object]] = {
        "rocker cold": partial(execute, [*contender.command, "ps"], environment=cold),
        "python": partial(execute, python),
    }
    return bench.interleave(f"ps of {count:,} running", actions, "idle")


def _grow(bench: Bench, contender: Contender) -> list[Result]:
    names: list[str] = []
    results: list[Result] = []
    try:
        for size in SIZES:
            wanted = size if bench.rounds >= SMALL else size // 10
            while len(names) < wanted:
                name = unique()
                contender.create(name, "sleep", "100000")
                names.append(name)
                contender.start(name)
            results += bench.interleave(
                f"run --rm with {wanted:,} running",
                {contender.name: partial(contender.run, "true")},
                "idle",
                "burst",
            )
            results += bench.interleave(
                f"list of {wanted:,} running", {contender.name: contender.list_all}, "idle"
            )
        results += _ps(bench, contender, len(names))
        shims = contender.helpers(names[0])["shim, one a container"]
        memory = Result(f"memory (PSS) of one shim of {len(names):,}", contender.name, "once", "KB")
        memory.samples.append(float(sum(map(pss, shims))))
        results.append(memory)
    finally:
        for name in names:
            contender.remove(name)
    return results
