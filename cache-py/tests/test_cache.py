"""`memolith.Cache`: one behaviour in memory and in front of backends."""

from __future__ import annotations

import gc
import math
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from memolith import Cache

KINDS = ["near", "sqlite", "memory", *(["shm"] if sys.platform == "linux" else [])]
Make = Callable[..., "Cache[Any, Any]"]


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes caches of one kind."""
    urls = {"near": None, "memory": "memory:"}
    url = urls.get(request.param, f"{request.param}:{tmp_path / 'cache.db'}")
    return lambda maxsize=None, **options: Cache(maxsize, **{"backend": url, **options})


@pytest.fixture(params=[kind for kind in KINDS if kind in ("sqlite", "shm")])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A URL of each kind that two caches can share."""
    return f"{request.param}:{tmp_path / 'cache.db'}"


def passed(condition: Callable[[], bool]) -> bool:
    """Whether it becomes true; nothing else tells that time has passed."""
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_a_mapping(make: Make) -> None:
    cache = make()
    assert "a" not in cache
    assert len(cache) == 0
    assert bool(cache)
    cache["a"] = [1]
    cache.set("b", None)
    assert cache["a"] == [1]
    assert cache.get("b", 5) is None
    assert cache.get("c") is None
    assert cache.get("c", 5) == 5
    assert "a" in cache and "b" in cache and "c" not in cache
    assert len(cache) == 2
    with pytest.raises(KeyError, match="'c'"):
        cache["c"]
    with pytest.raises(KeyError, match="'c'"):
        del cache["c"]
    del cache["a"]
    assert "a" not in cache
    cache.clear()
    assert len(cache) == 0


def test_memory_gives_the_identical_object(make: Make) -> None:
    cache = make()
    value = [1]
    cache["a"] = value
    assert cache["a"] is value


def test_keys_come_back_as_they_were(make: Make) -> None:
    cache = make()
    entries = {1: "int", "text": [1], (1, "a", None): {"x": 1}, b"bytes": 2.5, 2.5: True, None: (), "k" * 500: "long"}
    cache.update(entries)
    cache.update([("pair", 1)], word=2)
    entries |= {"pair": 1, "word": 2}
    assert dict(cache.items()) == entries
    assert set(cache) == set(cache.keys()) == set(entries)
    assert {type(key) for key in cache} == {type(key) for key in entries}
    assert sorted(map(repr, cache.values())) == sorted(map(repr, entries.values()))


def test_equal_keys_are_one(make: Make) -> None:
    cache = make()
    cache[1] = "int"
    assert cache[1.0] == cache[True] == "int"
    cache[1.0] = "float"
    assert cache[1] == "float"
    assert len(cache) == 1


def test_pop_setdefault_add(make: Make) -> None:
    cache = make()
    assert cache.add("a", 1) is True
    assert cache.add("a", 2) is False
    assert cache.setdefault("a", 3) == 1
    assert cache.setdefault("b", 3) == 3
    assert cache.pop("a") == 1
    assert cache.pop("a", None) is None
    with pytest.raises(KeyError):
        cache.pop("a")
    assert cache.items() == [("b", 3)]


def test_only_one_thread_adds(make: Make) -> None:
    cache, together = make(), threading.Barrier(8)
    added: list[bool] = []

    def add() -> None:
        together.wait(60)
        added.append(cache.add("a", 1))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == [False] * 7 + [True]


