"""What people type most and what changes nothing: a list, and a log of one line."""

from collections.abc import Callable
from functools import partial

from benches.contenders.base import CommandContender
from benches.measure import Result
from benches.rows.bench import Bench


def measure(bench: Bench) -> list[Result]:
    """The group's rows."""
    peers = [
        one
        for one in bench.peers("rocker", "rocker cold", "podman", "docker", "docker29")
        if isinstance(one, CommandContender)
    ]
    names = {one.name: f"looks-{number}" for number, one in enumerate(peers)}
    made: list[CommandContender] = []
    try:
        for one in peers:
            one.create(names[one.name], "echo", "one line")
            made.append(one)
            one.start(names[one.name])
        lists = bench.interleave("ps", {one.name: one.list_all for one in peers}, "idle", "burst")
        logs: dict[str, Callable[[], object]] = {
            one.name: partial(one.read_log, names[one.name]) for one in peers
        }
        return lists + bench.interleave("logs", logs, "idle", "burst")
    finally:
        for one in made:
            one.remove(names[one.name])
