"""The arithmetic of the benchmark, and that its report tells what happened."""

import json
import math
from pathlib import Path

import pytest
from benches import compare, isolation
from benches.chart import bars
from benches.facts import Facts
from benches.goals import judge
from benches.measure import Result, interleave, quantile
from benches.report import write


def test_a_quantile_lies_between_its_neighbours() -> None:
    assert quantile([4, 1, 3, 2], 0.5) == 2.5
    assert quantile([7], 0.9) == 7
    assert quantile(list(range(11)), 0.9) == 9


def test_contenders_take_turns_and_the_first_call_is_not_counted() -> None:
    calls: list[str] = []
    results = interleave("row", {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 6, "burst")
    assert "".join(calls) == "ab" + 2 * ("a" * 5 + "b" * 5)
    assert [len(result.samples) for result in results] == [10, 10]


def test_a_contender_that_fails_drops_out_with_its_reason() -> None:
    def broken() -> None:
        raise RuntimeError("no such image")

    good, bad = interleave("row", {"good": lambda: None, "bad": broken}, 5, "burst")
    assert len(good.samples) == 5
    assert (bad.samples, bad.note) == ([], "RuntimeError: no such image")


def test_a_goal_is_met_missed_or_not_measured() -> None:
    results = [
        Result("run --rm", "rocker API", "idle", samples=[3.0]),
        Result("run --rm", "crun", "idle", samples=[30.0]),
        Result("run --rm", "podman", "idle", samples=[100.0]),
    ]
    verdicts = {verdict.goal: verdict for verdict in judge(results)}
    assert verdicts["API run --rm, idle, of crun"].met is True
    assert verdicts["API run --rm, idle, of podman"].met is False
    assert verdicts["API run --rm, idle, of docker"].met is None


def test_the_report_is_written_in_three_forms(tmp_path: Path) -> None:
    results = [
        Result("run --rm", "crun", "idle", samples=[30.0, 31.0]),
        Result("exec", "runc", "idle", note="broke"),
    ]
    facts = [
        Facts("crun", ["memory"], filtered=True, own_network=True, no_new_privileges=True, capabilities=3)
    ]
    text = write(tmp_path, 2, results, facts, judge(results))
    assert "| run --rm | crun | idle | 30.5 | 30.9 | 30.5 | ms | 2 |" in text
    assert "| exec | runc | idle | broke |" in text
    assert (tmp_path / "latest.md").read_text() == text
    assert json.loads((tmp_path / "latest.json").read_text())["results"][0]["samples"] == [30.0, 31.0]
    assert (tmp_path / "starts.svg").read_text().startswith("<svg")


def test_a_commit_that_fails_is_slower_than_any_and_one_that_failed_before_is_no_measure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def good() -> Result:
        return Result("row", "x", "idle", samples=[2.0])

    def bad() -> Result:
        return Result("row", "x", "idle", samples=[2.0], note="RuntimeError: broke")

    assert compare._line("row", "idle", good(), bad()) == math.inf
    assert compare._line("row", "idle", bad(), good()) == 0
    assert compare._line("row", "idle", good(), good()) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| row | idle | 2.00 | RuntimeError: broke | not measured |"
    assert lines[2] == "| row | idle | 2.00 | 2.00 | 1.00 |"


def test_the_chart_grows_with_the_logarithm() -> None:
    lines = bars("t", "ms", [("a", "idle", 1.5), ("b", "idle", 15.0), ("c", "idle", 150.0)]).splitlines()
    marks = [line.split('width="')[1].split('"')[0] for line in lines if "#2f6f9f" in line]
    a, b, c = map(float, marks)
    assert abs((c - b) - (b - a)) < 0.2


def test_only_the_cgroup_parents_that_came_during_the_benchmark_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "CGROUPS", tmp_path)
    for path in ("memory/docker", "memory/other"):
        (tmp_path / path).mkdir(parents=True)
    with isolation.parents_removed():
        for path in ("memory/libpod_parent/conmon", "memory/new", "docker", "cpu/docker/busy"):
            (tmp_path / path).mkdir(parents=True)
        (tmp_path / "cpu/docker/busy/tasks").touch()  # in a cgroup: a process, and rmdir(2) says EBUSY
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_dir()}
    assert left == {
        "memory",
        "memory/docker",
        "memory/other",
        "memory/new",
        "cpu",
        "cpu/docker",
        "cpu/docker/busy",
    }
