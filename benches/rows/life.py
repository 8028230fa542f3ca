"""create, start, stop and rm, each for itself. The container leaves at once when asked to."""

import time
from collections.abc import Callable

from benches.contenders.base import Contender, Unsupported, unique
from benches.measure import GAP, Result
from benches.rows.bench import Bench

OBEDIENT = ("sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait")
STEPS = ("create", "start", "stop", "rm")


def measure(bench: Bench) -> list[Result]:
    """The group's rows."""
    results = {(step, one): Result(step, one.name, "idle") for step in STEPS for one in bench.contenders}
    for _ in range(max(2, bench.rounds // 2)):
        for contender in bench.contenders:
            try:
                _once(contender, {step: results[step, contender] for step in STEPS})
            except Unsupported as error:
                results["create", contender].note = str(error)
            except Exception as error:  # noqa: BLE001 -- one contender's failure must not end the others' rows
                results["create", contender].note = f"{type(error).__name__}: {error}"[:200]
    return [result for result in results.values() if result.samples or not result.note.endswith("no create")]


def _once(contender: Contender, results: dict[str, Result]) -> None:
    name = unique()
    steps: dict[str, Callable[[], None]] = {
        "create": lambda: contender.create(name, *OBEDIENT),
        "start": lambda: contender.start(name),
        "stop": lambda: contender.stop(name),
        "rm": lambda: contender.remove(name),
    }
    for step, action in steps.items():
        time.sleep(GAP)
        begin = time.perf_counter_ns()
        action()
        results[step].samples.append((time.perf_counter_ns() - begin) / 1e6)
