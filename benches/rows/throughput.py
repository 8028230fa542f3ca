"""Starts a second, four at a time."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from benches.measure import Result
from benches.rows.bench import Bench

ROW = "starts a second, four at a time"
WORKERS = 4
SLOW = {"docker", "docker29", "podman"}
"""Those of whom a fifth of the starts is enough."""


def measure(bench: Bench) -> list[Result]:
    """The group's rows."""
    return sample(bench, ROW, {one.name: partial(one.run, "true") for one in bench.contenders})


def sample(bench: Bench, row: str, actions: Mapping[str, Callable[[], object]]) -> list[Result]:
    """Each action, again and again by four threads, three times in turns."""
    results = {name: Result(row, name, "burst", "/s") for name in actions}
    for _ in range(3):
        for name, action in actions.items():
            _sample(action, results[name], bench.rounds)
    return list(results.values())


def _sample(action: Callable[[], object], result: Result, rounds: int) -> None:
    count = max(WORKERS, rounds // 5 if result.contender in SLOW else rounds)
    try:
        begin = time.perf_counter()
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(lambda _: action(), range(count)))
        result.samples.append(count / (time.perf_counter() - begin))
    except Exception as error:  # noqa: BLE001 -- one contender's failure must not end the others' rows
        result.note = f"{type(error).__name__}: {error}"[:200]
