"""Decorated functions are what functools makes of them, and a little more."""

from __future__ import annotations

import asyncio
import copy
import functools
import gc
import inspect
import pickle
import subprocess
import sys
import unittest.mock
import weakref
from typing import Any
from unittest.mock import Mock

import memolith
import pytest


def squares() -> Any:
    """A decorated function that returns a new list at each computation."""
    return memolith.lru_cache(lambda number: [number * number])


@memolith.lru_cache(maxsize=None)
def documented(first: int, second: int = 2) -> tuple[int, int]:
    """Says what it does."""
    return first, second


@pytest.mark.parametrize(
    "decorate", [memolith.lru_cache, memolith.lru_cache(), memolith.lru_cache(128), memolith.cache]
)
def test_every_spelling_keeps_the_identical_result(decorate: Any) -> None:
    cached = decorate(lambda value: [value])
    assert cached(1) is cached(1)
    assert cached.cache_info()[:2] == (1, 1)


def test_the_wrapper_shows_what_it_wraps() -> None:
    assert documented.__name__ == "documented"
    assert documented.__doc__ == "Says what it does."
    assert documented.__wrapped__ is documented.uncached
    assert str(inspect.signature(documented)) == str(inspect.signature(documented.uncached))
    assert documented.cache_parameters() == {"maxsize": None, "typed": False}
    given: Any = [1]
    assert memolith.lru_cache(typed=given)(len).cache_parameters()["typed"] is given


def test_copies_and_pickles_are_the_function_itself() -> None:
    assert copy.copy(documented) is documented
    assert copy.deepcopy([documented])[0] is documented
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(documented, protocol)) is documented


def test_attributes_can_be_set_and_weak_references_made() -> None:
    cached = squares()
    cached.note = "mine"
    reference = weakref.ref(cached)
    assert reference().note == "mine"
    del cached
    gc.collect()
    assert reference() is None


def test_what_is_no_size_and_no_function_is_refused_as_in_functools() -> None:
    for module in (functools, memolith):
        with pytest.raises(TypeError, match="Expected first argument to be an integer, a callable, or None"):
            module.lru_cache("many")
        with pytest.raises(TypeError):
            module.lru_cache(3)(None)
    assert memolith.lru_cache(-5)(len).cache_parameters()["maxsize"] == 0


def test_methods_class_methods_and_static_methods() -> None:
    class Box:
        @memolith.lru_cache(maxsize=8)
        def method(self, value: int) -> list[Any]:
            return [self, value]

        @classmethod
        @memolith.lru_cache
        def of_class(cls, value: int) -> list[Any]:
            return [cls, value]

        @staticmethod
        @memolith.lru_cache
        def static(value: int) -> list[Any]:
            return [value]

        @memolith.lru_cache
        @staticmethod
        def inner(value: int) -> list[Any]:
            return [value]

    one, two = Box(), Box()
    assert one.method(1) is one.method(1)
    assert one.method(1) is not two.method(1)
    assert one.method.__self__ is one
    assert Box.method.get(one, 1) is one.method(1)
    assert Box.of_class(1) is one.of_class(1)
    assert Box.static(1) is one.static(1)
    assert Box.inner(1) is Box.inner(1)


def test_any_callable_can_be_decorated() -> None:
    class Adder:
        def __call__(self, value: int) -> list[int]:
            return [value + 1]

    for function in (Adder(), functools.partial(pow, 2), abs):
        cached = memolith.lru_cache(function)
        assert cached(3) == function(3)
        assert cached(3) is cached(3)
        assert cached.cache_info().hits == 2


def test_a_callable_that_has_every_attribute_is_called_as_it_is() -> None:
    function = Mock(return_value=5)
    cached = memolith.lru_cache()(function)
    assert (cached(1), cached(1), cached.is_async) == (5, 5, False)
    function.assert_called_once_with(1)


def test_get_and_invalidate_know_one_call() -> None:
    cached = squares()
    assert cached.get(3) is None
    value = cached(3)
    assert cached.get(3) is value
    assert cached.invalidate(3) is True
    assert cached.invalidate(3) is False
    assert cached.get(3) is None
    assert cached(3) is not value
    assert cached.cache_info().misses == 2


def test_the_info_is_that_of_functools_with_more_attributes() -> None:
    plain, cached = functools.lru_cache(2)(abs), memolith.lru_cache(2)(abs)
    for value in (1, 2, 3, 3):
        plain(value), cached(value)
    info = cached.cache_info()
    assert info == plain.cache_info()
    assert repr(info) == repr(plain.cache_info())
    assert len(info) == 4
    assert (info.evictions, info.coalesced, info.expired, info.backend_hits, info.errors) == (1, 0, 0, 0, 0)
    assert pickle.loads(pickle.dumps(info)).evictions == 1


def test_a_key_of_ones_own() -> None:
    cached = memolith.lru_cache(key=str.lower)(lambda text: [text])
    assert cached("A") is cached("a")
    assert cached.get("a") == ["A"]
    assert cached.invalidate("A")
    with pytest.raises(TypeError):
        cached()


def test_skipped_parameters_are_no_part_of_the_key() -> None:
    @memolith.lru_cache(skip=("connection",))
    def query(table: str, connection: object = None, limit: int = 5) -> list[object]:
        return [table, connection, limit]

    assert query("a", object()) is query(table="a", connection=[], limit=5)
    assert query("a", limit=6) is not query("a")
    with pytest.raises(TypeError):
        memolith.lru_cache(skip=("nobody",))(lambda value: value)


