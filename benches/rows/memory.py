"""Memory of what stays resident for a container: proportional set size, /proc/PID/smaps_rollup (proc(5))."""

from pathlib import Path

from benches.measure import Result
from benches.rows.bench import Bench


def measure(bench: Bench) -> list[Result]:
    """The group's rows."""
    results = []
    with bench.all_running() as names:
        for contender, name in names.items():
            for what, pids in contender.helpers(name).items():
                result = Result(f"memory (PSS) of {what}", contender.name, "once", "KB")
                result.samples.append(float(sum(map(pss, pids))))
                results.append(result)
    return results


def pss(pid: int) -> int:
    """Kilobytes that this process uses, its share of shared pages included; 0 when it has gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
