"""Awaited functions whose results outlive the process."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from memolith import lru_cache


@pytest.fixture(params=["sqlite", "sqlite without memory"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    options: dict[str, Any] = {"backend": f"sqlite:{tmp_path / 'cache.db'}", "name": "f"}
    if request.param != "sqlite":
        options["memory"] = 0
    return options


async def settle() -> None:
    """Lets every task go as far as it can without a thread's help."""
    for _ in range(20):
        await asyncio.sleep(0)


class Body:
    """The body of an awaited function, which says that it has begun and waits until it may end."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, key: int) -> list[int]:
        self.calls.append(key)
        self.begun.set()
        await self.go_on.wait()
        return [key]


def cached(body: Body, **options: Any) -> Any:
    @lru_cache(version=1, **options)
    async def function(key: int) -> list[int]:
        return await body(key)

    return function


def test_a_restart_finds_what_was_computed(tmp_path: Path) -> None:
    code = """
        import asyncio, sys
        from memolith import lru_cache

        calls = []

        @lru_cache(backend=sys.argv[1], name="f", version=1)
        async def f(key):
            calls.append(key)
            await asyncio.sleep(0)
            return {"key": key}

        async def main():
            print(await f(1), await f(1) is await f(1), len(calls), f.cache_info().backend_hits)

        asyncio.run(main())
    """
    outputs = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), f"sqlite:{tmp_path / 'cache.db'}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert outputs == ["{'key': 1} True 1 0\n", "{'key': 1} True 0 1\n"]


def test_many_tasks_and_one_body(options: dict[str, Any]) -> None:
    async def main() -> None:
        body = Body()
        f = cached(body, **options)
        tasks = [asyncio.create_task(f(1)) for _ in range(200)]
        await body.begun.wait()
        await settle()
        body.go_on.set()
        results = await asyncio.gather(*tasks)
        assert body.calls == [1]
        assert all(result is results[0] for result in results)
        info = f.cache_info()
        assert (info.hits, info.misses, info.coalesced, info.currsize) == (199, 1, 199, 1)
        assert await f(1) == [1]
        assert body.calls == [1]

    asyncio.run(main())


def test_a_cancelled_leader_hands_over(options: dict[str, Any]) -> None:
    async def main() -> None:
        body = Body()
        f = cached(body, **options)
        leader = asyncio.create_task(f(1))
        await body.begun.wait()
        body.begun.clear()
        followers = [asyncio.create_task(f(1)) for _ in range(5)]
        await settle()
        leader.cancel()
        await body.begun.wait()
        assert leader.cancelled()
        body.go_on.set()
        assert await asyncio.gather(*followers) == [[1]] * 5
        assert body.calls == [1, 1]
        assert await f(1) == [1]
        assert body.calls == [1, 1]

    asyncio.run(main())


@pytest.mark.parametrize("steps", range(12))
def test_cancelled_at_every_step(options: dict[str, Any], steps: int) -> None:
    async def main() -> None:
        calls = []

        @lru_cache(version=1, **options)
        async def f(key: int) -> int:
            calls.append(key)
            for _ in range(3):
                await asyncio.sleep(0)
            return key

        tasks = [asyncio.create_task(f(1)) for _ in range(6)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in tasks[:3]:
            task.cancel()
        assert await asyncio.wait_for(asyncio.gather(*tasks[3:]), 30) == [1] * 3
        assert len(calls) <= 2
        assert await f(1) == 1

    asyncio.run(main())


def test_each_failed_leader_raises_once(options: dict[str, Any]) -> None:
    async def main() -> None:
        failures = iter([ValueError(1), ValueError(2)])

        @lru_cache(version=1, **options)
        async def f(key: int) -> str:
            await settle()
            failure = next(failures, None)
            if failure is not None:
                raise failure
            return "value"

        results = await asyncio.gather(*[f(1) for _ in range(20)], return_exceptions=True)
        errors = [result for result in results if isinstance(result, ValueError)]
        assert sorted(error.args[0] for error in errors) == [1, 2]
        assert results.count("value") == 18

    asyncio.run(main())


def test_a_task_that_waits_for_itself_computes(options: dict[str, Any]) -> None:
    async def main() -> None:
        depth = []

        @lru_cache(version=1, **options)
        async def f(key: int) -> int:
            depth.append(key)
            if len(depth) == 2:
                return 0
            return (await asyncio.gather(f(key), asyncio.sleep(0)))[0] + 1

        assert await asyncio.wait_for(f(1), 30) == 1
        assert len(depth) == 2

    asyncio.run(main())


def test_two_loops_do_not_wait_for_each_other(options: dict[str, Any]) -> None:
    both = threading.Barrier(2)
    calls, results = [], []

    @lru_cache(version=1, **options)
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
        thread.join(60)
        assert not thread.is_alive()
    assert calls == [1, 1]
    assert results == ["value"] * 20
    assert asyncio.run(f(1)) == "value"
    assert calls == [1, 1]


def test_without_single_flight_nobody_waits(options: dict[str, Any]) -> None:
    async def main() -> None:
        together = asyncio.Event()
        calls = []

        @lru_cache(version=1, single_flight=False, **options)
        async def f(key: int) -> int:
            calls.append(key)
            if len(calls) == 3:
                together.set()
            await together.wait()
            return key

        assert await asyncio.wait_for(asyncio.gather(f(1), f(1), f(1)), 30) == [1] * 3
        assert calls == [1] * 3
        assert await f(1) == await f(1) == 1
        assert len(calls) == 3

    asyncio.run(main())


def test_invalidated_while_it_is_computed(options: dict[str, Any]) -> None:
    async def main() -> None:
        body = Body()
        f = cached(body, **options)
        old = asyncio.create_task(f(1))
        await body.begun.wait()
        body.begun.clear()
        f.invalidate(1)
        new = asyncio.create_task(f(1))
        # Who asks after the invalidation computes.
        await body.begun.wait()
        body.go_on.set()
        assert await old == await new == [1]
        assert body.calls == [1, 1]

    asyncio.run(main())


def test_cache_if_declines(options: dict[str, Any]) -> None:
    async def main() -> None:
        calls = []

        @lru_cache(version=1, cache_if=lambda value: value is not None, **options)
        async def f(key: int) -> None:
            calls.append(key)
            await settle()

        assert await asyncio.gather(*[f(1) for _ in range(5)]) == [None] * 5
        assert calls == [1]
        await f(1)
        assert calls == [1, 1]

    asyncio.run(main())


def test_values_without_a_form_in_bytes_are_returned(tmp_path: Path) -> None:
    errors: list[Exception] = []

    @lru_cache(backend=f"sqlite:{tmp_path / 'cache.db'}", name="f", version=1, on_error=errors.append)
    async def f(key: int) -> Any:
        await asyncio.sleep(0)
        return threading.Lock()

    async def main() -> None:
        assert await f(1) is await f(1)

    asyncio.run(main())
    assert errors


def test_an_abandoned_call_lets_go_of_its_key(options: dict[str, Any]) -> None:
    async def main() -> None:
        body = Body()
        f = cached(body, **options)
        task = asyncio.create_task(f(1))
        await body.begun.wait()
        gone = weakref.ref(task)
        task.cancel()
        await asyncio.wait([task])
        del task
        gc.collect()
        assert gone() is None
        body.go_on.set()
        assert await asyncio.wait_for(f(1), 30) == [1]

    asyncio.run(main())


def test_another_runner_than_asyncio(options: dict[str, Any]) -> None:
    calls = []

    @lru_cache(version=1, **options)
    async def f(key: int) -> int:
        calls.append(key)
        return key

    def run(coroutine: Coroutine[Any, Any, int]) -> int:
        with pytest.raises(StopIteration) as stopped:
            coroutine.send(None)
        value: int = stopped.value.value
        return value

    assert run(f(1)) == 1
    assert run(f(1)) == 1
    assert calls == [1]


def test_a_closed_loop_is_no_fault(options: dict[str, Any]) -> None:
    @lru_cache(version=1, **options)
    async def f(key: int) -> int:
        return key

    loop = asyncio.new_event_loop()
    tasks = [loop.create_task(f(key)) for key in range(20)]
    # One step: the lookups are on their way.
    loop.call_soon(loop.stop)
    loop.run_forever()
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.wait(tasks))
    loop.close()

    async def main() -> None:
        assert await asyncio.gather(*[f(key) for key in range(20)]) == list(range(20))

    asyncio.run(main())


@pytest.mark.parametrize("run", range(5))
def test_the_interpreter_may_end_right_after_a_call(tmp_path: Path, run: int) -> None:
    code = """
        import asyncio, sys
        from memolith import lru_cache

        @lru_cache(backend=sys.argv[1], name="f", version=1)
        async def f(key):
            return key

        async def main():
            await asyncio.gather(*[f(key) for key in range(20)])

        asyncio.run(main())
        loop = asyncio.new_event_loop()
        tasks = [loop.create_task(f(key)) for key in range(20, 40)]
        loop.call_soon(loop.stop)
        # What is under way on other threads is not waited for.
        loop.run_forever()
    """
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code), f"sqlite:{tmp_path / f'{run}.db'}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
