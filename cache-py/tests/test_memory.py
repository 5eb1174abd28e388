"""The memory tier does with any arguments what functools does with them."""

from __future__ import annotations

import functools
import gc
import random
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import memolith
import pytest

SIZES = [None, 0, 1, 3, 16, 128]


class Clash:
    """Equal by value, with hashes that clash."""

    def __init__(self, value: int, hash: int) -> None:
        self.value, self.hash = value, hash

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        return self.value == (other.value if isinstance(other, Clash) else other)


class Text(str):
    """A string that is not exactly one."""


POOL: list[Any] = [0, 1, -1, -2, True, False, 1.0, 0.0, -0.0, 2**61 - 1, 2**70, "a", "b", "1", b"a", None, (), (1,)]
POOL += [(1.0,), ("a", 2), (1, (2, 3)), frozenset([1]), 1 + 0j, float("nan"), float("inf"), Text("a")]
POOL += ["é", "日本", b""]
POOL += [Clash(number % 5, hash) for number in range(10) for hash in (0, 1, 7)]


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("maxsize", SIZES)
def test_random_calls_are_counted_as_by_functools(maxsize: int | None, typed: bool) -> None:
    dice = random.Random(f"{maxsize} {typed}")
    plain = functools.lru_cache(maxsize, typed)(lambda *args, **kwargs: object())
    cached = memolith.lru_cache(maxsize, typed)(lambda *args, **kwargs: object())
    for _ in range(5_000):
        args = [dice.choice(POOL) for _ in range(dice.choice([0, 1, 1, 1, 2, 2, 3, 5]))]
        kwargs = {dice.choice("abcd"): dice.choice(POOL) for _ in range(dice.choice([0, 0, 0, 1, 2]))}
        plain(*args, **kwargs), cached(*args, **kwargs)
        assert cached.cache_info() == plain.cache_info(), (args, kwargs)


@pytest.mark.parametrize("maxsize", [7, 1_000, 5_000, None])
def test_many_entries_come_and_go(maxsize: int | None) -> None:
    dice = random.Random(0)
    plain, cached = functools.lru_cache(maxsize)(str), memolith.lru_cache(maxsize)(str)
    keys = [*range(4_000), *(8 * number for number in range(2_000)), *map(str, range(2_000))]
    for _ in range(30_000):
        key = dice.choice(keys)
        assert cached(key) == plain(key) == str(key)
    assert cached.cache_info() == plain.cache_info()


def test_the_hash_is_asked_for_once_a_call() -> None:
    class Counted:
        asked = 0

        def __hash__(self) -> int:
            Counted.asked += 1
            return 999

    key, cached = Counted(), memolith.lru_cache(maxsize=1)(lambda *args: args)
    for calls in range(1, 5):
        cached(key)
        assert Counted.asked == calls
    cached.cache_clear()
    for calls in range(5, 9):
        cached(key, 1)
        assert Counted.asked == calls


def test_exceptions_of_hash_and_comparison_come_through() -> None:
    class Angry:
        def __hash__(self) -> int:
            return 5

        def __eq__(self, other: object) -> bool:
            raise LookupError("incomparable")

    cached = memolith.lru_cache(lambda *args: args)
    cached(Angry(), 1)
    for call in (cached, cached.get, cached.invalidate):
        with pytest.raises(LookupError):
            call(Angry(), 1)
        with pytest.raises(TypeError, match="unhashable"):
            call([])
    assert cached.cache_info() == (0, 1, 128, 1)


def test_an_exception_is_not_kept() -> None:
    calls: list[int] = []

    @memolith.lru_cache
    def fail(value: int) -> int:
        calls.append(value)
        raise LookupError(value)

    for _ in range(2):
        with pytest.raises(LookupError):
            fail(1)
    assert calls == [1, 1]
    assert fail.cache_info() == (0, 2, 128, 0)


