"""What a block, a task or a request may do with caches, and what is counted of it."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memolith import Cache, CacheMiss, Scope, ScopeStats, lru_cache
from servers import server


class Subject:
    """A cache that computes `(key, number of the computation)`, of whatever kind."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.cache: Any = None
        self.ask: Callable[[int], Any] = self._unset
        self.peek: Callable[[int], Any] = self._unset
        self.forget: Callable[[int], Any] = self._unset

    def compute(self, key: int) -> list[int]:
        self.calls.append(key)
        return [key, len(self.calls)]

    def _unset(self, key: int) -> Any:
        raise NotImplementedError


def function(**options: Any) -> Subject:
    subject = Subject()

    @lru_cache(**options)
    def cached(key: int) -> list[int]:
        return subject.compute(key)

    subject.cache = subject.ask = cached
    subject.peek, subject.forget = cached.get, cached.invalidate
    return subject


def coroutine(**options: Any) -> Subject:
    subject = Subject()

    @lru_cache(**options)
    async def cached(key: int) -> list[int]:
        await asyncio.sleep(0)
        return subject.compute(key)

    async def ask(key: int) -> Any:
        return await cached(key)

    subject.cache = cached
    # A new event loop inherits the context.
    subject.ask = lambda key: asyncio.run(ask(key))
    subject.peek, subject.forget = cached.get, cached.invalidate
    return subject


def mapping(**options: Any) -> Subject:
    subject = Subject()
    cache: Cache[int, Any] = Cache(100, **options)
    subject.cache = cache
    subject.ask = lambda key: cache.get_or_insert(key, lambda: subject.compute(key))
    subject.peek, subject.forget = cache.get, lambda key: cache.pop(key, None)
    return subject


def many(**options: Any) -> Subject:
    subject = mapping(**options)
    cache = subject.cache

    def ask(key: int) -> Any:
        return cache.get_or_insert_many([key], lambda keys: {key: subject.compute(key) for key in keys})[key]

    subject.ask = ask
    return subject


KINDS: dict[str, tuple[Callable[..., Subject], dict[str, Any]]] = {
    "function": (function, {}),
    "unbounded": (function, {"maxsize": None}),
    "with a ttl": (function, {"ttl": "1h"}),
    "with a key": (function, {"key": lambda key: key}),
    "single flight": (function, {"single_flight": True}),
    "sqlite": (function, {"backend": "sqlite"}),
    "sqlite without memory": (function, {"backend": "sqlite", "memory": 0}),
    "sqlite, side by side": (function, {"backend": "sqlite", "single_flight": False}),
    "redis": (function, {"backend": "redis"}),
    "async": (coroutine, {}),
    "async, side by side": (coroutine, {"single_flight": False}),
    "async sqlite": (coroutine, {"backend": "sqlite"}),
    "async sqlite without memory": (coroutine, {"backend": "sqlite", "memory": 0}),
    "async sqlite, side by side": (coroutine, {"backend": "sqlite", "single_flight": False}),
    "mapping": (mapping, {}),
    "mapping, side by side": (mapping, {"single_flight": False}),
    "mapping sqlite": (mapping, {"backend": "sqlite"}),
    "mapping sqlite, side by side": (mapping, {"backend": "sqlite", "single_flight": False}),
    "many": (many, {}),
    "many sqlite": (many, {"backend": "sqlite"}),
}


@pytest.fixture(params=KINDS)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    make, options = KINDS[request.param]
    backend = options.get("backend")
    if backend == "redis":
        with server() as it:
            yield make(**{**options, "backend": it.url})
        return
    yield make(**({**options, "backend": f"sqlite:{tmp_path / 'cache.db'}"} if backend else options))


def counted(scope: Scope) -> tuple[int, int, int]:
    stats = scope.stats()
    return stats.hits, stats.misses, stats.computed


def test_a_scope_without_a_mode_counts_and_changes_nothing(subject: Subject) -> None:
    assert subject.ask(1) == [1, 1]
    with Scope() as scope:
        assert [subject.ask(1), subject.ask(2), subject.ask(2)] == [[1, 1], [2, 2], [2, 2]]
    assert counted(scope) == (2, 1, 1)
    assert subject.ask(2) == [2, 2]
    assert counted(scope) == (2, 1, 1)


def test_read_only_serves_what_is_there_and_keeps_nothing(subject: Subject) -> None:
    assert subject.ask(1) == [1, 1]
    with Scope("read_only") as scope:
        assert [subject.ask(1), subject.ask(2), subject.ask(2)] == [[1, 1], [2, 2], [2, 3]]
    assert counted(scope) == (1, 2, 2)
    assert (subject.peek(1), subject.peek(2)) == ([1, 1], None)


