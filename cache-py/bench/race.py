"""Contenders take turns in one process; what counts are medians, and ratios within each round."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

OURS = "memolith"
FLOOR = "the loop alone"
BASE = "functools.lru_cache"

TURN = 5_000_000
"""Nanoseconds of one contender's turn, about."""
ROUNDS = 21
LEAST = 5
"""Rounds of a case that would take longer than its budget."""
BUDGET = 15_000_000_000
"""Nanoseconds of a case, about."""


def nothing() -> None:
    """Before a turn that needs no preparation."""


@dataclass(frozen=True)
class Contender:
    """Something that does `operations` operations as often as it is told."""

    name: str
    run: Callable[[int], object]
    operations: int
    before: Callable[[], object] = nothing
    """What is done before each turn and not timed; where there is something, a turn is one run."""


class Claim(NamedTuple):
    """Ours is at least `bound` times as fast as `against`."""

    bound: float
    against: str = BASE


@dataclass(frozen=True)
class Case:
    """Contenders at the same work."""

    title: str
    contenders: list[Contender]
    base: str = BASE
    """Whom the others are compared with."""
    claims: list[Claim] = field(default_factory=list)
    clock: Callable[[], int] = time.thread_time_ns


class Figure(NamedTuple):
    """Nanoseconds of an operation, and how many times faster than the base: median and quartiles of the rounds."""

    nanos: float
    ratio: float
    low: float
    high: float


class Verdict(NamedTuple):
    """What a claim came to."""

    claim: Claim
    ratio: float

    @property
    def words(self) -> str:
        return "met" if self.ratio >= self.claim.bound else "missed"


def measured(case: Case, quick: bool = False) -> tuple[dict[str, Figure], list[Verdict]]:
    """Races the contenders of a case."""
    print(f"  {case.title}", file=sys.stderr, flush=True)
    start = time.perf_counter_ns()
    repeats = {racer.name: _calibrated(racer, case.clock, TURN // 20 if quick else TURN) for racer in case.contenders}
    # Calibration took two turns of the slow ones; what is quick is told by the lower bound.
    turns = max((time.perf_counter_ns() - start) // 2, TURN * len(case.contenders))
    rounds = 3 if quick else min(ROUNDS, max(LEAST, BUDGET // turns))
    times: dict[str, list[float]] = {racer.name: [] for racer in case.contenders}
    for number in range(rounds):
        # Nobody always follows the same one.
        at = number % len(case.contenders)
        for racer in case.contenders[at:] + case.contenders[:at]:
            times[racer.name].append(_turn(racer, repeats[racer.name], case.clock))
    figures = {name: _figure(taken, times.get(case.base, taken)) for name, taken in times.items()}
    claims = [claim for claim in case.claims if claim.against in times]
    return figures, [Verdict(claim, _figure(times[OURS], times[claim.against]).ratio) for claim in claims]


def _turn(racer: Contender, repeat: int, clock: Callable[[], int]) -> float:
    """Nanoseconds of an operation."""
    racer.before()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        start = clock()
        racer.run(repeat)
        took = clock() - start
    finally:
        if was_enabled:
            gc.enable()
    return took / (repeat * racer.operations)


def _calibrated(racer: Contender, clock: Callable[[], int], turn: int) -> int:
    """How many runs make a turn; the first one is no measurement, for it fills the cache."""
    _turn(racer, 1, clock)
    if racer.before is not nothing:
        return 1
    nanos = max(_turn(racer, 1, clock) * racer.operations, 1.0)
    return max(1, round(turn / nanos))


def _figure(taken: list[float], base: list[float]) -> Figure:
    ratios = [theirs / max(ours, 0.01) for ours, theirs in zip(taken, base, strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4)
    return Figure(statistics.median(taken), statistics.median(ratios), low, high)
