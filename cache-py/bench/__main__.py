"""Measures memolith beside functools and other caches.

Contenders take turns in this process; a time is a median, a ratio the median of the ratios within each round.
Progress goes to standard error, tables to standard output.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import awaits, chart, machine, memory, report, stores
from bench.race import FLOOR, Case, Verdict, measured

THEMES: dict[str, Callable[[], Iterator[Case]]] = {
    "hits": memory.hits,
    "ttl": memory.ttl,
    "policies": memory.policies,
    "misses": memory.misses,
    "large": memory.large,
    "growing": memory.growing,
    "async": awaits.awaits,
    "sqlite": stores.sqlite,
    "shared": stores.shared,
}


def _told() -> argparse.Namespace:
    themes = "\n".join(f"  {name:<10}{(theme.__doc__ or '').splitlines()[0]}" for name, theme in THEMES.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=f"themes:\n{themes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("themes", nargs="*", metavar="THEME", help="what to measure; everything if none is named")
    parser.add_argument("--quick", action="store_true", help="whether it runs; no figure of it means anything")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the tables there, and plots beside them")
    parser.add_argument("--case", default="", metavar="TEXT", help="only cases with this in their title")
    told = parser.parse_args()
    unknown = [name for name in told.themes if name not in THEMES]
    if unknown:
        parser.error(f"there is no theme `{unknown[0]}`; the themes are {', '.join(THEMES)}")
    build = machine.build()
    if not build.is_optimised:
        print(f"warning: this interpreter is {build.words}; its figures flatter all but functools", file=sys.stderr)
        if told.save and not told.quick:
            parser.error("figures of such an interpreter are not saved; run Debian's /usr/bin/python3")
    return told


def main() -> None:
    """Runs the themes. What was claimed and missed is told, and is no failure."""
    told = _told()
    text = _shown(machine.described())
    verdicts: list[tuple[str, Verdict]] = []
    plots: dict[str, list[chart.Row]] = {}
    for name in told.themes or THEMES:
        print(f"{name}", file=sys.stderr, flush=True)
        text += _shown(f"\n### {name}: {(THEMES[name].__doc__ or '').splitlines()[0]}\n")
        rows = []
        for case in THEMES[name]():
            if told.case not in case.title:
                continue
            figures, came = measured(case, told.quick)
            verdicts += [(case.title, verdict) for verdict in came]
            rows.append(chart.Row(case.title, case.base, {n: f.ratio for n, f in figures.items() if n != FLOOR}))
            text += _shown(report.table(case, figures, came))
        plots[name] = rows
        text += f"<plot {name}>\n"
    text += _shown(f"\n### Claims\n\n{report.summary(verdicts)}")
    if told.save:
        report.save(told.save, text, plots)


def _shown(text: str) -> str:
    print(text, flush=True)
    return f"{text}\n"


if __name__ == "__main__":
    main()
