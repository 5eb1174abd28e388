"""Random operations on `memolith.Cache` beside a dict, and random calls of a persisted function beside the function."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from fuzz import plain

Open = Callable[[], Any]


def mapping(seed: int, steps: int, opened: Open) -> str | None:
    """Does the same to a cache without bounds and to a dict: the first difference, or `None`.

    `opened` opens the cache, again and again where it has a backend: what is in it stays.
    """
    random = Random(seed)
    keys = [plain.key(random) for _ in range(random.choice((5, 30)))]
    cache = opened()
    model: dict[object, object] = {}
    cache.clear()
    for position in range(steps):
        if random.random() < 0.01:
            cache.close()
            cache = opened()
            if len(cache) == 0:
                # In memory alone nothing outlives a cache.
                model = {}
        action = random.choice(ACTIONS)
        key, value = random.choice(keys), plain.value(random)
        ours, theirs = (_outcome(action, side, key, value) for side in (cache, model))
        if not plain.are_same(ours, theirs):
            cache.close()
            return f"seed {seed}, step {position}: {action.__name__}({key!r}): {ours!r}, but a dict {theirs!r}"
    found, expected = dict(cache.items()), dict(model)
    wrong = [key for key in expected if key not in found or not plain.are_same(found[key], expected[key])]
    cache.close()
    if wrong or len(found) != len(expected):
        return f"seed {seed}: at the end {wrong!r} differ, and there are {len(found)} of {len(expected)}"
    return None


def _outcome(action: Callable[..., object], side: Any, key: object, value: object) -> object:
    try:
        return action(side, key, value)
    except KeyError:
        return "KeyError"


def _get(side: Any, key: object, value: object) -> object:
    return side.get(key, "nothing")


def _item(side: Any, key: object, value: object) -> object:
    return side[key]


def _set(side: Any, key: object, value: object) -> object:
    side[key] = value
    return None


def _delete(side: Any, key: object, value: object) -> object:
    del side[key]
    return None


def _contains(side: Any, key: object, value: object) -> object:
    return key in side


def _length(side: Any, key: object, value: object) -> object:
    return len(side)


def _pop(side: Any, key: object, value: object) -> object:
    return side.pop(key, "nothing")


def _pop_item(side: Any, key: object, value: object) -> object:
    return side.pop(key)


def _setdefault(side: Any, key: object, value: object) -> object:
    return side.setdefault(key, value)


def _update(side: Any, key: object, value: object) -> object:
    side.update({key: value, "updated": key})
    return None


def _keys(side: Any, key: object, value: object) -> object:
    # Equal keys are one; which of them is shown is the cache's business.
    return len(set(side)) == len(side) and key in set(side)


ACTIONS = (_get, _get, _item, _set, _set, _delete, _contains, _length, _pop, _pop_item, _setdefault, _update, _keys)


def function(seed: int, steps: int, decorated: Callable[[Callable[..., object]], Any]) -> str | None:
    """Calls a persisted function, and computes the same beside it: the first difference, or `None`.

    Now and then it is decorated anew, as by a process that starts.
    """
    random = Random(seed)
    pool = [_arguments(random) for _ in range(random.choice((10, 50)))]
    bodies: list[None] = []

    def computed(*args: object, **kwargs: object) -> object:
        return plain.value(Random(repr((args, sorted(kwargs.items(), key=lambda item: item[0])))))

    def body(*args: object, **kwargs: object) -> object:
        bodies.append(None)
        return computed(*args, **kwargs)

    cached = decorated(body)
    # What earlier programs stored under these arguments is of the same function.
    seen: list[tuple[object, object]] = []
    for position in range(steps):
        if random.random() < 0.01:
            cached = decorated(body)
        args, kwargs = random.choice(pool)
        ran = len(bodies)
        ours, theirs = cached(*args, **kwargs), computed(*args, **kwargs)
        # Equal arguments of other types (1, 1.0, True) are one entry, and have the result of the first of them.
        firsts = [result for call, result in seen if call == (args, kwargs)]
        theirs = firsts[0] if firsts and len(bodies) == ran else theirs
        if not plain.are_same(ours, theirs):
            return f"seed {seed}, step {position}: of {args!r}, {kwargs!r} came {ours!r}, not {theirs!r}"
        if firsts and len(bodies) != ran:
            return f"seed {seed}, step {position}: {args!r}, {kwargs!r} was there, and was computed again"
        if not firsts:
            seen.append(((args, kwargs), ours))
    return None


def _arguments(random: Random) -> tuple[tuple[object, ...], dict[str, object]]:
    args = tuple(plain.value(random) for _ in range(random.choice((1, 1, 1, 2, 3))))
    kwargs = {name: plain.value(random) for name in random.sample("abcd", random.choice((0, 0, 1, 3)))}
    return args, kwargs