@pytest.mark.parametrize("act", ["call", "clear", "invalidate", "evict"])
def test_a_comparison_may_change_the_cache(act: str) -> None:
    actions: list[Callable[[], object]] = []

    class Meddler:
        def __init__(self, value: int) -> None:
            self.value = value

        def __hash__(self) -> int:
            return 5

        def __eq__(self, other: object) -> bool:
            if actions:
                actions.pop()()
            return isinstance(other, Meddler) and self.value == other.value

    cached = memolith.lru_cache(maxsize=3)(lambda key: [key.value if isinstance(key, Meddler) else key])
    keys = [Meddler(number) for number in range(3)]
    for key in keys:
        cached(key)
    changes: dict[str, Callable[[], object]] = {
        "call": lambda: cached(Meddler(9)),
        "clear": cached.cache_clear,
        "invalidate": lambda: cached.invalidate(keys[0]),
        "evict": lambda: [cached(number) for number in range(5)],
    }
    actions.append(changes[act])
    assert cached(Meddler(2)) == [2]
    assert not actions
    assert cached.cache_info().currsize <= 3


def test_a_comparison_that_always_changes_the_cache_ends() -> None:
    numbers = iter(range(10**6))

    class Restless:
        def __hash__(self) -> int:
            return 5

        def __eq__(self, other: object) -> bool:
            cached(next(numbers))
            return False

    cached = memolith.lru_cache(maxsize=100)(lambda key: [key])
    first, second = Restless(), Restless()
    assert cached(first) == [first]
    assert cached(second) == [second]


def test_a_finalizer_may_call_back() -> None:
    class Last:
        def __del__(self) -> None:
            cached(len(finalized))
            finalized.append(1)

    finalized: list[int] = []
    cached = memolith.lru_cache(maxsize=2)(lambda key: Last() if key == "last" else key)
    cached("last")
    for number in range(100, 110):
        cached(number)
    assert finalized == [1]
    cached("last")
    cached.cache_clear()
    assert finalized == [1, 1]


def test_no_reference_is_leaked() -> None:
    key, value = (object(), object()), object()
    before = sys.getrefcount(key), sys.getrefcount(value), sys.getrefcount(key[0])
    for maxsize in (None, 1, 5):
        cached = memolith.lru_cache(maxsize)(lambda *args, **kwargs: value)
        for number in range(10):
            cached(key), cached(key, number), cached(number, key, value, name=key), cached(key[0])
            cached.invalidate(key), cached.get(key[0])
        cached.cache_clear()
        cached(key)
        del cached
    gc.collect()
    assert (sys.getrefcount(key), sys.getrefcount(value), sys.getrefcount(key[0])) == before


def test_hits_allocate_nothing() -> None:
    def calls(cached: Any) -> list[Callable[[], object]]:
        # More arguments than CPython has tuples in stock for, written out: from `*many` the caller makes one.
        many = eval(f"lambda cached: lambda: cached({', '.join(map(str, range(30)))})")
        return [
            lambda: cached(1),
            lambda: cached("a"),
            lambda: cached(1, 2),
            lambda: cached((1, 2)),
            lambda: cached(1, k=1),
            many(cached),
        ]

    def some(*args: object, **kwargs: object) -> object:
        return None

    floor = _peak(lambda: None)
    assert [_peak(call) - floor for call in calls(memolith.lru_cache(some))] == [0] * 6
    # functools makes a tuple of the arguments.
    assert _peak(calls(functools.lru_cache(some))[-1]) > floor


def _peak(call: Callable[[], object]) -> int:
    """Bytes that Python allocates during a call, at most at once; what comes from its stocks is not among them."""
    call(), call()
    tracemalloc.start()
    try:
        call()
        tracemalloc.clear_traces()
        tracemalloc.reset_peak()
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "policy", ["lru", "mru", "fifo", "lfu", "random", "sieve", "s3fifo", "tinylfu", "tenure", "auto"]
)
def test_every_policy_holds_the_bound(policy: str) -> None:
    cached = memolith.lru_cache(10, policy=policy)(lambda number: [number])
    dice = random.Random(1)
    for _ in range(3_000):
        number = int(dice.paretovariate(0.7)) % 60
        assert cached(number) == [number]
    info = cached.cache_info()
    assert info.currsize == 10
    assert info.hits + info.misses == 3_000
    assert info.evictions == info.misses - 10
    assert info.hits > 300
    cached.invalidate(1)
    cached.cache_clear()
    assert cached(1) is cached(1)


