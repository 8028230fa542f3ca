"""`make bench`: `python -m benches.run [--rounds N] [--rows GROUP,…] [--only CONTENDER,…]`."""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from benches import isolation, report
from benches.contenders import all_contenders
from benches.contenders.base import Contender, Image
from benches.facts import Facts, collect
from benches.goals import judge
from benches.measure import Result
from benches.rows import GROUPS
from benches.rows.bench import Bench

REPOSITORY = Path(__file__).parents[1]


def main() -> int:
    """Measure, write benches/results/, print the table; 1 when a contender is not comparable."""
    options = _options()
    sys.path.insert(0, str(REPOSITORY / "tests"))
    from helpers import images

    if not isolation.is_entered():
        images.debian_tar()  # made while there is a network
    isolation.enter(Path(options.state), network=True)
    # A person's interrupt must end daemons and containers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with (
        isolation.parents_removed(),
        tempfile.TemporaryDirectory(prefix="rb", dir=options.state) as directory,
    ):
        state = Path(directory)
        image = Image(images.busybox_rootfs(), images.busybox_tar())
        opened: list[Contender] = []
        try:
            _open(all_contenders(state, image, options.docker29), options.only, opened)
            facts = [fact for contender in opened if (fact := _facts(contender))]
            bench = Bench(opened, options.rounds, state, images.debian_tar())
            results = _measure(bench, options.rows, options.minutes * 60)
        finally:
            for contender in opened:
                _say(f"closing {contender.name}")
                contender.close()
    if options.readme:
        report.into_readme(REPOSITORY / "README.md", results)
    print(report.write(options.out, options.rounds, results, facts, judge(results)))
    strange = [fact.contender for fact in facts if not fact.comparable and fact.contender != "bwrap"]
    if strange:
        _say(f"not comparable, for want of cgroups, filter or network namespace: {', '.join(strange)}")
    return 1 if strange else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches.run", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=50, help="samples of each latency; below 20 it is a trial"
    )
    parser.add_argument(
        "--rows", type=lambda text: text.split(","), default=list(GROUPS), help=", ".join(GROUPS)
    )
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="no group of rows begins later than that"
    )
    parser.add_argument("--only", type=lambda text: text.split(","), default=None, help="names of contenders")
    parser.add_argument(
        "--docker29",
        type=Path,
        metavar="DIR",
        default=os.environ.get("ROCKER_BENCH_CLIENTS", REPOSITORY / ".cache" / "clients"),
        help="where scripts/docker29 has built Docker 29 (ROCKER_BENCH_CLIENTS)",
    )
    parser.add_argument("--readme", action="store_true", help="put the latencies into README.md too")
    parser.add_argument("--state", default="/tmp", help="where roots and images lie: a disk, not a tmpfs")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "benches" / "results")
    options = parser.parse_args()
    if unknown := set(options.rows) - GROUPS.keys():
        parser.error(f"unknown rows: {', '.join(sorted(unknown))}")
    if os.geteuid() != 0:
        parser.error("the contenders need root")
    return options


def _open(contenders: list[Contender], only: list[str] | None, opened: list[Contender]) -> None:
    for contender in contenders:
        if only is not None and contender.name not in only:
            continue
        try:
            opened.append(contender)
            contender.open()
        except Exception as error:  # noqa: BLE001 -- whoever cannot take part is named, the others go on
            _say(f"{contender.name} does not take part: {error}")
            opened.remove(contender)
            contender.close()


def _facts(contender: Contender) -> Facts | None:
    try:
        return collect(contender)
    except (RuntimeError, OSError) as error:
        _say(f"{contender.name}: {error}")
        return None


def _measure(bench: Bench, groups: list[str], seconds: float) -> list[Result]:
    results: list[Result] = []
    begin = time.monotonic()
    for group in groups:
        if time.monotonic() - begin > seconds:
            _say(f"no time is left for {group}")
            continue
        _say(f"measuring {group}, {time.monotonic() - begin:.0f} s after the first")
        try:
            results += GROUPS[group](bench)
        except Exception as error:  # noqa: BLE001 -- a group that fails is named, the others go on
            _say(f"{group} failed: {type(error).__name__}: {error}")
    return results


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
