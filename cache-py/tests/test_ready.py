"""What an awaited function returns when it has the result already: a coroutine that ends at its first step."""

from __future__ import annotations

import asyncio
import collections.abc
import gc
import inspect
import sys
import traceback
import warnings
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest

from memolith import lru_cache


@lru_cache(maxsize=None)
async def echo(value: Any) -> Any:
    return value


def hit(value: Any) -> Any:
    """A call of a function that has `value` in its cache."""
    asyncio.run(echo(value))
    return echo(value)


@pytest.mark.parametrize("value", [1, None, "text", (), (1, 2), ((1,),), StopIteration, 0.5])
def test_the_value_comes_out_of_every_way_to_await_it(value: Any) -> None:
    async def main() -> None:
        assert await echo(value) is value or await echo(value) == value
        assert await asyncio.create_task(hit_of()) == value
        assert await asyncio.gather(hit_of(), hit_of()) == [value, value]
        assert await asyncio.wait_for(hit_of(), 30) == value
        assert await asyncio.shield(hit_of()) == value
        assert await asyncio.ensure_future(hit_of()) == value

    def hit_of() -> Coroutine[Any, Any, Any]:
        return echo(value)

    asyncio.run(main())
    assert asyncio.run(hit(value)) == value
    with pytest.raises(StopIteration) as stopped:
        hit(value).send(None)
    assert stopped.value.value == value
    with pytest.raises(StopIteration) as stopped:
        next(iter(hit(value).__await__()))
    assert stopped.value.value == value


def test_exceptions_are_values_too() -> None:
    error = ValueError("kept, not raised")
    coroutine = hit(error)
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    assert stopped.value.value is error
    stop = StopIteration("a value of its own")
    with pytest.raises(StopIteration) as stopped:
        next(hit(stop))
    assert stopped.value.value is stop
    assert asyncio.run(hit(error)) is error


def test_it_is_a_coroutine_to_those_who_ask() -> None:
    coroutine = hit(1)
    assert isinstance(coroutine, collections.abc.Coroutine)
    assert isinstance(coroutine, collections.abc.Awaitable)
    assert asyncio.iscoroutine(coroutine)
    assert inspect.isawaitable(coroutine)
    assert coroutine.__await__() is coroutine


def test_it_is_awaited_once() -> None:
    async def main() -> None:
        coroutine = hit_again()
        assert await coroutine == 1
        with pytest.raises(RuntimeError, match="cannot reuse"):
            await coroutine

    def hit_again() -> Coroutine[Any, Any, Any]:
        return echo(1)

    hit(1).close()
    asyncio.run(main())
    coroutine = hit(1)
    coroutine.close()
    coroutine.close()
    for reuse in (lambda: coroutine.send(None), lambda: coroutine.throw(ValueError), lambda: next(coroutine)):
        with pytest.raises(RuntimeError, match="cannot reuse"):
            reuse()


def test_what_is_thrown_in_comes_out() -> None:
    with pytest.raises(ValueError, match="thrown"):
        hit(1).throw(ValueError("thrown"))
    with pytest.raises(ValueError, match="^$"):
        hit(1).throw(ValueError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with pytest.raises(ValueError, match="told"):
            hit(1).throw(ValueError, "told")
        with pytest.raises(KeyError) as caught:
            hit(1).throw(KeyError, KeyError("k"), here())
    assert "here" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    with pytest.raises(TypeError):
        hit(1).throw(1)
    with pytest.raises(TypeError):
        hit(1).throw()


def here() -> Any:
    try:
        raise KeyError
    except KeyError as error:
        return error.__traceback__


def test_a_task_of_it_can_be_cancelled() -> None:
    async def main() -> None:
        task = asyncio.create_task(echo(1))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    hit(1).close()
    asyncio.run(main())


def test_not_awaiting_it_is_no_fault() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _ = hit(1)
        del _
        gc.collect()


def test_references_come_and_go() -> None:
    value = object()
    asyncio.run(echo(value))
    before = sys.getrefcount(value)

    async def main() -> None:
        for _ in range(100):
            assert await echo(value) is value

    asyncio.run(main())
    kept = [echo(value) for _ in range(100)]
    assert sys.getrefcount(value) == before + 100
    for coroutine in kept[:50]:
        coroutine.close()
    assert sys.getrefcount(value) == before + 50
    del kept, coroutine
    gc.collect()
    assert sys.getrefcount(value) == before
    echo.cache_clear()


def test_the_collector_sees_through_it() -> None:
    class Holder:
        coroutine: Any

    @lru_cache
    async def make() -> Holder:
        return Holder()

    holder = asyncio.run(make())
    holder.coroutine = make()
    gone = weakref.ref(holder)
    make.cache_clear()
    del holder
    gc.collect()
    assert gone() is None
