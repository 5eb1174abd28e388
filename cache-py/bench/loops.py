"""Loops around one call, made for each shape of a call. What a loop costs is in each figure, and is shown alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bench.race import FLOOR, Contender, nothing


class Shape(NamedTuple):
    """How a function is called with a key."""

    name: str
    call: str
    make: Callable[[int], object]
    """The key with a number, a fresh object each time."""
    target: str = "k"


def _text(number: int) -> str:
    return "".join(("key of ", str(number)))


def _number(number: int) -> int:
    # Small ints are the same objects always.
    return 1_000 + number


SHAPES = (
    Shape("f(int)", "f(k)", _number),
    Shape("f(str)", "f(k)", _text),
    Shape("f(int, int)", "f(a, b)", lambda number: (_number(number), _number(number + 1)), "a, b"),
    Shape("f(a, k=1)", "f(k, k=1)", _number),
    Shape("f(tuple)", "f(k)", lambda number: (_number(number), _text(number))),
    Shape("method", "f.method(k)", _number),
)


def looped(name: str, shape: Shape, function: Any, keys: Sequence[object]) -> Contender:
    """A contender that calls `function` with each of the keys."""
    return Contender(name, _loop(shape.target, shape.call, function, keys), len(keys))


def floor(shape: Shape, keys: Sequence[object]) -> Contender:
    """The loop without a call."""
    return Contender(FLOOR, _loop(shape.target, "pass", None, keys), len(keys))


def once(name: str, function: Any, keys: Sequence[object], before: Callable[[], object] = nothing) -> Contender:
    """A contender that is prepared before each pass over the keys."""
    return Contender(name, _loop("k", "f(k)", function, keys), len(keys), before)


def _loop(target: str, call: str, function: Any, keys: Sequence[object]) -> Callable[[int], object]:
    source = f"def run(repeat):\n  f = function\n  for _ in range(repeat):\n    for {target} in keys:\n      {call}\n"
    names: dict[str, Any] = {"function": function, "keys": keys}
    exec(compile(source, f"<{call}>", "exec"), names)
    run: Callable[[int], object] = names["run"]
    return run