@pytest.mark.parametrize("ttl", [0.02, "20ms", timedelta(milliseconds=20)])
def test_results_end(ttl: Any) -> None:
    cached = memolith.lru_cache(ttl=ttl)(lambda value: [value])
    begin = time.monotonic()
    value = cached(1)
    while cached(1) is value:
        assert time.monotonic() - begin < 10
    assert time.monotonic() - begin >= 0.02
    info = cached.cache_info()
    assert (info.misses, info.currsize, info.expired) == (2, 1, 1)


def test_idle_results_end_and_used_ones_do_not() -> None:
    cached = memolith.lru_cache(tti="200ms", maxsize=None)(lambda value: [value])
    used, idle = cached(1), cached(2)
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        assert cached(1) is used
    assert cached.cache_info().currsize == 1
    assert cached(2) is not idle


def test_what_nobody_asks_for_does_not_stay_for_ever() -> None:
    class Value:
        pass

    cached = memolith.lru_cache(maxsize=None, ttl="1ms")(lambda number: Value())
    for number in range(1_000):
        cached(number)
    end = time.monotonic() + 0.01
    while time.monotonic() < end:
        pass
    for number in range(1_000, 3_000):
        cached(number)
    gc.collect()
    assert cached.cache_info().expired >= 1_000


def test_threads_share_a_cache() -> None:
    cached = memolith.lru_cache(maxsize=50)(lambda number: [number])
    failures: list[object] = []

    def work(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(5_000):
            number = dice.randrange(100)
            if cached(number) != [number]:
                failures.append(number)
            if number == 0:
                cached.invalidate(dice.randrange(100))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    info = cached.cache_info()
    assert not failures
    assert info.hits + info.misses == 20_000
    assert info.currsize <= 50


def test_calls_with_very_many_arguments() -> None:
    cached = memolith.lru_cache(lambda *args, **kwargs: [len(args), len(kwargs)])
    names = {f"n{number}": number for number in range(300)}
    assert cached(*range(1_000), **names) is cached(*range(1_000), **names)
    assert cached(*range(2_000_000)) == [2_000_000, 0]


STRIDES = [1, -1, 8, 15, 64, 1024, 7919, 2**14, 15 * 2**14, 2**20, 2**24, 2**32, 2**55 + 1, 0.5, 2.0**30]


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("maxsize", [None, 100, 3000])
def test_keys_at_any_distance_come_and_go(stride: float, maxsize: int | None) -> None:
    ours, theirs = (cached(maxsize)(lambda key: [key]) for cached in (memolith.lru_cache, functools.lru_cache))
    numbers = random.Random(stride)
    for start in (0, 2**24 - 2000):
        for at in range(4000):
            for key in ((start + at) * stride, (start + numbers.randrange(at + 1)) * stride):
                assert ours(key) == theirs(key) == [key]
    assert ours.cache_info() == theirs.cache_info()


def test_many_keys_of_one_hash_come_and_go() -> None:
    keys = [Clash(value, 5) for value in range(120)]
    ours, theirs = (cached(50)(lambda key: key.value) for cached in (memolith.lru_cache, functools.lru_cache))
    numbers = random.Random(6)
    for at in range(1500):
        key = keys[numbers.randrange(1 + at % 120)]
        assert ours(key) == theirs(key) == key.value
    assert ours.cache_info() == theirs.cache_info()
    ours.cache_clear()
    assert ours(keys[0]) == 0
    assert ours.cache_info()[:4] == (0, 1, 50, 1)
