"""One sample of a running container's counters."""

from functools import partial

from benches.contenders.base import Contender
from benches.measure import Result
from benches.rows.bench import Bench

ROW = "one stats sample"


def measure(bench: Bench) -> list[Result]:
    """The group's rows."""
    with bench.all_running() as names:
        able = {one: name for one, name in names.items() if type(one).stats is not Contender.stats}
        actions = {one.name: partial(one.stats, name) for one, name in able.items()}
        return bench.interleave(ROW, dict(actions), "idle", rounds=max(2, bench.rounds // 2))
