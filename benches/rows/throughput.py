"""Starts a second, four at a time."""

import time
from concurrent.futures import ThreadPoolExecutor

from benches.contenders.base import Contender
from benches.measure import Result
from benches.rows.bench import Bench

ROW = "starts a second, four at a time"
WORKERS = 4


def measure(bench: Bench) -> list[Result]:
    """The group's rows."""
    results = {one.name: Result(ROW, one.name, "burst", "/s") for one in bench.contenders}
    for _ in range(3):
        for contender in bench.contenders:
            _sample(contender, results[contender.name], bench.rounds)
    return list(results.values())


def _sample(contender: Contender, result: Result, rounds: int) -> None:
    count = max(WORKERS, rounds)
    if contender.name in {"docker", "podman"}:
        count = max(WORKERS, rounds // 5)
    try:
        begin = time.perf_counter()
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(lambda _: contender.run("true"), range(count)))
        result.samples.append(count / (time.perf_counter() - begin))
    except Exception as error:  # noqa: BLE001 -- one contender's failure must not end the others' rows
        result.note = f"{type(error).__name__}: {error}"[:200]
