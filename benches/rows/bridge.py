"""On the default bridge with one published port: a start, and starts a second, four at a time."""

from functools import partial

from benches.contenders.base import Contender
from benches.measure import Result
from benches.rows import throughput
from benches.rows.bench import Bench

ROW = "run --rm on a bridge"
THROUGHPUT = "starts a second on a bridge, four at a time"


def measure(bench: Bench) -> list[Result]:
    """The group's rows. Beside them `run --rm` without a network, in the same turns: what a network costs."""
    able = [one for one in bench.contenders if type(one).run_published is not Contender.run_published]
    actions = {one.name: partial(one.run_published, "true") for one in able}
    results = bench.interleave(ROW, dict(actions), "idle", "burst")
    without = {one.name: partial(one.run, "true") for one in able if one.name.startswith("rocker")}
    results += bench.interleave(f"{ROW}: without a network", dict(without), "burst")
    return results + throughput.sample(bench, THROUGHPUT, dict(actions))
