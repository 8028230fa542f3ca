"""benches/results/: latest.json, latest.md, starts.svg."""

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benches.chart import bars
from benches.facts import Facts
from benches.goals import Verdict
from benches.measure import Mode, Result


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    model = next(
        (line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ": ?"
    )
    controllers = Path("/sys/fs/cgroup/cgroup.controllers")
    return {
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "model": model.split(":", 1)[1].strip(),
        "cgroup": "v2" if controllers.exists() else "v1",
        "python": platform.python_version(),
        "load": os.getloadavg(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def write(
    directory: Path,
    rounds: int,
    results: Sequence[Result],
    facts: Sequence[Facts],
    verdicts: Sequence[Verdict],
) -> str:
    """Write all three; returns the Markdown."""
    directory.mkdir(parents=True, exist_ok=True)
    about = machine() | {"rounds": rounds}
    document = {
        "machine": about,
        "results": [asdict(one) for one in results],
        "facts": [asdict(one) for one in facts],
        "goals": [asdict(one) for one in verdicts],
    }
    (directory / "latest.json").write_text(json.dumps(document, indent=1) + "\n")
    text = "\n".join([*_head(about), *_goals(verdicts), *_rows(results), *_facts(facts), ""])
    (directory / "latest.md").write_text(text)
    starts = [(one.contender, one.mode, one.p50) for one in results if one.row == "run --rm" and one.samples]
    starts.sort(key=lambda row: next(place for place, one in enumerate(results) if one.contender == row[0]))
    (directory / "starts.svg").write_text(bars("run --rm busybox true, no network", "ms", starts))
    return text


def _head(about: dict[str, Any]) -> list[str]:
    where = f"Linux {about['kernel']}, cgroup {about['cgroup']}, {about['cpus']} CPUs ({about['model']})"
    how = f"load {about['load'][0]:.1f} at the end, {about['rounds']} rounds"
    return ["# Benchmark", "", f"{about['time']}, {where}, {how}."]


def _goals(verdicts: Sequence[Verdict]) -> list[str]:
    words = {True: "met", False: "**missed**", None: "not measured"}
    lines = ["", "## Goals", "", "| goal | wanted | got | |", "|---|---|---|---|"]
    return lines + [f"| {one.goal} | {one.wanted} | {one.got} | {words[one.met]} |" for one in verdicts]


def _rows(results: Sequence[Result]) -> list[str]:
    lines = [
        "",
        "## Rows",
        "",
        "| row | contender | mode | p50 | p90 | mean | unit | n |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        if one.samples:
            lines.append(
                f"| {one.row} | {one.contender} | {one.mode} | {one.p50:.4g} | {one.p90:.4g} "
                f"| {one.mean:.4g} | {one.unit} | {len(one.samples)} |"
            )
        if one.note:
            lines.append(
                f"| {one.row} | {one.contender} | {one.mode} | {one.note.replace('|', '/')} | | | | |"
            )
    return lines


def _facts(facts: Sequence[Facts]) -> list[str]:
    lines = ["", "## What each container really has", ""]
    lines += [
        "| contender | own cgroups | filter | own network | no new privileges | capabilities |",
        "|---|---|---|---|---|---|",
    ]
    for one in facts:
        groups = ", ".join(one.own_cgroups) or "none"
        lines.append(
            f"| {one.contender} | {groups} | {_word(one.filtered)} | {_word(one.own_network)} "
            f"| {_word(one.no_new_privileges)} | {one.capabilities} |"
        )
    return lines


def _word(value: bool) -> str:
    return "yes" if value else "no"


_ROWS: tuple[tuple[str, Mode], ...] = (
    ("run --rm", "idle"),
    ("run --rm", "burst"),
    ("exec", "idle"),
    ("create", "idle"),
    ("start", "idle"),
    ("rm", "idle"),
)
_BEGIN, _END = "<!-- bench:start -->", "<!-- bench:end -->"


def into_readme(readme: Path, results: Sequence[Result]) -> None:
    """Put the latencies (p50 in ms) of all contenders between the marks of the README."""
    table = {(one.row, one.contender, one.mode): one for one in results if one.samples}
    contenders = list(dict.fromkeys(one.contender for one in results if one.row == "run --rm"))
    lines = ["| p50, ms | " + " | ".join(contenders) + " |", "|---" * (len(contenders) + 1) + "|"]
    for row, mode in _ROWS:
        cells = [table.get((row, contender, mode)) for contender in contenders]
        if any(cells):
            lines.append(
                f"| {row}, {mode} | " + " | ".join(f"{one.p50:.3g}" if one else "" for one in cells) + " |"
            )
    text = readme.read_text()
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    readme.write_text(f"{before}{_BEGIN}\n" + "\n".join(lines) + f"\n{_END}{after}")
