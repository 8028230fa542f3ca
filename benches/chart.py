"""A bar chart as SVG, on a logarithmic scale: contenders lie two orders of magnitude apart."""

import math
from collections.abc import Sequence
from html import escape

WIDTH, LABEL, BAR, GAP, TOP = 760, 110, 18, 6, 46
COLOURS = {"idle": "#2f6f9f", "burst": "#d08a3c"}


def bars(title: str, unit: str, rows: Sequence[tuple[str, str, float]]) -> str:
    """One bar for each (label, mode, value); bars of one label stand together, the label written once."""
    values = [value for _, _, value in rows] or [1.0]
    low = 10 ** math.floor(math.log10(min(values)))
    high = 10 ** math.ceil(math.log10(max(values) * 1.2))
    room = WIDTH - LABEL - 90

    def x(value: float) -> float:
        return LABEL + room * (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))

    height = TOP + len(rows) * (BAR + GAP) + 34
    small = 'font-size="11"'
    box = f'width="{WIDTH}" height="{height}"'
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif">',
        f'<rect {box} fill="white"/>',
        f'<text x="12" y="24" font-size="15">{escape(title)} ({escape(unit)}, median, logarithmic)</text>',
    ]
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        place = x(10.0**power)
        out.append(
            f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{TOP - 8}" y2="{height - 26}" stroke="#ddd"/>'
        )
        out.append(
            f'<text x="{place:.1f}" y="{height - 10}" {small} text-anchor="middle">{10.0**power:g}</text>'
        )
    previous = ""
    for index, (label, mode, value) in enumerate(rows):
        y = TOP + index * (BAR + GAP)
        if label != previous:
            out.append(
                f'<text x="{LABEL - 8}" y="{y + 14}" font-size="12" text-anchor="end">{escape(label)}</text>'
            )
        previous = label
        width = max(1.0, x(value) - LABEL)
        out.append(f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{COLOURS[mode]}"/>')
        out.append(
            f'<text x="{LABEL + width + 6:.1f}" y="{y + 14}" font-size="11">{value:.3g} {escape(mode)}</text>'
        )
    return "\n".join([*out, "</svg>", ""])
