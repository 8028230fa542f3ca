"""`make bench-compare A=REV B=REV`: two commits of rocker beside each other, in one run, in turns.

Each is checked out and built below `.cache/compare/`, where it stays for the next time. What is compared is what a
change can make slower: the API in a process of its own, and the command cold and warm. A ratio above 1 means that B is
slower.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO

from benches import isolation
from benches.contenders.rocker import end_workers
from benches.measure import Mode, Result, execute, interleave

REPOSITORY = Path(__file__).parents[1]
BUILDS = REPOSITORY / ".cache" / "compare"
# Reads what to do, one word a line, and answers with a line when it is done.
SERVER = """
import sys, rocker
engine = rocker.Engine(sys.argv[1], sys.argv[2])
rootfs = sys.argv[3]
container = engine.run(rootfs=rootfs, command=["sleep", "100000"], detach=True, network="none")
actions = {
    "run": lambda: engine.run(rootfs=rootfs, command=["true"], network="none"),
    "exec": lambda: container.exec(["true"]),
    "list": lambda: engine.containers.list(all=True),
    "end": lambda: container.remove(force=True),
}
for line in sys.stdin:
    actions[line.strip()]()
    print("done", flush=True)
"""


class Revision:
    """One commit, built, with roots of its own."""

    def __init__(self, name: str, state: Path, rootfs: Path) -> None:
        self.name = name
        self.environment = BUILDS / _commit(name) / ".venv" / "bin"
        self.roots = [str(state / "d"), str(state / "r")]
        self.rootfs = rootfs
        self.warm = state / "w"
        state.mkdir()

    def build(self) -> None:
        """Check out and build, unless that was done before."""
        directory = BUILDS / _commit(self.name)
        if not (directory / ".git").exists():
            _git("worktree", "prune")
            _git("worktree", "add", "--force", "--detach", str(directory), _commit(self.name))
        subprocess.run(["make", "--silent", "-C", str(directory), "build"], check=True)

    def open(self, stack: ExitStack) -> None:
        """Start the process in which the API is measured."""
        command = [str(self.environment / "python"), "-c", SERVER, *self.roots, str(self.rootfs)]
        process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self.told, self.heard = process.stdin, process.stdout
        stack.callback(process.stdin.close)
        stack.callback(self.ask, "end")

    def ask(self, action: str) -> None:
        """Have the API do something, and wait for it."""
        _say(self.told, action)
        if not self.heard.readline():
            raise RuntimeError(f"{self.name}: {action} failed")

    def command(self, *words: str, warm: bool) -> None:
        """Run the command."""
        roots = ["--root", self.roots[0], "--run", self.roots[1]]
        variable = {"ROCKER_WARM": str(self.warm) if warm else "0"}
        execute([str(self.environment / "rocker"), *roots, *words], environment=variable)

    def rows(self) -> dict[str, Callable[[], object]]:
        """What is measured, by name."""
        run = ["run", "--rm", "--network", "none", "--rootfs", str(self.rootfs), "true"]
        return {
            "API run --rm": partial(self.ask, "run"),
            "API exec": partial(self.ask, "exec"),
            "API list": partial(self.ask, "list"),
            "command run --rm, cold": partial(self.command, *run, warm=False),
            "command run --rm, warm": partial(self.command, *run, warm=True),
            "command ps, cold": partial(self.command, "ps", warm=False),
            "command ps, warm": partial(self.command, "ps", warm=True),
        }


def main() -> int:
    """Measure and print a table; 1 when B fails or is more than `--limit` times slower somewhere."""
    options = _options()
    isolation.enter(Path(options.state), "benches.compare")
    sys.path.insert(0, str(REPOSITORY / "tests"))
    from helpers import images
    from helpers.engine import EngineRoots

    with tempfile.TemporaryDirectory(prefix="rb", dir=options.state) as directory, ExitStack() as stack:
        pair = [Revision(name, Path(directory) / letter, images.busybox_rootfs())
                for letter, name in zip("ab", options.revisions, strict=True)]  # fmt: skip
        for one in pair:
            one.build()
        for one in pair:
            stack.callback(EngineRoots(one.warm.parent, one.name).stop_launcher)
            one.open(stack)
            stack.callback(end_workers, one.warm)
        worst = _table(pair, options.rounds)
    return int(worst > options.limit)


def _table(pair: list[Revision], rounds: int) -> float:
    """Measure each row and print it; the largest ratio."""
    print(f"| p50, ms | mode | A: {pair[0].name} | B: {pair[1].name} | B/A |\n|---|---|---|---|---|")
    worst = 0.0
    modes: tuple[Mode, ...] = ("idle", "burst")
    for row in pair[0].rows():
        for mode in modes:
            actions = {letter: of.rows()[row] for letter, of in zip("ab", pair, strict=True)}
            one, other = interleave(row, actions, rounds, mode)
            worst = max(worst, _line(row, mode, one, other))
    return worst


def _line(row: str, mode: str, one: Result, other: Result) -> float:
    """Print one line; its ratio: infinite when B failed, nothing when only A did."""
    cells = [each.note.replace("|", "/") or f"{each.p50:.2f}" for each in (one, other)]
    ratio = math.inf if other.note else 0.0 if one.note else other.p50 / one.p50
    shown = "not measured" if one.note or other.note else f"{ratio:.2f}"
    print(f"| {row} | {mode} | {cells[0]} | {cells[1]} | {shown} |", flush=True)
    return ratio


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches.compare", description=__doc__)
    parser.add_argument("revisions", nargs=2, metavar="REV", help="commits, tags or branches: A, then B")
    parser.add_argument("--rounds", type=int, default=30, help="samples of each row")
    parser.add_argument("--limit", type=float, default=1.2, help="how much slower B may be; else exit code 1")
    parser.add_argument("--state", default="/tmp", help="where roots lie: a disk, not a tmpfs")
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("containers need root")
    return options


def _say(to: IO[bytes], word: str) -> None:
    to.write(word.encode() + b"\n")
    to.flush()


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(REPOSITORY), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _commit(name: str) -> str:
    return _git("rev-parse", "--verify", f"{name}^{{commit}}")


if __name__ == "__main__":
    sys.exit(main())