def test_write_only_computes_each_time_and_replaces(subject: Subject) -> None:
    assert subject.ask(1) == [1, 1]
    with Scope("write_only") as scope:
        assert [subject.ask(1), subject.ask(1)] == [[1, 2], [1, 3]]
        assert subject.peek(1) is None
    assert counted(scope)[0::2] == (0, 2)
    assert subject.ask(1) == [1, 3]


def test_disabled_neither_reads_nor_writes(subject: Subject) -> None:
    assert subject.ask(1) == [1, 1]
    with Scope("disabled") as scope:
        assert [subject.ask(1), subject.ask(2)] == [[1, 2], [2, 3]]
    assert counted(scope) == (0, 2, 2)
    assert (subject.peek(1), subject.peek(2)) == ([1, 1], None)


def test_never_compute_raises_in_place_of_a_computation(subject: Subject) -> None:
    assert subject.ask(1) == [1, 1]
    with Scope("never_compute") as scope:
        assert subject.ask(1) == [1, 1]
        with pytest.raises(CacheMiss, match="never_compute"):
            subject.ask(2)
    assert counted(scope) == (1, 1, 0)
    assert (subject.calls, subject.peek(2)) == ([1], None)
    # Nobody is kept from computing it afterwards.
    assert subject.ask(2) == [2, 2]


def test_what_is_removed_in_a_scope_is_removed(subject: Subject) -> None:
    subject.ask(1)
    with Scope("read_only"):
        subject.forget(1)
    assert subject.peek(1) is None


def test_scopes_of_others_are_not_heeded(subject: Subject) -> None:
    with Scope("disabled", only=[lru_cache(lambda: 0), Cache(1)]) as scope:
        assert subject.ask(1) == subject.ask(1) == [1, 1]
    with Scope("disabled", only=subject.cache) as own:
        assert subject.ask(1) == [1, 2]
    assert (counted(scope), counted(own)) == ((0, 0, 0), (0, 1, 1))


@lru_cache
def square(number: int) -> int:
    return number * number


@pytest.fixture(autouse=True)
def _fresh() -> None:
    square.cache_clear()


def test_the_innermost_decides_and_all_count() -> None:
    with Scope("disabled") as outer, Scope() as middle:
        square(2)
        with Scope("enabled") as inner:
            square(2)
            square(2)
    assert (counted(outer), counted(middle), counted(inner)) == ((1, 2, 2), (1, 2, 2), (1, 1, 1))


def test_what_a_scope_leaves_open_those_around_it_decide() -> None:
    square(2)
    with Scope("read_only"), Scope("never_compute"):
        assert square(2) == 4
        with pytest.raises(CacheMiss):
            square(3)


def test_a_scope_is_entered_again_and_within_itself() -> None:
    scope = Scope()
    for _ in range(2):
        with scope, scope:
            square(2)
        assert square(2) == 4
    assert counted(scope) == (1, 1, 1)


def test_scopes_may_be_left_in_any_order() -> None:
    disabled, inner = Scope("disabled"), Scope()
    disabled.__enter__()
    inner.__enter__()
    disabled.__exit__(None, None, None)
    square(2)
    inner.__exit__(None, None, None)
    # Left once more, and by nobody.
    inner.__exit__(None, None, None)
    assert (counted(disabled), counted(inner)) == ((0, 0, 0), (0, 1, 1))
    assert square.cache_info().currsize == 1


def test_a_scope_is_entered_as_often_as_memory_lasts() -> None:
    scope = Scope()

    def enter() -> None:
        for _ in range(100_000):
            scope.__enter__()

    # All are let go of at once, with the context.
    contextvars.Context().run(enter)
    with scope:
        pass


def test_an_exception_leaves_the_scope() -> None:
    with pytest.raises(ZeroDivisionError), Scope("disabled"):
        square(1 // 0)
    square(2)
    assert square.cache_info().currsize == 1


def test_calls_of_the_function_itself_are_inside() -> None:
    @lru_cache
    def fibonacci(number: int) -> int:
        return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)

    with Scope() as scope:
        assert fibonacci(10) == 55
    assert counted(scope) == (8, 11, 11)
    with Scope("disabled") as scope:
        fibonacci(5)
    assert counted(scope) == (0, 15, 15)


def test_what_the_function_enters_is_over_when_it_ends() -> None:
    @lru_cache
    def twice(number: int) -> int:
        with Scope("disabled"):
            return square(number) * 2

    assert twice(3) == twice(3) == 18
    assert (twice.cache_info().hits, square.cache_info().currsize) == (1, 0)


