"""Random plain data: what every store can hold and every key can be."""

from __future__ import annotations

import string
from collections.abc import Callable
from random import Random

FLOATS = (0.0, 1.5, -2.25, 1e300, -1e-300, float("inf"), float("-inf"))


def scalar(random: Random) -> object:
    """A small one; of few, so that they meet again."""
    makers: tuple[Callable[[], object], ...] = (
        lambda: None,
        lambda: random.random() < 0.5,
        lambda: random.randrange(-4, 12),
        lambda: random.choice((-1, 1)) * (1 << random.choice((31, 62, 63, 64, 127, 300))) + random.randrange(2),
        lambda: random.choice(FLOATS),
        lambda: "".join(random.choices(string.ascii_letters + "é日\0", k=random.choice((0, 1, 5, 40, 300)))),
        lambda: "ab\udcff"[: random.randrange(4)],
        lambda: random.randbytes(random.choice((0, 1, 20, 200))),
        lambda: complex(random.randrange(3), 1),
    )
    return random.choice(makers)()


def key(random: Random, depth: int = 2) -> object:
    """Something hashable."""
    if depth == 0 or random.random() < 0.6:
        return scalar(random)
    items = [key(random, depth - 1) for _ in range(random.randrange(4))]
    return tuple(items) if random.random() < 0.7 else frozenset(items)


def value(random: Random, depth: int = 3) -> object:
    """Anything without a class of its own."""
    if depth == 0 or random.random() < 0.4:
        return scalar(random)
    items = [value(random, depth - 1) for _ in range(random.randrange(5))]
    match random.randrange(5):
        case 0:
            return items
        case 1:
            return tuple(items)
        case 2:
            return {key(random): item for item in items}
        case 3:
            return {key(random) for _ in items}
        case _:
            return bytearray(random.randbytes(5))


def are_same(ours: object, theirs: object) -> bool:
    """Equal, and of the same types all the way down."""
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, (list, tuple)):
        assert isinstance(theirs, (list, tuple))
        return len(ours) == len(theirs) and all(map(are_same, ours, theirs))
    if isinstance(ours, dict):
        assert isinstance(theirs, dict)
        # The order is part of it.
        return are_same(list(ours.items()), list(theirs.items()))
    if isinstance(ours, (set, frozenset)):
        assert isinstance(theirs, (set, frozenset))
        found = {item: item for item in theirs}
        return ours == theirs and all(are_same(item, found[item]) for item in ours)
    return ours == theirs and repr(ours) == repr(theirs)