def test_numbers_are_counted(make: Make) -> None:
    cache = make()
    assert cache.incr("n") == 1
    assert cache.incr("n", 5) == 6
    assert cache.decr("n", 2) == 4
    assert cache.incr("m", default=10) == 11
    assert cache["n"] == 4
    cache["text"] = "a"
    with pytest.raises(TypeError, match="no int"):
        cache.incr("text")
    threads = [threading.Thread(target=lambda: [cache.incr("t") for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache["t"] == 200


def test_entries_end(make: Make) -> None:
    cache = make()
    cache.set("short", 1, ttl=0.05)
    cache.set("text", 1, ttl="50ms", tags=["t"])
    cache.set("delta", 1, ttl=timedelta(milliseconds=50))
    cache.set("long", 2, ttl="1h")
    cache.set("for ever", 3, ttl=math.inf)
    cache["plain"] = 4
    assert passed(lambda: "short" not in cache and "text" not in cache and "delta" not in cache)
    assert cache.get("short") is None
    assert cache.expire() >= 0
    assert dict(cache.items()) == {"long": 2, "for ever": 3, "plain": 4}


def test_the_cache_s_own_time_to_live(make: Make) -> None:
    cache = make(ttl=0.05, name="brief")
    cache["a"] = 1
    cache.set("b", 2, ttl=3600)
    assert passed(lambda: "a" not in cache)
    assert cache["b"] == 2


def test_touch_prolongs_and_incr_does_not(make: Make) -> None:
    cache = make()
    cache.set("touched", 1, ttl=0.1, tags=["t"])
    cache.set("counted", 1, ttl=0.1)
    assert cache.touch("touched", 3600) is True
    assert cache.touch("missing", 1) is False
    assert cache.incr("counted") == 2
    assert passed(lambda: "counted" not in cache)
    assert cache["touched"] == 1
    assert cache.invalidate_tag("t") == 1


def test_tags(make: Make) -> None:
    cache = make()
    cache.set("a", 1, tags=["red", "round"])
    cache.set("b", 2, tags=["red"])
    cache.set("c", 3, tags=["größe"])
    cache["d"] = 4
    assert cache["a"] == 1
    assert cache.invalidate_tag("red") == 2
    assert cache.invalidate_tag("red") == 0
    assert cache.evict("größe") == 1
    assert cache.items() == [("d", 4)]
    with pytest.raises(TypeError, match="list"):
        cache.set("e", 5, tags="red")


def test_one_thread_computes(make: Make) -> None:
    cache = make()
    began, go_on = threading.Event(), threading.Event()
    ran: list[int] = []

    def compute() -> list[int]:
        ran.append(1)
        began.set()
        assert go_on.wait(60)
        return [1]

    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(cache.get_or_insert("a", compute))) for _ in range(6)]
    threads[0].start()
    assert began.wait(60)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join()
    assert ran == [1]
    assert results == [[1]] * 6
    assert cache["a"] is results[0]


def test_get_or_insert_with_a_life_and_tags(make: Make) -> None:
    cache = make()
    assert cache.get_or_insert("a", lambda: 1, ttl=0.05, tags=["t"]) == 1
    assert cache.get_or_insert("b", lambda: 2, ttl=3600, tags=["t"]) == 2
    assert passed(lambda: "a" not in cache)
    assert cache.get_or_insert("b", lambda: 3) == 2
    assert cache.invalidate_tag("t") == 1
    with pytest.raises(LookupError, match="planned"):
        cache.get_or_insert("c", raising)
    assert "c" not in cache
    assert cache.get_or_insert("c", lambda: None) is None
    assert "c" in cache


@pytest.mark.parametrize("ttl", [None, 3600])
def test_what_is_stored_while_a_value_is_computed_stays(make: Make, ttl: int | None) -> None:
    cache = make()

    def outrun() -> str:
        cache["a"] = "new"
        return "old"

    def forgotten() -> str:
        cache.clear()
        return "old"

    assert cache.get_or_insert("a", outrun, ttl=ttl) == "old"
    assert cache["a"] == "new"
    assert cache.get_or_insert("b", forgotten, ttl=ttl) == "old"
    assert "b" not in cache


@pytest.mark.parametrize("ttl", [0, -1, "0s", timedelta(seconds=-1), math.nan])
def test_no_time_to_live_is_refused(make: Make, ttl: Any) -> None:
    cache = make()
    cache["a"] = 1
    for refused in (
        lambda: cache.set("a", 2, ttl=ttl),
        lambda: cache.add("b", 2, ttl=ttl),
        lambda: cache.touch("a", ttl),
        lambda: cache.get_or_insert("b", lambda: 2, ttl=ttl),
    ):
        with pytest.raises(ValueError, match="more than 0"):
            refused()
    assert cache.items() == [("a", 1)]


@pytest.mark.parametrize("policy", ["lru", "sieve"])
def test_a_bound_of_nothing_can_be_set(make: Make, policy: str) -> None:
    for entries in (0, 2):
        cache = make(memory=10, policy=policy, name=f"bound {entries}")
        cache.update((x, x) for x in range(entries))
        cache.set_maxsize(0)
        assert [cache.get_or_insert(x, lambda: "made") for x in ("a", "b")] == ["made"] * 2
        cache.set_maxsize(2)
        cache["c"] = 1
        assert cache["c"] == 1


def raising() -> None:
    raise LookupError("planned")


def test_bounds_and_counters(make: Make) -> None:
    cache = make(3)
    for x in range(10):
        cache[x] = x
    assert len(cache) <= 3
    cache.set_maxsize(1)
    assert len(cache) <= 1
    cache.set_maxsize(None)
    cache.clear()
    cache["a"] = 1
    cache.get("a")
    cache.get("b")
    info = cache.info()
    assert (info.hits, info.misses, info.maxsize, info.currsize) == (1, 1, None, 1)


def test_a_closed_cache(make: Make) -> None:
    with make() as cache:
        cache["a"] = 1
        assert not cache.closed
        assert "1 entries" in repr(cache)
    assert cache.closed
    assert "closed" in repr(cache)
    for use in (lambda: cache["a"], lambda: len(cache), lambda: cache.set("a", 1), cache.clear, cache.info, cache.keys):
        with pytest.raises(ValueError, match="closed"):
            use()
    cache.close()


def test_a_cache_in_a_cycle_is_collected() -> None:
    cache: Cache[str, Any] = Cache()
    cache["self"] = [cache]
    gone = weakref.ref(cache)
    del cache
    gc.collect()
    assert gone() is None


def test_a_bound_by_bytes_is_refused_in_memory() -> None:
    with pytest.raises(ValueError, match="max_bytes"):
        Cache(max_bytes="1KB")


def test_unhashable_keys_are_refused_in_memory() -> None:
    cache: Cache[Any, Any] = Cache()
    with pytest.raises(TypeError, match="unhashable"):
        cache[[]] = 1
    with pytest.raises(TypeError, match="unhashable"):
        cache.get_or_insert([], lambda: 1)


def test_two_caches_share_a_place(place: str) -> None:
    one: Cache[Any, Any] = Cache(backend=place, name="shared")
    other: Cache[Any, Any] = Cache(backend=place, name="shared")
    apart: Cache[Any, Any] = Cache(backend=place, name="apart")
    one.set("a", {"x": [1]}, tags=["t"])
    assert other["a"] == {"x": [1]}
    assert "a" not in apart
    assert other.invalidate_tag("t") == 1
    assert passed(lambda: one.get("a") is None)


def test_writes_behind_are_seen(place: str) -> None:
    cache: Cache[Any, Any] = Cache(backend=place, writes="behind")
    for x in range(100):
        cache[x] = x
    assert sorted(cache) == list(range(100))
    cache.close()
    assert sorted(Cache(backend=place)) == list(range(100))


def test_codecs_of_other_languages_keep_values_bare(place: str) -> None:
    cache: Cache[Any, Any] = Cache(backend=place, codec="json", name="bare")
    cache["a"] = {"x": [1, 2.5, None]}
    assert Cache(backend=place, codec="json", name="bare")["a"] == {"x": [1, 2.5, None]}
    with pytest.raises(TypeError, match="no room for tags"):
        cache.set("b", 1, tags=["t"])
    with pytest.raises(TypeError, match="no room for tags"):
        cache.invalidate_tag("t")


def test_signed_entries(place: str) -> None:
    told: list[Exception] = []
    secret, other = b"a secret of sixteen bytes", b"another secret of theirs"
    cache: Cache[Any, Any] = Cache(backend=place, sign=secret)
    cache.set("a", [1], tags=["t"])
    assert Cache(backend=place, sign=secret)["a"] == [1]
    assert Cache(backend=place, sign=secret).items() == [("a", [1])]
    assert Cache(backend=place, sign=other, on_error=told.append).get("a") is None
    assert len(told) == 1


@pytest.mark.parametrize("codec", ["json", "messagepack", "cbor"])
def test_keys_come_back_from_what_names_them(place: str, codec: str, caplog: pytest.LogCaptureFixture) -> None:
    cache: Cache[Any, Any] = Cache(backend=place, codec=codec, name="named")
    keys = [
        *(None, "text", "\ud800", b"\0\xff", 0, -1, 2**63, -(2**64) - 1, 2**200, 1.5, math.inf),
        *((), ("a", (1, -2.5)), frozenset({"a", "b"})),
    ]
    for number, key in enumerate(keys):
        cache[key] = number
    assert dict(cache.items()) == dict(zip(keys, range(len(keys)), strict=True))
    assert {type(key) for key in cache} == {type(key) for key in keys}
    cache["long" * 100] = -1
    cache[date(2026, 11, 21)] = -2
    assert len(cache) == len(keys) + 2
    assert set(cache) == set(keys), "what cannot be made again is left out"
    assert sorted(record.message.count("left out") for record in caplog.records[-2:]) == [1, 1]


def test_what_was_set_is_there_whatever_others_change(make: Make) -> None:
    for options in ({}, {"memory": 0}):
        cache = make(**options)
        cache["key"] = 0
        ended = threading.Event()

        def change(ended: threading.Event = ended, cache: Cache[str, int] = cache) -> None:
            while not ended.is_set():
                cache.touch("key")
                cache.incr("key", 0)

        threads = [threading.Thread(target=change) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for number in range(300):
                cache["key"] = number
                assert cache["key"] == number
                cache.set("key", -number)
                assert cache["key"] == -number
        finally:
            ended.set()
            for thread in threads:
                thread.join()


class Meeting:
    """A number that adds itself only when another thread does the same to another cache, and then changes that one."""

    def __init__(self, together: threading.Barrier, other: Cache[str, int]) -> None:
        self.together, self.other, self.is_first = together, other, True

    def __radd__(self, value: int) -> int:
        if self.is_first:
            self.is_first = False
            self.together.wait(30)
            self.other.set("key", 10)
        return value + 1


def test_changes_of_two_caches_do_not_wait_for_each_other(make: Make) -> None:
    one, other, together = make(name="one"), make(name="other"), threading.Barrier(2)
    sums: list[int] = []

    def add(cache: Cache[str, int], delta: Any) -> None:
        sums.append(cache.incr("key", delta))

    threads = [
        threading.Thread(target=add, args=(one, Meeting(together, other)), daemon=True),
        threading.Thread(target=add, args=(other, Meeting(together, one)), daemon=True),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    # What was computed from what is there no more was computed again.
    assert set(sums) <= {1, 11}
    assert one["key"] in (10, 11) and other["key"] in (10, 11)


def test_a_change_meanwhile_is_not_lost(make: Make) -> None:
    cache = make()
    cache["key"] = 1
    meeting = Meeting(threading.Barrier(1), cache)
    assert cache.incr("key", meeting) == 11  # type: ignore[arg-type]
    assert cache["key"] == 11


def test_a_listener_changes_the_cache_that_told_it(place: str) -> None:
    told: list[Exception] = []

    def listen(error: Exception) -> None:
        told.append(error)
        assert error.__cause__ is not None
        cache["key"] = len(told)

    cache: Cache[str, Any] = Cache(backend=place, on_error=listen)
    cache["key"] = lambda: None
    assert cache["key"] == len(told) == 1
    assert cache.pop("key") == 1
    assert cache.add("key", lambda: None)
    assert cache["key"] == len(told) == 2


def test_keys_that_change_the_cache_when_they_are_compared() -> None:
    cache: Cache[Any, int] = Cache()

    class Restless:
        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            cache[object()] = 1
            return False

    cache[Restless()] = 1
    for use in (lambda: cache.set(Restless(), 1), lambda: cache.get(Restless()), lambda: cache.pop(Restless(), 1)):
        with pytest.raises(RuntimeError, match="compared"):
            use()


@pytest.mark.parametrize("change", [lambda cache: cache.set("a", 2), lambda cache: cache.touch("a")])
def test_what_was_set_last_leaves_last(change: Callable[[Cache[str, int]], object]) -> None:
    cache: Cache[str, int] = Cache(2)
    cache.update(a=1, b=1)
    change(cache)
    cache["c"] = 1
    assert sorted(cache) == ["a", "c"]


if hasattr(os, "fork"):

    def test_a_child_does_not_wait_for_the_threads_of_its_parent(make: Make) -> None:
        cache = make()
        held, ended = threading.Event(), threading.Event()

        class Slow:
            def __radd__(self, value: int) -> int:
                held.set()
                ended.wait()
                return value + 1

        thread = threading.Thread(target=lambda: cache.incr("key", Slow()))  # type: ignore[arg-type]
        thread.start()
        held.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            cache["key"] = 1
            os._exit(cache["key"])
        ended.set()
        thread.join()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_the_collector_may_run_while_a_cache_is_made(make: Make) -> None:
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(20):
            make().mark = "an attribute"
    finally:
        gc.set_threshold(*before)


def test_many_are_looked_up_and_computed_at_once(make: Make) -> None:
    cache = make()
    cache["b"] = 2
    assert cache.get_many(["a", "b", "a"]) == {"b": 2}
    asked: list[list[str]] = []

    def compute(missing: list[str]) -> dict[str, int]:
        asked.append(missing)
        return {key: ord(key) - 96 for key in reversed(missing)}

    assert list(cache.get_or_insert_many("abca", compute).items()) == [("a", 1), ("b", 2), ("c", 3)]
    assert cache.get_or_insert_many(iter("cb"), compute) == {"c": 3, "b": 2}
    assert cache.get_or_insert_many([], compute) == {}
    assert asked == [["a", "c"]]
    assert cache.get_many("abcd") == {"a": 1, "b": 2, "c": 3}
    cache.get_or_insert_many(["x", "y"], lambda missing: dict.fromkeys(missing, 0), tags=["zero"])
    cache.invalidate_tag("zero")
    assert "x" not in cache and "a" in cache


def test_of_many_that_fail_none_is_kept(make: Make) -> None:
    cache = make()

    def fails(missing: list[str]) -> dict[str, int]:
        raise OSError("nobody answers")

    with pytest.raises(OSError, match="nobody answers"):
        cache.get_or_insert_many(["a", "b"], fails)
    with pytest.raises(ValueError, match="a value for each key"):
        cache.get_or_insert_many(["a", "b"], lambda missing: {"a": 1})
    with pytest.raises(TypeError):
        cache.get_or_insert_many([["no", "key"]], dict)
    with pytest.raises(TypeError, match="list of texts"):
        cache.get_or_insert_many(["a"], dict, tags="one")
    assert cache.get_many(["a", "b"]) == {}
    assert cache.get_or_insert_many(["a", "b"], lambda missing: dict.fromkeys(missing, 1)) == {"a": 1, "b": 1}


def test_threads_compute_each_of_many_once(tmp_path: Path) -> None:
    cache: Cache[int, int] = Cache(backend=f"sqlite:{tmp_path / 'many.db'}", memory=0)
    together, computed = threading.Barrier(6), []

    def compute(missing: list[int]) -> dict[int, int]:
        time.sleep(0.02)
        computed.extend(missing)
        return {key: key * key for key in missing}

    def ask(first: int) -> None:
        together.wait(60)
        keys = [(first * 7 + at * 3) % 20 for at in range(12)]
        assert cache.get_or_insert_many(keys, compute) == {key: key * key for key in keys}

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(computed) == sorted(set(computed))
    assert cache.info().errors == 0


def test_an_old_value_is_served_where_a_new_one_fails(tmp_path: Path) -> None:
    for url in ("memory:", f"sqlite:{tmp_path / 'old.db'}"):
        cache: Cache[str, str] = Cache(backend=url, ttl=0.2, stale="1h", early_refresh=True, jitter=0.1)

        def fails() -> str:
            raise OSError("nobody answers")

        assert cache.get_or_insert("world", lambda: "news") == "news"
        time.sleep(0.3)
        assert cache.get_or_insert("world", fails) == "news"
        assert cache["world"] == "news"
        assert cache.info().stale >= 1
        with pytest.raises(OSError, match="nobody answers"):
            cache.get_or_insert("sports", fails)
        del cache["world"]
        with pytest.raises(OSError, match="nobody answers"):
            cache.get_or_insert("world", fails)


def test_old_values_need_a_backend_and_a_life() -> None:
    for wrong in ({"stale": "1h"}, {"ttl": 5, "jitter": 2.0}, {"ttl": 5, "stale": 5, "single_flight": False}):
        with pytest.raises(ValueError):
            Cache(backend="memory:", **wrong)
    with pytest.raises(ValueError, match="needs a `backend`"):
        Cache(ttl=5, stale=5)
    Cache(ttl=5, early_refresh=False)