def test_methods_are_known_by_their_function() -> None:
    class Shelf:
        @lru_cache
        def book(self, number: int) -> int:
            return number

    shelf = Shelf()
    with Scope("disabled", only=shelf.book) as scope:
        shelf.book(1)
        square(1)
    assert counted(scope) == (0, 1, 1)
    assert (Shelf.book.cache_info().currsize, square.cache_info().currsize) == (0, 1)


def test_a_thread_begins_outside_and_goes_where_it_is_handed() -> None:
    with Scope("disabled") as scope, ThreadPoolExecutor(1) as pool:
        pool.submit(contextvars.Context().run, square, 2).result()
        assert counted(scope) == (0, 0, 0)
        pool.submit(contextvars.copy_context().run, square, 3).result()
        assert counted(scope) == (0, 1, 1)
    assert square.cache_info().currsize == 1


def test_many_threads_count_into_one_scope() -> None:
    with Scope() as scope:
        contexts = [contextvars.copy_context() for _ in range(8)]
        threads = [
            threading.Thread(target=context.run, args=(lambda: [square(number % 10) for number in range(100)],))
            for context in contexts
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    hits, misses, computed = counted(scope)
    assert hits + misses == 800 and misses == computed <= 80


def test_tasks_inherit_and_keep_their_own() -> None:
    async def ask(number: int) -> None:
        await asyncio.sleep(0)
        square(number)

    async def alone(number: int, scope: Scope) -> None:
        with scope:
            await asyncio.sleep(0)
            square(number)

    async def main() -> None:
        with Scope("disabled") as outer:
            late = asyncio.create_task(ask(1))
            apart = [Scope("enabled"), Scope()]
            await asyncio.gather(*(alone(number, scope) for number, scope in enumerate(apart, 2)))
        # Begun inside, it is inside to its end.
        await late
        await ask(4)
        assert counted(outer) == (0, 3, 3)
        assert [counted(scope) for scope in apart] == [(0, 1, 1), (0, 1, 1)]

    asyncio.run(main())
    # Those of the scope that enabled them, and of none.
    assert [square.get(number) for number in (1, 2, 3, 4)] == [None, 4, None, 16]


def test_what_a_task_hands_to_a_thread_is_inside() -> None:
    async def main() -> None:
        with Scope("disabled") as scope:
            await asyncio.to_thread(square, 2)
        assert counted(scope) == (0, 1, 1)

    asyncio.run(main())


def test_who_may_not_read_waits_for_nobody() -> None:
    async def main() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        calls = []

        @lru_cache
        async def slow(key: int) -> int:
            calls.append(key)
            number = len(calls)
            if number == 1:
                begun.set()
                await go_on.wait()
            return number

        async def anew() -> int:
            with Scope("write_only"):
                return await slow(1)

        first = asyncio.create_task(slow(1))
        await begun.wait()
        assert await anew() == 2
        go_on.set()
        assert await first == 1

    asyncio.run(main())


@pytest.mark.parametrize("backend", [None, "sqlite"])
def test_read_only_waits_for_others_and_shares_with_nobody(backend: str | None, tmp_path: Path) -> None:
    options = {"backend": f"sqlite:{tmp_path / 'cache.db'}"} if backend else {}

    async def main() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        calls = []

        @lru_cache(**options)
        async def slow(key: int) -> int:
            calls.append(key)
            number = len(calls)
            begun.set()
            await go_on.wait()
            return number

        async def reading(key: int) -> int:
            with Scope("read_only"):
                return await slow(key)

        leader = asyncio.create_task(slow(1))
        await begun.wait()
        follower = asyncio.create_task(reading(1))
        await asyncio.sleep(0.01)
        go_on.set()
        assert (await leader, await follower) == (1, 1)

        begun.clear()
        go_on.clear()
        reader = asyncio.create_task(reading(2))
        await begun.wait()
        usual = asyncio.create_task(slow(2))
        await asyncio.sleep(0.01)
        go_on.set()
        assert (await reader, await usual) == (2, 3)
        assert slow.get(2) == 3

    asyncio.run(main())


def test_threads_that_may_only_read_wait_for_who_computes() -> None:
    begun, go_on = threading.Event(), threading.Event()

    @lru_cache(single_flight=True)
    def slow(key: int) -> object:
        begun.set()
        assert go_on.wait(30)
        return object()

    def reading(scope: Scope) -> object:
        with scope:
            return slow(1)

    scope = Scope("read_only")
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(slow, 1)
        assert begun.wait(30)
        follower = pool.submit(reading, scope)
        while scope.stats().hits + scope.stats().misses == 0 and not go_on.wait(0.02):
            go_on.set()
        assert leader.result(30) is follower.result(30)
    assert scope.stats().coalesced + scope.stats().hits >= 1


@pytest.mark.parametrize("mode", [None, "read_only"])
def test_what_is_computed_for_many_is_counted_once(mode: Any, tmp_path: Path) -> None:
    @lru_cache(single_flight=True)
    def inner(key: int) -> int:
        return key

    @lru_cache(backend="memory:")
    def apart(key: int) -> int:
        return key

    cache: Cache[int, int] = Cache(backend=f"sqlite:{tmp_path / 'cache.db'}")

    def compute(keys: list[int]) -> dict[int, int]:
        for key in keys:
            contextvars.Context().run(apart, key)
        return {key: inner(key) for key in keys}

    with Scope(mode) as scope:
        assert cache.get_or_insert_many([1, 2], compute) == {1: 1, 2: 2}
    # Two of each; those in a context of their own are nobody's.
    assert counted(scope) == (0, 4, 4)
    assert apart.cache_info().currsize == 2


def test_who_is_told_of_a_fault_is_in_its_own_context(tmp_path: Path) -> None:
    heard: list[Exception] = []

    @lru_cache(single_flight=True)
    def inner(key: int) -> int:
        return key

    def listen(error: Exception) -> None:
        heard.append(error)
        inner(1)

    @lru_cache(backend=f"sqlite:{tmp_path / 'cache.db'}", on_error=listen)
    def unwritable(key: int) -> object:
        return object()

    with Scope() as scope:
        unwritable(1)
    assert len(heard) == 1
    assert counted(scope) == (0, 2, 2)


def test_a_mapping_changes_nothing_where_it_may_not_write() -> None:
    cache: Cache[str, int] = Cache()
    cache["a"] = 1
    for mode in ("read_only", "disabled"):
        with Scope(mode):
            cache["a"] = 2
            cache["b"] = 2
            assert cache.setdefault("c", 3) == 3
            assert cache.incr("a", 5) == (6 if mode == "read_only" else 5)
            assert cache.add("d", 1)
            assert ("a" in cache, cache.get("a")) == ((True, 1) if mode == "read_only" else (False, None))
        assert cache.items() == [("a", 1)]


@pytest.mark.parametrize("backend", [None, "memory:"])
def test_a_mapping_replaces_where_it_may_not_read(backend: str | None) -> None:
    cache: Cache[str, int] = Cache(backend=backend)
    cache["a"] = 1
    with Scope("write_only"):
        assert cache.setdefault("a", 3) == 3
        assert "a" not in cache
        assert cache.incr("a", 5) == 5
        assert cache.get_many(["a"]) == {}
        assert cache.touch("a") is False
    assert cache["a"] == 5


def test_faults_are_counted(tmp_path: Path) -> None:
    @lru_cache(backend=f"sqlite:{tmp_path / 'cache.db'}", on_error=lambda error: None)
    def unwritable(key: int) -> object:
        return object()

    with Scope() as scope:
        unwritable(1)
    assert scope.stats().errors == 1


def test_hits_of_the_backend_are_counted(tmp_path: Path) -> None:
    @lru_cache(backend=f"sqlite:{tmp_path / 'cache.db'}", memory=0)
    def far(key: int) -> int:
        return key

    far(1)
    with Scope() as scope:
        far(1)
    assert scope.stats().backend_hits == scope.stats().hits == 1


def test_a_computation_that_misses_inside_is_not_taken_for_a_failure_of_the_caller() -> None:
    @lru_cache
    def outer(number: int) -> int:
        return square(number)

    with Scope("never_compute", only=square), pytest.raises(CacheMiss):
        outer(2)
    assert outer(2) == 4


def test_numbers_have_names_and_compare() -> None:
    with Scope() as scope:
        square(2)
    stats = scope.stats()
    assert isinstance(stats, ScopeStats)
    assert stats == scope.stats() and stats != Scope().stats()
    assert repr(stats) == "ScopeStats(hits=0, misses=1, computed=1, coalesced=0, backend_hits=0, errors=0)"
    assert repr(Scope("disabled")).startswith('<memolith.Scope("disabled"), ScopeStats(hits=0')


def test_wrong_arguments_are_told() -> None:
    with pytest.raises(ValueError, match='`mode` is one of .*"write_only".*, not "off"'):
        Scope("off")  # type: ignore[arg-type]
    # It would mean all.
    with pytest.raises(ValueError, match="`only` names no function and no cache"):
        Scope("disabled", only=[])
    wrong: Any = [len]
    with pytest.raises(TypeError, match="`only` is of functions"), Scope(only=wrong):
        pass


def test_a_scope_that_is_over_is_let_go_of() -> None:
    class Key:
        pass

    @lru_cache
    def cached(key: object) -> int:
        return 1

    scope = Scope(only=cached)
    with scope:
        cached(1)
    gone = weakref.ref(cached)
    del cached, scope
    gc.collect()
    assert gone() is None
