"""Horizontal bars as SVG, drawn by hand: a library that plots would be the largest dependency of all."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from bench.race import OURS

TEXT = "#768390"
"""The grey of all text: it is read on a light and on a dark page."""
WIDTH, LEFT, RIGHT = 900, 390, 60
BAR, GAP = 15, 8


class Row(NamedTuple):
    """The bars of one case: contenders, and how many times as fast as the base each is."""

    title: str
    base: str
    ratios: dict[str, float]


def svg(title: str, rows: list[Row]) -> str:
    """The picture; a line stands where a bar is as long as that of the base."""
    end = max([ratio for row in rows for ratio in row.ratios.values()], default=1.0) * 1.05
    drawn: list[str] = []
    y = 24
    for row in rows:
        drawn.append(_text(LEFT - 8, y + 11, row.title, "end", is_bold=True))
        drawn.append(_text(LEFT, y + 11, f"1 = {row.base}", "start"))
        y += BAR + 2
        for name, ratio in sorted(row.ratios.items(), key=lambda item: -item[1]):
            colour = "#e36209" if name.startswith(OURS) else "#5b8db8"
            drawn.append(_text(LEFT - 8, y + 11, name, "end"))
            width = _width(ratio, end)
            drawn.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{colour}"/>')
            drawn.append(_text(LEFT + width + 5, y + 11, f"{ratio:.2f}", "start"))
            y += BAR
        y += GAP
    one = LEFT + _width(1.0, end)
    line = f'<path d="M{one:.1f} 20V{y}" stroke="{TEXT}" stroke-dasharray="3 3"/>'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 10}" width="{WIDTH}" height="{y + 10}" '
        f'font-family="sans-serif" font-size="12" fill="{TEXT}">\n<title>{escape(title)}</title>'
    )
    return "\n".join([head, *drawn, line, "</svg>", ""])


def _width(ratio: float, end: float) -> float:
    return (WIDTH - LEFT - RIGHT) * ratio / end


def _text(x: float, y: float, text: str, anchor: str, is_bold: bool = False) -> str:
    weight = ' font-weight="bold"' if is_bold else ""
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'
