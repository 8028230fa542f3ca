"""A container from nothing to gone: `run --rm busybox true`."""

from functools import partial

from benches.measure import Result
from benches.rows.bench import Bench

ROW = "run --rm"


def measure(bench: Bench) -> list[Result]:
    """The group's rows."""
    actions = {contender.name: partial(contender.run, "true") for contender in bench.contenders}
    return bench.interleave(ROW, dict(actions), "idle", "burst")
