"""Timing: contenders take turns, so that what the machine does meanwhile meets all of them alike."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

GAP = 0.1
"""Seconds between two measurements of an idle row: longer than an RCU grace period, which bursts hide."""

Mode = Literal["idle", "burst", "once"]


@dataclass
class Result:
    """What one contender did in one row: samples in `unit`."""

    row: str
    contender: str
    mode: Mode
    unit: str = "ms"
    samples: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def p50(self) -> float:
        return quantile(self.samples, 0.5)

    @property
    def p90(self) -> float:
        return quantile(self.samples, 0.9)

    @property
    def mean(self) -> float:
        return statistics.fmean(self.samples)


def quantile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that `share` of all do not exceed; interpolated between neighbours."""
    ordered = sorted(samples)
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def interleave(
    row: str, actions: Mapping[str, Callable[[], object]], rounds: int, mode: Mode
) -> list[Result]:
    """Time each action `rounds` times, in turns, after a first call that is not counted.

    A contender that fails drops out with a note. In a burst each action is repeated, in blocks of five,
    because contenders that alternate would give each other the gaps that a burst must not have.
    """
    results = {name: Result(row, name, mode) for name in actions}
    alive = {name: action for name, action in actions.items() if _timed(results[name], action, count=False)}
    block = 1 if mode == "idle" else min(5, rounds)
    for _ in range(-(-rounds // block)):
        for name, action in list(alive.items()):
            for _ in range(block):
                if mode == "idle":
                    time.sleep(GAP)
                if not _timed(results[name], action):
                    alive.pop(name, None)
                    break
    return list(results.values())


def _timed(result: Result, action: Callable[[], object], *, count: bool = True) -> bool:
    begin = time.perf_counter_ns()
    try:
        action()
    except Exception as error:  # noqa: BLE001 -- one contender's failure must not end the others' rows
        result.note = f"{type(error).__name__}: {error}".strip()[:200]
        return False
    if count:
        result.samples.append((time.perf_counter_ns() - begin) / 1e6)
    return True


def execute(argv: Sequence[str], *, expect: int = 0, environment: Mapping[str, str] | None = None) -> None:
    """Run a program to its end by the cheapest means Python has (vfork), its output thrown away."""
    pid = os.posix_spawnp(
        argv[0],
        list(argv),
        {**os.environ, **(environment or {})},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ],
    )
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code != expect:
        raise RuntimeError(f"{' '.join(argv)} ended with {code}")


def output(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout: float = 300,
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """Run a program and return what it wrote to its standard output; its errors are the exception's text."""
    done = subprocess.run(
        argv,
        input=stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return done.stdout
