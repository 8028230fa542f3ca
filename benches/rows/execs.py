"""One more process in a running container: `exec NAME true`."""

from functools import partial

from benches.contenders.base import Contender
from benches.measure import Result
from benches.rows.bench import Bench

ROW = "exec"


def measure(bench: Bench) -> list[Result]:
    """The group's rows."""
    with bench.all_running() as names:
        able = {one: name for one, name in names.items() if type(one).execute is not Contender.execute}
        actions = {one.name: partial(one.execute, name, "true") for one, name in able.items()}
        return bench.interleave(ROW, dict(actions), "idle", "burst")