def test_results_that_are_not_wanted_are_not_kept() -> None:
    cached = memolith.lru_cache(cache_if=bool)(lambda value: [value] * value)
    assert cached(0) is not cached(0)
    assert cached(2) is cached(2)
    assert cached.cache_info()[:2] == (1, 3)

    def refuse(_: object) -> bool:
        raise LookupError("no opinion")

    with pytest.raises(LookupError):
        memolith.lru_cache(cache_if=refuse)(abs)(1)


def test_coroutine_functions_are_awaited_once() -> None:
    @memolith.lru_cache
    async def fetch(value: int) -> list[int]:
        return [value]

    async def twice() -> bool:
        return await fetch(1) is await fetch(1)

    assert fetch.is_async
    assert asyncio.iscoroutinefunction(fetch)
    if sys.version_info >= (3, 12):
        assert inspect.iscoroutinefunction(fetch)
    assert asyncio.run(twice())
    assert fetch.cache_info()[:2] == (1, 1)


def test_a_cache_that_refers_to_itself_is_collected() -> None:
    class Marker:
        pass

    def make() -> weakref.ref[Marker]:
        marker = Marker()
        cached = memolith.lru_cache(lambda value: (cached, marker))
        cached(marker)
        return weakref.ref(marker)

    reference = make()
    gc.collect()
    assert reference() is None


LATE = """
from memolith import Cache, lru_cache


class Last:
    def __init__(self, name, function):
        self.name, self.function = name, function

    def __del__(self):
        self.function(1)
        print(self.name, self.function.cache_info().misses, self.function.get(1), flush=True)
        self.function.cache_clear()


def same(x):
    return x


plain = Last("plain", lru_cache(same))
keyed = Last("keyed", lru_cache(key=lambda x: x)(same))
cycle = lru_cache(same)
cycle.itself = Last("cycle", cycle)
kept = Cache()
kept["last"] = Last("kept", lru_cache(skip=["x"])(same))
"""


def test_functions_work_while_the_interpreter_ends() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.split("\n")) == ["", *(f"{name} 1 1" for name in ("cycle", "kept", "keyed", "plain"))]


def test_a_function_may_forget_itself_while_it_runs() -> None:
    class Holder:
        pass

    holder = Holder()

    def function(value: int) -> int:
        del holder.cached
        gc.collect()
        return value

    holder.cached = memolith.lru_cache(function)
    assert holder.cached(7) == 7
    assert not hasattr(holder, "cached")


def test_deep_recursion_raises_and_does_not_crash() -> None:
    @memolith.lru_cache(maxsize=None)
    def down(number: int) -> int:
        return 0 if number == 0 else 1 + down(number - 1)

    assert down(200) == 200
    with pytest.raises(RecursionError):
        down(10**9)
    nested: Any = abs
    # CPython 3.13 lets functions of C go 10,000 deep.
    for _ in range(12_000):
        nested = memolith.lru_cache(nested)
    with pytest.raises(RecursionError):
        nested(1)


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ({"ttl": 0}, ValueError),
        ({"ttl": "soon"}, ValueError),
        ({"ttl": "5 parsecs"}, ValueError),
        ({"policy": "best"}, ValueError),
        ({"writes": "sometimes"}, ValueError),
        ({"max_bytes": "64MiB"}, ValueError),
        ({"key": abs, "skip": ("value",)}, TypeError),
    ],
)
def test_options_that_mean_nothing_are_refused(option: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        memolith.lru_cache(**option)(lambda value: value)


def test_a_mock_is_no_coroutine_function() -> None:
    mock = unittest.mock.Mock(return_value=3)
    cached = memolith.lru_cache(mock)
    assert (cached(1), cached(1)) == (3, 3)
    mock.assert_called_once_with(1)
    awaited = unittest.mock.AsyncMock(return_value=3)
    cached = memolith.lru_cache(awaited)

    async def main() -> None:
        assert (await cached(1), await cached(1)) == (3, 3)

    asyncio.run(main())
    awaited.assert_awaited_once_with(1)


def test_a_static_method_may_be_awaited() -> None:
    class Class:
        @memolith.lru_cache
        @staticmethod
        async def method(value: int) -> list[int]:
            return [value]

    async def main() -> None:
        assert await Class.method(1) is await Class.method(1)

    asyncio.run(main())


def test_a_made_key_is_hashed_once() -> None:
    hashed = []

    class Key:
        def __hash__(self) -> int:
            hashed.append(self)
            return 1

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Key)

    cached = memolith.lru_cache(key=lambda value: Key())(lambda value: [value])
    assert cached(1) is cached(2)
    assert len(hashed) == 3


def test_a_function_that_was_collected_says_so() -> None:
    said: list[str] = []

    class Late:
        def __init__(self, reference: weakref.ref[Any]) -> None:
            self.reference = reference

        def __del__(self) -> None:
            try:
                self.reference()(1)
            except RuntimeError as error:
                said.append(str(error))

    class Once:
        late: Any = None

        def __init__(self) -> None:
            # Goes before the function does.
            self.late = None

        def __del__(self) -> None:
            # Made after the collector has looked for weak references and finalizers.
            self.late = Late(weakref.ref(self.function))

    function: Any = memolith.lru_cache(lambda value: value)
    once: Any = Once()
    once.function, function.once, once.itself = function, once, [once]
    del function, once
    gc.collect()
    assert said == ["this function was collected as garbage"]
