"""Tables, on the screen and in a file."""

from __future__ import annotations

from pathlib import Path

from bench import chart
from bench.race import OURS, Case, Figure, Verdict


def table(case: Case, figures: dict[str, Figure], verdicts: list[Verdict]) -> str:
    """A case as a table in Markdown, fastest first, losses included, and what was claimed."""
    lines = [f"#### {case.title[0].upper()}{case.title[1:]}", ""]
    lines += [f"| | time | times as fast as {case.base} | quartiles |", "|---|--:|--:|--:|"]
    for name, figure in sorted(figures.items(), key=lambda item: item[1].nanos):
        cells = [name, nanos(figure.nanos), f"{figure.ratio:.2f}", f"{figure.low:.2f} to {figure.high:.2f}"]
        weight = "**" if name.startswith(OURS) else ""
        lines.append("| " + " | ".join(f"{weight}{cell}{weight}" for cell in cells) + " |")
    for verdict in verdicts:
        bound = f"at least {verdict.claim.bound:g} times as fast as {verdict.claim.against}"
        lines += ["", f"{bound}: {verdict.ratio:.2f}, {_said(verdict)}."]
    return "\n".join([*lines, ""])


def summary(verdicts: list[tuple[str, Verdict]]) -> str:
    """All claims, one a line."""
    lines = ["| claim | over | bound | measured | |", "|---|---|--:|--:|---|"]
    for title, verdict in verdicts:
        claim = verdict.claim
        lines.append(f"| {title} | {claim.against} | {claim.bound:g} | {verdict.ratio:.2f} | {_said(verdict)} |")
    return "\n".join([*lines, ""])


def _said(verdict: Verdict) -> str:
    return verdict.words if verdict.words == "met" else f"**{verdict.words}**"


def nanos(value: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("ms", 1e6), ("µs", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.1f} ns"


def save(path: Path, text: str, plots: dict[str, list[chart.Row]]) -> None:
    """Writes the tables, and a plot of each theme beside them.

    Raises:
        OSError: a file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for theme, rows in plots.items():
        name = f"{path.stem}-{theme}.svg"
        (path.parent / name).write_text(chart.svg(f"{theme}: times as fast", rows), encoding="utf-8")
        text = text.replace(f"<plot {theme}>", f"![{theme}]({name})")
    path.write_text(text, encoding="utf-8")
