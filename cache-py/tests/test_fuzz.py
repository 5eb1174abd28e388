"""Random programs show no difference between memolith and functools, and the programs find what is planted."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
from fuzz import exact, kinds, leaks, wild

import memolith

CALLS = int(os.environ.get("MEMOLITH_CALLS", "50000"))
"""Of the main kinds; `python -m fuzz` makes a million of each."""

KINDS = kinds.checks("memolith")


@pytest.mark.parametrize("kind", KINDS)
def test_random_programs(kind: str) -> None:
    calls = CALLS if kind in ("exact", "wild", "threads") else CALLS // 10
    wrong = [said for said in kinds.run(KINDS[kind], calls, seed=1) if said]
    assert not wrong, wrong[0]


def test_no_reference_count_changes() -> None:
    assert leaks.counted(memolith.lru_cache) == {}


def test_cycles_through_a_cache_are_collected() -> None:
    assert leaks.survivors(memolith.lru_cache) == []


def test_no_reference_is_kept() -> None:
    # On an interpreter that counts all references this is a number.
    assert leaks.total(memolith.lru_cache) == (0 if hasattr(sys, "gettotalrefcount") else None)


class _Planted:
    """A cache with a bug, as a decorator."""

    def __init__(self, change: Callable[[Any], None]) -> None:
        self.change = change

    def __call__(self, maxsize: int | None, typed: bool) -> Callable[[Callable[..., object]], Any]:
        def decorator(function: Callable[..., object]) -> Any:
            planted = exact.model(maxsize, typed)(function)
            self.change(planted)
            return planted

        return decorator


def _fifo(planted: Any) -> None:
    class Still(type(planted.entries)):  # type: ignore[misc]
        def move_to_end(self, key: object, last: bool = True) -> None:
            pass

    planted.entries = Still()


def _untyped(planted: Any) -> None:
    planted.typed = False


def _one_too_many(planted: Any) -> None:
    if planted.maxsize:
        planted.maxsize += 1


@pytest.mark.parametrize("change", [_fifo, _untyped, _one_too_many])
def test_a_planted_difference_is_found(change: Callable[[Any], None]) -> None:
    planted = _Planted(change)
    assert any(exact.difference(seed, planted) for seed in range(20))


def test_a_planted_leak_is_found() -> None:
    kept: list[object] = []

    def leaking(maxsize: int | None, typed: bool) -> Callable[[Callable[..., object]], Any]:
        def decorator(function: Callable[..., object]) -> Any:
            def keeping(*args: object, **kwargs: object) -> object:
                kept.append(args)
                return function(*args, **kwargs)

            return functools.lru_cache(maxsize, typed)(keeping)

        return decorator

    assert leaks.counted(leaking)
    assert any(exact.difference(seed, leaking) for seed in range(3))


def test_a_planted_wrong_result_is_found() -> None:
    def confused(maxsize: int | None, typed: bool) -> Callable[[Callable[..., object]], Any]:
        def decorator(function: Callable[..., object]) -> Any:
            cached = functools.lru_cache(maxsize, typed)(function)
            last: list[object] = []

            def call(*args: object, **kwargs: object) -> object:
                came = cached(*args, **kwargs)
                last.append(came)
                return last[0] if len(last) % 50 == 0 else came

            call.cache_info, call.cache_clear = cached.cache_info, cached.cache_clear  # type: ignore[attr-defined]
            return call

        return decorator

    assert any(wild.Wild(seed, confused).run(200) for seed in range(20))
