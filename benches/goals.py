"""The goals, as comparisons between rows of one run."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benches.measure import Mode, Result


@dataclass(frozen=True)
class Verdict:
    """One line of the table: `met` is None when a row that it needs was not measured."""

    goal: str
    wanted: str
    got: str
    met: bool | None


def judge(results: Iterable[Result]) -> list[Verdict]:
    """All goals, in the order in which they are stated."""
    table = {(one.row, one.contender, one.mode): one.p50 for one in results if one.samples}

    def p50(row: str, contender: str, mode: Mode = "idle") -> float:
        return table[row, contender, mode]

    api, shell, cold = "rocker API", "rocker", "rocker cold"
    run, attached = "run --rm", "log attached"
    starts = "starts a second, four at a time"
    crowd = max(
        (row for row, _, _ in table if row.startswith("run --rm with")),
        key=lambda row: int(row.split()[3].replace(",", "")),
        default="",
    )
    # Of many: what all shims share counts for each in part, and for the only one whole.
    shim = next((row for row, _, _ in table if row.startswith("memory (PSS) of one shim of")), "")
    resident = next((row for row, _, _ in table if "template and workers" in row), "")
    goals: list[tuple[str, Callable[[], float], str, float]] = [
        ("API run --rm, idle, of crun", lambda: p50(run, api) / p50(run, "crun"), "<=", 0.15),
        ("API run --rm, idle, of podman", lambda: p50(run, api) / p50(run, "podman"), "<=", 1 / 48),
        ("API run --rm, idle, of docker", lambda: p50(run, api) / p50(run, "docker"), "<=", 1 / 80),
        ("API run --rm, idle, ms", lambda: p50(run, api), "<=", 4.5),
        ("API run --rm, idle / burst", lambda: p50(run, api) / p50(run, api, "burst"), "<=", 1.3),
        ("cold run --rm, idle, of crun", lambda: p50(run, cold) / p50(run, "crun"), "<=", 1),
        ("cold run --rm, idle, of podman", lambda: p50(run, cold) / p50(run, "podman"), "<=", 1 / 7),
        ("cold run --rm, idle, of docker", lambda: p50(run, cold) / p50(run, "docker"), "<=", 1 / 12),
        ("warm run --rm, idle, of crun", lambda: p50(run, shell) / p50(run, "crun"), "<=", 0.27),
        ("warm run --rm, idle, of podman", lambda: p50(run, shell) / p50(run, "podman"), "<=", 1 / 30),
        ("warm run --rm, idle, of docker", lambda: p50(run, shell) / p50(run, "docker"), "<=", 1 / 50),
        ("warm run --rm, burst, of crun", lambda: p50(run, shell, "burst") / p50(run, "crun", "burst"), "<=", 0.5),
        ("warm exec, idle, of docker", lambda: p50("exec", shell) / p50("exec", "docker"), "<=", 1 / 15),
        ("warm exec, idle, of podman", lambda: p50("exec", shell) / p50("exec", "podman"), "<=", 1 / 30),
        ("warm ps, idle, of docker", lambda: p50("ps", shell) / p50("ps", "docker"), "<=", 1 / 5),
        ("warm logs, idle, of docker", lambda: p50("logs", shell) / p50("logs", "docker"), "<=", 1 / 5),
        ("template and workers, PSS, KB", lambda: p50(resident, shell, "once"), "<=", 40 * 1024),
        ("starts a second through the API, of crun", lambda: p50(starts, api, "burst") / p50(starts, "crun", "burst"), ">=", 3),
        ("API exec, idle, ms", lambda: p50("exec", api), "<=", 1),
        ("API run --rm in the largest crowd, of none", lambda: p50(crowd, api) / p50("run --rm with 0 running", api), "<=", 1.5),
        ("list of the largest crowd, ms", lambda: p50(crowd.replace("run --rm with", "list of"), api), "<=", 50),
        ("shim, PSS, KB", lambda: p50(shim, api, "once"), "<=", 150),
        ("log written, of docker", lambda: _log(p50, "log written"), ">=", 6),
        ("log read back, of docker", lambda: _log(p50, "log read back"), ">=", 20),
        ("log attached, of docker", lambda: _log(p50, attached), ">=", 2),
        ("import Debian, of tar -x and sha256sum", lambda: p50("import Debian", api) / p50("import Debian", "tar -x and sha256sum"), "<=", 1),
        ("import Debian, of docker", lambda: p50("import Debian", api) / p50("import Debian", "docker"), "<=", 1),
        ("load Debian, of tar -x and sha256sum", lambda: p50("load Debian", api) / p50("load Debian", "tar -x and sha256sum"), "<=", 1),
        ("load Debian, of docker", lambda: p50("load Debian", api) / p50("load Debian", "docker"), "<=", 1),
    ]  # fmt: skip
    return [_verdict(*goal) for goal in goals]


def _log(p50: Callable[[str, str, Mode], float], row: str) -> float:
    return p50(row, "rocker", "once") / p50(row, "docker", "once")


def _verdict(goal: str, value: Callable[[], float], sign: str, limit: float) -> Verdict:
    wanted = f"{sign} {limit:.3g}"
    try:
        got = value()
    except KeyError:
        return Verdict(goal, wanted, "not measured", None)
    return Verdict(goal, wanted, f"{got:.3g}", got <= limit if sign == "<=" else got >= limit)
