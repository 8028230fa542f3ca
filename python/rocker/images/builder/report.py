"""What `--check` prints, as BuildKit does, and the lines of a Dockerfile around what is wrong in it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.images.builder.check import Report

_ALONE, _TOGETHER = 4, 2


def render(report: Report, text: str, name: str = "Dockerfile") -> str:
    """A block for each finding, and one for the error if there is one.

    Args:
        report: of `check`.
        text: the Dockerfile.
        name: its file name.
    """
    blocks = [
        f"\nWARNING: {finding.rule}{f' - {finding.url}' if finding.url else ''}\n{finding.message}\n"
        + excerpt(text, finding.start, finding.end, name)
        for finding in report.findings
    ]
    if report.error is not None:
        error = report.error
        place = excerpt(text, error.start, error.end, name) if error.start else ""
        blocks.append(f"\nERROR: {error}\n{place}")
    return "".join(blocks)


def excerpt(text: str, start: int, end: int, name: str = "Dockerfile") -> str:
    """Some lines, marked, with some before and after them; "" where there are none.

    Args:
        text: the whole file.
        start: first line, from 1.
        end: last line.
        name: of the file, for the heading.
    """
    lines = text.split("\n")
    if not 1 <= start <= len(lines):
        return ""
    end = min(end, len(lines))
    first, last = _around(start, end, len(lines))
    shown = [f"{name}:{start}", "-" * 20]
    for number in range(first, last + 1):
        mark = ">>>" if start <= number <= end else "   "
        shown.append(f" {number:3} | {mark} {lines[number - 1]}")
    return "\n".join([*shown, "-" * 20, ""])


def _around(first: int, last: int, count: int) -> tuple[int, int]:
    """The lines to show: BuildKit's count, which gives a single line more company."""
    wanted = _ALONE if first == last else _TOGETHER
    shown = 0
    while shown < wanted:
        if first > 1:
            first -= 1
            shown += 1
        if last != count:
            last += 1
            shown += 1
        shown += 1
    return first, last
