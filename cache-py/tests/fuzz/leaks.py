"""References that a cache keeps or drops once too often."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any

from fuzz.exact import Decorate, Program, trace

ROUNDS = 40


def counted(decorate: Decorate) -> dict[str, int]:
    """How much the reference counts of keys and results changed by a cache's life; nothing is well."""
    key, other, result = ("key", 1), "other " * 3, ["result"]
    text = "name of a key word"
    function: Callable[..., object] = lambda *args, **kwargs: result  # noqa: E731
    watched = {"key": key, "text": other, "result": result, "name": text, "function": function}

    def life(maxsize: int | None, typed: bool) -> None:
        cached: Any = decorate(maxsize=maxsize, typed=typed)(function)
        for n in range(10):
            for args, kwargs in (((key,), {}), ((other,), {}), ((key, other), {text: key}), ((n, key), {text: other})):
                cached(*args, **kwargs)
                cached(*args, **kwargs)
        unhashable: list[tuple[object, ...]] = [([], {}), (key, []), ([], other)]
        for wrong in unhashable:
            try:
                cached(*wrong)
            except TypeError:
                pass
        if hasattr(cached, "invalidate"):
            cached.invalidate(key)
            cached.get(key, other)
            cached.get(other)
        cached.cache_info(), cached.cache_parameters()

    def counts() -> dict[str, int]:
        gc.collect()
        return {name: sys.getrefcount(thing) for name, thing in watched.items()}

    before = counts()
    for maxsize in (None, 0, 1, 3, 128):
        for typed in (False, True):
            life(maxsize, typed)
    after = counts()
    return {name: after[name] - before[name] for name in watched if after[name] != before[name]}


def survivors(decorate: Decorate) -> list[str]:
    """What the garbage collector does not free: caches in cycles through their functions, keys and results."""

    class Node:
        link: object = None

    def through_a_result() -> weakref.ref[Any]:
        node = Node()
        cached = decorate(maxsize=10)(lambda key: node)
        cached(1)
        node.link = cached
        return weakref.ref(node)

    def through_a_key() -> weakref.ref[Any]:
        node = Node()
        cached = decorate(maxsize=None)(lambda key: 1)
        cached(node)
        node.link = cached
        return weakref.ref(node)

    def through_its_dict() -> weakref.ref[Any]:
        cached: Any = decorate(maxsize=10)(lambda key: key)
        cached.itself = cached
        return weakref.ref(cached)

    def through_a_method() -> weakref.ref[Any]:
        class Class:
            @decorate(maxsize=10)
            def method(self, n: int) -> object:
                return self

        instance = Class()
        instance.method(1)
        return weakref.ref(Class)

    cases = (through_a_result, through_a_key, through_its_dict, through_a_method)
    left = [(case.__name__, case()) for case in cases]
    gc.collect()
    return [name for name, alive in left if alive() is not None]


def total(decorate: Decorate) -> int | None:
    """References more in the whole interpreter for each program that was run; `None` where it does not count them."""
    if not hasattr(sys, "gettotalrefcount"):
        return None
    programs = [Program(seed, 200) for seed in range(20)]

    def rounds(number: int) -> int:
        for _ in range(number):
            for program in programs:
                trace(program, decorate)
        gc.collect()
        return sys.gettotalrefcount()

    rounds(3)
    before = rounds(1)
    grown = rounds(ROUNDS) - before
    return grown // ROUNDS // len(programs)
