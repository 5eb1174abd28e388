"""Awaited functions: single flight of tasks, and everything that can happen to a task meanwhile."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import threading
import traceback
import warnings
import weakref
from collections.abc import AsyncIterator, Coroutine, Generator
from typing import Any

import pytest

from memolith import lru_cache


async def settle() -> None:
    """Lets every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


class Body:
    """The body of an awaited function, which says that it has begun and waits until it may end."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.fail: BaseException | None = None

    async def __call__(self, key: Any) -> Any:
        self.calls.append(key)
        self.begun.set()
        await self.go_on.wait()
        if self.fail is not None:
            raise self.fail
        return [key]


def cached(body: Body, **options: Any) -> Any:
    @lru_cache(**options)
    async def function(key: Any) -> Any:
        return await body(key)

    return function


def test_a_thousand_tasks_and_one_body() -> None:
    async def main() -> None:
        body = Body()
        f = cached(body)
        tasks = [asyncio.create_task(f(1)) for _ in range(1000)]
        await body.begun.wait()
        await settle()
        body.go_on.set()
        results = await asyncio.gather(*tasks)
        assert body.calls == [1]
        assert all(result is results[0] for result in results)
        info = f.cache_info()
        assert (info.hits, info.misses, info.coalesced, info.currsize) == (999, 1, 999, 1)
        assert await f(1) is results[0]

    asyncio.run(main())


def test_it_runs_by_itself() -> None:
    @lru_cache
    async def f(key: int) -> int:
        await asyncio.sleep(0)
        return key

    assert asyncio.run(f(1)) == 1
    assert asyncio.run(f(1)) == 1
    assert f.cache_info().hits == 1
    assert inspect.iscoroutinefunction(f) or asyncio.iscoroutinefunction(f)


def test_other_keys_do_not_wait() -> None:
    async def main() -> None:
        body = Body()
        f = cached(body)
        first = asyncio.create_task(f(1))
        second = asyncio.create_task(f(2))
        await settle()
        assert body.calls == [1, 2]
        body.go_on.set()
        assert await first == [1]
        assert await second == [2]

    asyncio.run(main())


def test_without_single_flight_nobody_waits() -> None:
    async def main() -> None:
        body = Body()
        f = cached(body, single_flight=False)
        tasks = [asyncio.create_task(f(1)) for _ in range(3)]
        await settle()
        assert body.calls == [1, 1, 1]
        body.go_on.set()
        await asyncio.gather(*tasks)
        assert f.cache_info().misses == 3

    asyncio.run(main())


def test_each_failed_leader_raises_once() -> None:
    async def main() -> None:
        failures = iter([ValueError(1), ValueError(2)])
        calls = []

        @lru_cache
        async def f(key: int) -> str:
            calls.append(key)
            await settle()
            failure = next(failures, None)
            if failure is not None:
                raise failure
            return "value"

        results = await asyncio.gather(*[f(1) for _ in range(50)], return_exceptions=True)
        errors = [result for result in results if isinstance(result, ValueError)]
        assert sorted(error.args[0] for error in errors) == [1, 2]
        assert results.count("value") == 48
        assert len(calls) == 3

    asyncio.run(main())


def test_a_cancelled_leader_hands_over() -> None:
    async def main() -> None:
        body = Body()
        f = cached(body)
        leader = asyncio.create_task(f(1))
        await body.begun.wait()
        followers = [asyncio.create_task(f(1)) for _ in range(5)]
        await settle()
        leader.cancel()
        await settle()
        assert leader.cancelled()
        assert body.calls == [1, 1]
        body.go_on.set()
        assert await asyncio.gather(*followers) == [[1]] * 5
        assert body.calls == [1, 1]

    asyncio.run(main())


def test_a_cancelled_follower_leaves_the_others_be() -> None:
    async def main() -> None:
        body = Body()
        f = cached(body)
        tasks = [asyncio.create_task(f(1)) for _ in range(4)]
        await body.begun.wait()
        await settle()
        tasks[2].cancel()
        await settle()
        assert tasks[2].cancelled()
        body.go_on.set()
        assert await asyncio.gather(tasks[0], tasks[1], tasks[3]) == [[1]] * 3
        assert body.calls == [1]

    asyncio.run(main())


def test_a_follower_cancelled_as_it_is_told_to_lead() -> None:
    async def main() -> None:
        body = Body()
        f = cached(body)
        tasks = [asyncio.create_task(f(1)) for _ in range(4)]
        await body.begun.wait()
        await settle()
        body.fail = ValueError("the first")
        body.go_on.set()
        # The leader fails; the second is chosen, and cancelled before it runs.
        tasks[0].add_done_callback(lambda _: tasks[1].cancel())
        with pytest.raises(ValueError, match="the first"):
            await tasks[0]
        body.fail = None
        assert await asyncio.wait_for(asyncio.gather(*tasks[2:]), 30) == [[1]] * 2
        assert tasks[1].done()

    asyncio.run(main())


@pytest.mark.parametrize("steps", range(12))
def test_cancelled_at_every_step(steps: int) -> None:
    async def main() -> None:
        calls = []

        @lru_cache
        async def f(key: int) -> int:
            calls.append(key)
            for _ in range(5):
                await asyncio.sleep(0)
            return key

        tasks = [asyncio.create_task(f(1)) for _ in range(6)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in tasks[:3]:
            task.cancel()
        assert await asyncio.wait_for(asyncio.gather(*tasks[3:]), 30) == [1] * 3
        assert len(calls) <= 2
        info = f.cache_info()
        assert info.misses == len(calls)

    asyncio.run(main())


def test_everybody_is_cancelled() -> None:
    async def main() -> None:
        body = Body()
        f = cached(body)
        tasks = [asyncio.create_task(f(1)) for _ in range(4)]
        await body.begun.wait()
        await settle()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
        assert body.calls == [1]
        body.go_on.set()
        assert await f(1) == [1]

    asyncio.run(main())


def test_a_timeout_is_that_of_the_function() -> None:
    async def main() -> None:
        body = Body()
        f = cached(body)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(f(1), 0.01)
        leader = asyncio.create_task(f(1))
        await settle()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(f(1), 0.01)
        body.go_on.set()
        assert await leader == [1]
        assert body.calls == [1, 1]

    asyncio.run(main())


def test_the_function_may_hold_a_cancellation_up() -> None:
    async def main() -> None:
        begun = asyncio.Event()

        @lru_cache
        async def f(key: int) -> str:
            begun.set()
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                return "cleaned up"
            raise AssertionError

        task = asyncio.create_task(f(1))
        await begun.wait()
        task.cancel()
        assert await task == "cleaned up"

    asyncio.run(main())


@pytest.mark.parametrize("how", ["await", "gather", "task", "wait_for"])
def test_a_task_that_waits_for_itself_computes(how: str) -> None:
    async def main() -> None:
        depth = []

        @lru_cache
        async def f(key: int) -> int:
            depth.append(key)
            if len(depth) == 3:
                return 0
            if how == "await":
                return await f(key) + 1
            if how == "gather":
                return (await asyncio.gather(f(key), asyncio.sleep(0)))[0] + 1
            if how == "wait_for":
                return await asyncio.wait_for(f(key), 30) + 1
            return await asyncio.create_task(f(key)) + 1

        assert await asyncio.wait_for(f(1), 30) == 2
        assert len(depth) == 3

    asyncio.run(main())


@pytest.mark.parametrize("subtasks", [False, True])
def test_a_circle_of_tasks_ends(subtasks: bool) -> None:
    async def main() -> None:
        calls = []
        ring = {"a": "b", "b": "c", "c": "a"}

        @lru_cache
        async def f(key: str) -> str:
            calls.append(key)
            await settle()
            if len(calls) > 3:
                return key
            if subtasks:
                return key + (await asyncio.gather(f(ring[key]), asyncio.sleep(0)))[0]
            return key + await f(ring[key])

        results = await asyncio.wait_for(asyncio.gather(*map(f, ring)), 30)
        assert [result[0] for result in results] == list(ring)
        assert len(calls) == 4

    asyncio.run(main())


def test_recursion_over_other_keys() -> None:
    @lru_cache
    async def fib(n: int) -> int:
        if n < 2:
            return n
        first, second = await asyncio.gather(fib(n - 1), fib(n - 2))
        return int(first + second)

    async def main() -> None:
        assert await asyncio.wait_for(fib(60), 60) == 1548008755920
        assert fib.cache_info().misses == 61

    asyncio.run(main())


def test_context_variables_are_those_of_the_task() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    async def main() -> None:
        seen = []

        @lru_cache
        async def f(key: int) -> int:
            seen.append(variable.get())
            await asyncio.sleep(0)
            seen.append(variable.get())
            variable.set("by the function")
            return key

        variable.set("by the caller")
        await f(1)
        assert seen == ["by the caller"] * 2
        assert variable.get() == "by the function"
        await asyncio.create_task(f(2))
        assert seen[2:] == ["by the function"] * 2

    asyncio.run(main())


def test_two_loops_do_not_wait_for_each_other() -> None:
    both = threading.Barrier(2)
    calls = []
    results = []

    @lru_cache
    async def f(key: int) -> str:
        calls.append(key)
        await asyncio.get_running_loop().run_in_executor(None, both.wait, 30)
        return "value"

    async def main() -> None:
        results.extend(await asyncio.gather(*[f(1) for _ in range(10)]))

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    # One body for each loop: with fewer the barrier would not open.
    assert calls == [1, 1]
    assert results == ["value"] * 20


def test_a_loop_that_stops_in_the_middle() -> None:
    calls = []

    @lru_cache
    async def f(key: int) -> str:
        calls.append(key)
        if len(calls) == 1:
            await asyncio.get_running_loop().create_future()
        return "value"

    loop = asyncio.new_event_loop()
    task = loop.create_task(f(1))
    loop.run_until_complete(settle())
    assert calls == [1]
    assert asyncio.run(asyncio.wait_for(f(1), 30)) == "value"
    task.cancel()
    loop.run_until_complete(asyncio.wait([task]))
    loop.close()
    assert task.cancelled()


def test_an_abandoned_leader_hands_over() -> None:
    async def main() -> None:
        calls = []

        @lru_cache
        async def f(key: int) -> str:
            calls.append(key)
            if len(calls) == 1:
                await asyncio.sleep(0)
                raise AssertionError
            return "value"

        leader = f(1)
        contextvars.copy_context().run(leader.send, None)
        follower = asyncio.create_task(f(1))
        await settle()
        assert calls == [1]
        del leader
        gc.collect()
        assert await asyncio.wait_for(follower, 30) == "value"

    asyncio.run(main())


def test_an_abandoned_leader_hands_over_from_another_thread() -> None:
    async def main() -> None:
        calls = []

        @lru_cache
        async def f(key: int) -> str:
            calls.append(key)
            if len(calls) == 1:
                await asyncio.sleep(0)
                raise AssertionError
            return "value"

        leaders = [f(1)]
        contextvars.copy_context().run(leaders[0].send, None)
        follower = asyncio.create_task(f(1))
        await settle()
        assert calls == [1]
        thread = threading.Thread(target=leaders.clear)
        thread.start()
        assert await asyncio.wait_for(follower, 30) == "value"
        thread.join(30)

    asyncio.run(main())


def test_an_abandoned_leader_of_a_closed_loop() -> None:
    calls = []

    @lru_cache
    async def f(key: int) -> str:
        calls.append(key)
        if len(calls) == 1:
            await asyncio.sleep(0)
        return "value"

    async def begin() -> Coroutine[Any, Any, Any]:
        leader: Coroutine[Any, Any, Any] = f(1)
        leader.send(None)
        return leader

    leader = asyncio.run(begin())
    leader.close()
    with pytest.raises(RuntimeError):
        leader.send(None)
    assert asyncio.run(f(1)) == "value"


def test_nothing_is_left_of_loops_and_keys_that_are_gone() -> None:
    class Key:
        pass

    @lru_cache(cache_if=lambda value: False)
    async def f(key: object) -> int:
        await asyncio.sleep(0)
        return 1

    @lru_cache
    async def fails(key: object) -> int:
        await asyncio.sleep(0)
        raise ValueError

    async def main(key: object) -> weakref.ref[Any]:
        await asyncio.gather(f(key), f(key))
        for result in await asyncio.gather(fails(key), fails(key), return_exceptions=True):
            assert isinstance(result, ValueError)
        return weakref.ref(asyncio.get_running_loop())

    key = Key()
    left = [asyncio.run(main(key)), weakref.ref(key)]
    del key
    gc.collect()
    assert [reference() for reference in left] == [None, None]


def test_a_miss_that_nobody_awaits_is_told_by_the_name_of_the_function() -> None:
    @lru_cache
    async def forgotten(key: int) -> int:
        return key

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        _ = forgotten(1)
        del _
        gc.collect()
    assert ["forgotten" in str(warning.message) for warning in told] == [True]
    assert asyncio.run(forgotten(1)) == 1


def test_invalidated_while_it_is_computed() -> None:
    async def main() -> None:
        body = Body()
        f = cached(body)
        old = asyncio.create_task(f(1))
        await body.begun.wait()
        f.invalidate(1)
        new = asyncio.create_task(f(1))
        await settle()
        # Who asks after the invalidation does not wait for what began before it.
        assert body.calls == [1, 1]
        body.go_on.set()
        assert await old is not await new
        assert await f(1) is await new
        assert body.calls == [1, 1]

    asyncio.run(main())


def test_cleared_while_it_is_computed() -> None:
    async def main() -> None:
        body = Body()
        f = cached(body)
        task = asyncio.create_task(f(1))
        await body.begun.wait()
        f.cache_clear()
        body.go_on.set()
        assert await task == [1]
        assert f.cache_info().currsize == 0

    asyncio.run(main())


def test_cache_if_declines_and_those_who_wait_have_it_anyway() -> None:
    async def main() -> None:
        body = Body()
        f = cached(body, cache_if=lambda value: value != [1])
        tasks = [asyncio.create_task(f(1)) for _ in range(3)]
        await settle()
        body.go_on.set()
        assert await asyncio.gather(*tasks) == [[1]] * 3
        assert body.calls == [1]
        assert f.cache_info().currsize == 0
        await f(2)
        assert f.cache_info().currsize == 1

    asyncio.run(main())


def test_an_error_shows_the_frame_of_the_function() -> None:
    @lru_cache
    async def fails(key: int) -> float:
        await asyncio.sleep(0)
        return 1 / key

    with pytest.raises(ZeroDivisionError) as caught:
        asyncio.run(fails(0))
    assert "fails" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]


def test_methods() -> None:
    class Account:
        def __init__(self, balance: int) -> None:
            self.balance = balance

        @lru_cache
        async def worth(self, rate: int) -> int:
            await asyncio.sleep(0)
            return self.balance * rate

    async def main() -> None:
        rich, poor = Account(1000), Account(1)
        assert await asyncio.gather(rich.worth(2), poor.worth(2), rich.worth(2)) == [2000, 2, 2000]
        assert await rich.worth(2) == 2000
        assert Account.worth.cache_info().misses == 2

    asyncio.run(main())


def test_another_runner_than_asyncio() -> None:
    @lru_cache
    async def f(key: int) -> int:
        await Step()
        return key

    class Step:
        def __await__(self) -> Generator[str, None, None]:
            yield "a step"

    def run(coroutine: Coroutine[Any, Any, Any]) -> tuple[list[Any], Any]:
        steps = []
        while True:
            try:
                steps.append(coroutine.send(None))
            except StopIteration as stopped:
                return steps, stopped.value

    assert run(f(1)) == (["a step"], 1)
    assert run(f(1)) == ([], 1)
    first, second = f(2), f(2)
    assert first.send(None) == second.send(None) == "a step"
    assert run(first) == run(second) == ([], 2)


def test_async_generators_are_handed_through() -> None:
    async def count(to: int) -> AsyncIterator[int]:
        for number in range(to):
            yield number

    async def main() -> None:
        f = lru_cache(count)
        generator = f(3)
        assert [number async for number in generator] == [0, 1, 2]
        # As with functools, the generator itself is what is kept.
        assert f(3) is generator

    asyncio.run(main())


def test_threads_with_loops_and_many_tasks() -> None:
    computing: dict[tuple[int, int], int] = {}
    wrong: list[Any] = []

    @lru_cache(maxsize=3)
    async def f(key: int) -> int:
        mine = (threading.get_ident(), key)
        computing[mine] = computing.get(mine, 0) + 1
        if computing[mine] != 1:
            wrong.append(mine)
        await asyncio.sleep(0)
        computing[mine] -= 1
        if key == 4:
            raise ValueError(key)
        return key

    async def ask(seed: int) -> None:
        for step in range(50):
            key = (seed + step * 3) % 6
            try:
                if await f(key) != key:
                    wrong.append(key)
            except ValueError:
                if key != 4:
                    wrong.append(key)

    async def main() -> None:
        await asyncio.gather(*[ask(seed) for seed in range(20)])

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not wrong
    info = f.cache_info()
    assert info.hits + info.misses == 4 * 20 * 50


def test_tasks_that_begin_each_other_do_not_pile_up() -> None:
    class Key:
        pass

    alive: weakref.WeakSet[Key] = weakref.WeakSet()

    async def main() -> None:
        over = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        def begin(left: int) -> None:
            task = asyncio.create_task(ask(left))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        @lru_cache(maxsize=1)
        async def f(_key: Key, left: int) -> None:
            begin(left - 1) if left else over.set()
            # The next one begins inside of this one, and outlives it.
            await settle()

        async def ask(left: int) -> None:
            key = Key()
            alive.add(key)
            await f(key, left)

        begin(100)
        await over.wait()
        assert len(alive) < 50

    asyncio.run(main())
