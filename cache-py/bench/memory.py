"""Caches in memory: hits and misses, small and large."""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable, Iterator
from random import Random
from types import ModuleType
from typing import Any

import memolith

from bench import loops
from bench.loops import SHAPES, Shape
from bench.race import BASE, OURS, Case, Claim, Contender

SMALL = 128
HOT = 64
LARGE = 100_000

Decorator = Callable[[Callable[..., object]], Any]

HITS = {"f(int)": 1.5, "f(str)": 1.4, "f(int, int)": 1.9, "f(a, k=1)": 2.8, "f(tuple)": 2.0, "method": 1.9}
"""How many times as fast as functools a hit is to be at least."""
FRESH = 1.2


def rival(name: str) -> ModuleType | None:
    """The module, if it is installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def rivals(size: int, ttl: float | None = None) -> dict[str, Decorator]:
    """Other caches, at their defaults but for the size, and at their best where that is another setting of the same."""
    found: dict[str, Decorator] = {}
    warp, cachebox, cachetools = rival("warp_cache"), rival("cachebox"), rival("cachetools")
    if warp:
        found["warp_cache"] = warp.cache(max_size=size, ttl=ttl)
    if cachebox:
        make = functools.partial(cachebox.TTLCache, size, ttl) if ttl else functools.partial(cachebox.LRUCache, size)
        found["cachebox"] = cachebox.cached(make())
        found["cachebox, no lock, no copies"] = cachebox.cached(make(), lock=False, postprocess=None)
    if cachetools:
        kind, told = (cachetools.TTLCache, (size, ttl)) if ttl else (cachetools.LRUCache, (size,))
        store = functools.partial(kind, *told)
        found["cachetools"] = cachetools.cached(store())
        found["cachetools, lock"] = cachetools.cached(store(), lock=threading.Lock())
    return found


def everyone(size: int) -> dict[str, Decorator]:
    """All that cache in memory, functools first."""
    return {BASE: functools.lru_cache(size), OURS: memolith.lru_cache(size), **rivals(size)}


def roomy(size: int, ttl: float | None = None) -> dict[str, Decorator]:
    """warp_cache with more room than it needs: a shard that is full misses while others have room."""
    warp = rival("warp_cache")
    return {"warp_cache, 8 times the size": warp.cache(max_size=8 * size, ttl=ttl)} if warp else {}


def hits() -> Iterator[Case]:
    """Hits at maxsize 128, with the same objects as keys and with equal ones that are fresh at each call."""
    for kind, copies in (("the same objects", 1), ("fresh objects", 64)):
        for shape in SHAPES:
            bound = HITS[shape.name] if copies == 1 else FRESH
            keys = [shape.make(number) for _ in range(copies) for number in range(HOT)]
            contenders = _contenders(shape, everyone(SMALL) | roomy(SMALL), keys)
            yield Case(f"hit at maxsize 128, {shape.name}, {kind}", contenders, claims=[Claim(bound)])


def ttl() -> Iterator[Case]:
    """Hits where results expire; functools, which knows no time, without."""
    for shape in SHAPES[:3]:
        keys = [shape.make(number) for number in range(HOT)]
        racers: dict[str, Decorator] = {BASE: functools.lru_cache(SMALL), OURS: memolith.lru_cache(SMALL, ttl=60)}
        racers |= rivals(SMALL, 60.0) | roomy(SMALL, 60.0)
        contenders = _contenders(shape, racers, keys)
        yield Case(f"hit at maxsize 128 with a time to live, {shape.name}", contenders, claims=[Claim(1.2)])


def policies() -> Iterator[Case]:
    """Hits under each policy."""
    names: tuple[Any, ...] = ("lru", "sieve", "s3fifo", "tinylfu", "tenure", "lfu", "fifo", "mru", "random")
    shape = SHAPES[0]
    keys = [shape.make(number) for number in range(HOT)]
    racers: dict[str, Decorator] = {BASE: functools.lru_cache(SMALL)}
    racers |= {f"{OURS} {name}": memolith.lru_cache(SMALL, policy=name) for name in names}
    yield Case("hit at maxsize 128, each policy, f(int)", _contenders(shape, racers, keys))


def misses() -> Iterator[Case]:
    """Misses at maxsize 128: a key that was never there, a computation, an eviction."""
    for shape in SHAPES[:3]:
        keys = [shape.make(number) for number in range(20_000)]
        yield Case(f"miss at maxsize 128, {shape.name}", _contenders(shape, everyone(SMALL), keys), claims=[Claim(1.0)])


def large() -> Iterator[Case]:
    """Hits and misses at maxsize 100,000, in the order in which the keys were made and in a random one."""
    for shape in SHAPES[:2]:
        for order in ("in order", "random order"):
            for kind, count in (("hit", LARGE), ("miss", 2 * LARGE)):
                keys = [shape.make(number) for number in range(count)]
                if order == "random order":
                    Random(1).shuffle(keys)
                racers = everyone(LARGE) | (roomy(LARGE) if kind == "hit" else {})
                contenders = _contenders(shape, racers, keys)
                yield Case(f"{kind} at maxsize 100,000, {shape.name}, {order}", contenders, claims=[Claim(1.0)])


def growing() -> Iterator[Case]:
    """Misses of a cache without bounds, from nothing to 100,000 entries."""
    racers: dict[str, Decorator] = {BASE: functools.lru_cache(None), OURS: memolith.lru_cache(None)}
    if cachetools := rival("cachetools"):
        racers["cachetools, dict"] = cachetools.cached({})
    for shape in SHAPES[:2]:
        keys = [shape.make(number) for number in range(LARGE)]
        contenders = []
        for name, decorator in racers.items():
            function = decorator(_plain())
            contenders.append(loops.once(name, function, keys, _cleared(function)))
        yield Case(f"growing to 100,000 entries, maxsize=None, {shape.name}", contenders, claims=[Claim(1.0)])


def _cleared(function: Any) -> Callable[[], object]:
    clear: Callable[[], object] = getattr(function, "cache_clear", None) or function.cache.clear
    return clear


def _plain() -> Callable[..., object]:
    def compute(a: object, b: object = None, *, k: object = None) -> object:
        return a

    return compute


def _contenders(shape: Shape, racers: dict[str, Decorator], keys: list[object]) -> list[Contender]:
    found = [loops.floor(shape, keys)]
    for name, decorator in racers.items():
        if shape.name != "method":
            found.append(loops.looped(name, shape, decorator(_plain()), keys))
            continue
        try:
            instance = _with_method(decorator)()
            instance.method(keys[0])
        except TypeError:
            # warp_cache's functions are no methods.
            continue
        found.append(loops.looped(name, shape, instance, keys))
    return found


def _with_method(decorator: Decorator) -> type:
    def method(self: object, a: object) -> object:
        return a

    return type("Class", (), {"method": decorator(method)})
