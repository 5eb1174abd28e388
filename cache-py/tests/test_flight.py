"""Single flight of threads: one computes, the others wait."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from memolith import lru_cache


def in_threads(*calls: Callable[[], Any]) -> list[threading.Thread]:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    return threads


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


class Gate:
    """A function's body that says that it has begun, and waits until it may end."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.open = threading.Semaphore(0)
        self.calls: list[int] = []

    def __call__(self, key: int) -> int:
        self.calls.append(key)
        self.begun.release()
        assert self.open.acquire(timeout=30)
        return key * 10


def wait_until(condition: Callable[[], bool]) -> None:
    """Waits for what shows from outside alone: that threads have reached their wait."""
    tick = threading.Event()
    for _ in range(3000):
        if condition():
            return
        tick.wait(0.01)
    raise AssertionError("it never came to be")


def wait_until_still(thread: threading.Thread) -> None:
    """Waits until a thread has spent no time of the processor for a few ticks: it waits for another thread."""
    assert thread.ident is not None
    if not hasattr(time, "pthread_getcpuclockid"):
        return
    clock, spent = time.pthread_getcpuclockid(thread.ident), [-1.0]

    def is_still() -> bool:
        spent.append(time.clock_gettime(clock))
        return spent[-4:] == [spent[-1]] * 4

    wait_until(is_still)


def frames_in(threads: list[threading.Thread], name: str) -> bool:
    """Whether every one of the threads has got as far as the function of that name."""
    frames = sys._current_frames()
    return all(thread.ident in frames and frames[thread.ident].f_code.co_name == name for thread in threads)


def test_one_thread_computes_and_all_get_the_identical_object() -> None:
    begun, done, calls = threading.Event(), threading.Event(), []

    @lru_cache(single_flight=True)
    def f(key: int) -> object:
        calls.append(key)
        begun.set()
        assert done.wait(30)
        return object()

    results = []

    def ask() -> None:
        results.append(f(1))

    leader = in_threads(ask)
    assert begun.wait(30)
    others = in_threads(*[ask] * 7)
    wait_until(lambda: frames_in(others, "ask"))
    done.set()
    join(leader + others)
    assert calls == [1]
    assert len(results) == 8
    assert len({id(result) for result in results}) == 1
    info = f.cache_info()
    assert (info.hits, info.misses, info.currsize) == (7, 1, 1)
    assert f(1) is results[0]


def test_other_keys_do_not_wait() -> None:
    gate = Gate()
    f = lru_cache(single_flight=True)(gate)
    first = in_threads(lambda: f(1))
    assert gate.begun.acquire(timeout=30)
    gate.open.release()
    join(first)
    blocked = in_threads(lambda: f(2))
    assert gate.begun.acquire(timeout=30)
    gate.open.release()
    # Key 2 may have taken the permit; 3 gets the next in any case.
    gate.open.release()
    assert f(3) == 30
    join(blocked)
    assert f(1) == 10


def test_without_it_threads_compute_side_by_side() -> None:
    both = threading.Barrier(2)

    @lru_cache
    def f(key: int) -> int:
        both.wait(30)
        return key

    join(in_threads(lambda: f(1), lambda: f(1)))
    assert f.cache_info().misses == 2


def test_each_failed_leader_raises_once_and_the_next_computes() -> None:
    lock, failures, results = threading.Lock(), [], []
    begun, go_on = threading.Event(), threading.Event()
    attempts = []

    @lru_cache(single_flight=True)
    def f(key: int) -> str:
        with lock:
            attempts.append(threading.get_ident())
            number = len(attempts)
        begun.set()
        assert go_on.wait(30)
        if number <= 3:
            raise ValueError(number)
        return "value"

    def ask() -> None:
        try:
            results.append(f(1))
        except ValueError as error:
            failures.append(error.args[0])

    leader = in_threads(ask)
    assert begun.wait(30)
    others = in_threads(*[ask] * 9)
    wait_until(lambda: frames_in(others, "ask"))
    go_on.set()
    join(leader + others)
    assert sorted(failures) == [1, 2, 3]
    assert results == ["value"] * 7
    assert len(attempts) == 4
    assert len(set(attempts)) == 4


def test_the_same_thread_may_ask_again() -> None:
    depth = []

    @lru_cache(single_flight=True)
    def f(key: int) -> int:
        depth.append(key)
        return f(key) + 1 if len(depth) < 3 else 0

    assert f(1) == 2
    assert len(depth) == 3
    assert f(1) == f(1)


def test_recursion_over_other_keys() -> None:
    @lru_cache(single_flight=True)
    def fib(n: int) -> int:
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(80) == 23416728348467685
    assert fib.cache_info().misses == 81


def test_threads_that_need_each_other_do_not_hang() -> None:
    both = threading.Barrier(2)
    results = {}

    @lru_cache(single_flight=True)
    def f(key: str) -> str:
        if len(key) == 1:
            if not both.broken:
                try:
                    both.wait(30)
                except threading.BrokenBarrierError:
                    return key
            both.abort()
            return key + f("b" if key == "a" else "a")
        return key

    def ask(key: str) -> None:
        results[key] = f(key)

    join(in_threads(lambda: ask("a"), lambda: ask("b")))
    assert set(results) == {"a", "b"}
    assert all(results[key].startswith(key) for key in results)


def test_invalidated_while_it_is_computed() -> None:
    gate = Gate()
    f = lru_cache(single_flight=True)(gate)
    old = in_threads(lambda: f(1))
    assert gate.begun.acquire(timeout=30)
    f.invalidate(1)
    new = in_threads(lambda: f(1))
    # Who asks after the invalidation computes.
    assert gate.begun.acquire(timeout=30)
    gate.open.release(2)
    join(old + new)
    assert gate.calls == [1, 1]
    gate.open.release()
    assert f(1) == 10
    assert gate.calls == [1, 1]


@pytest.mark.parametrize("forget", ["invalidate", "cache_clear"])
def test_what_was_invalidated_is_not_kept(forget: str) -> None:
    calls = []

    @lru_cache(single_flight=True)
    def f(key: int) -> int:
        calls.append(key)
        if len(calls) == 1:
            f.invalidate(key) if forget == "invalidate" else f.cache_clear()
        return key

    assert f(1) == 1
    assert f(1) == 1
    assert f(1) == 1
    assert calls == [1, 1]


def test_cache_if_declines_and_those_who_wait_have_it_anyway() -> None:
    begun, joined, done = threading.Event(), threading.Event(), threading.Event()
    calls, results = [], []

    class Key:
        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            joined.set()
            return isinstance(other, Key)

    @lru_cache(single_flight=True, cache_if=lambda value: False)
    def f(key: Key) -> int:
        calls.append(1)
        begun.set()
        assert done.wait(30)
        return 1

    def ask() -> None:
        results.append(f(Key()))

    threads = in_threads(ask)
    assert begun.wait(30)
    threads += in_threads(ask)
    assert joined.wait(30)
    wait_until_still(threads[1])
    done.set()
    join(threads)
    assert results == [1, 1]
    assert calls == [1]
    assert f(Key()) == 1
    assert calls == [1, 1]


def test_comparisons_that_raise() -> None:
    class Nasty:
        armed = False

        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            if Nasty.armed:
                raise ZeroDivisionError
            return self is other

    @lru_cache(single_flight=True)
    def f(key: object) -> int:
        return 1

    assert f(Nasty()) == 1
    Nasty.armed = True
    with pytest.raises(ZeroDivisionError):
        f(Nasty())
    Nasty.armed = False
    assert f(Nasty()) == 1


def test_an_error_shows_the_frame_of_the_function() -> None:
    @lru_cache(single_flight=True)
    def fails(key: int) -> int:
        return 1 // key

    with pytest.raises(ZeroDivisionError) as caught:
        fails(0)
    assert "fails" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]


def test_nothing_is_left_of_calls_that_fail() -> None:
    class Key:
        pass

    @lru_cache(single_flight=True)
    def fails(key: object) -> int:
        raise ValueError

    key = Key()
    left = weakref.ref(key)
    with pytest.raises(ValueError):
        fails(key)
    del key
    gc.collect()
    assert left() is None


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )


def test_an_interrupt_leaves_the_wait() -> None:
    code = """
        import _thread, os, signal, sys, threading
        from memolith import lru_cache

        begun, done = threading.Event(), threading.Event()

        @lru_cache(single_flight=True)
        def f(key):
            begun.set()
            done.wait(30)
            return key

        def interrupt():
            # Once the main thread has reached its wait.
            main = threading.main_thread().ident
            while sys._current_frames()[main].f_code.co_name != "ask":
                done.wait(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        def ask():
            return f(1)

        leader = threading.Thread(target=f, args=(1,))
        leader.start()
        begun.wait(30)
        threading.Thread(target=interrupt).start()
        try:
            ask()
        except KeyboardInterrupt:
            print("left")
        done.set()
        leader.join()
        print(f(1), f.cache_info().misses)
    """
    ended = run(code)
    assert ended.stdout.split() == ["left", "1", "1"], ended.stderr


def test_a_fork_does_not_wait_for_threads_it_has_not_got() -> None:
    code = """
        import os, threading, warnings
        from memolith import lru_cache

        warnings.simplefilter("ignore")
        begun, done = threading.Event(), threading.Event()
        parent = os.getpid()

        @lru_cache(single_flight=True)
        def f(key):
            begun.set()
            if os.getpid() == parent:
                done.wait(30)
            return key

        leader = threading.Thread(target=f, args=(1,))
        leader.start()
        begun.wait(30)
        child = os.fork()
        if child == 0:
            os._exit(7 if f(1) == 1 else 1)
        done.set()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        leader.join()
    """
    ended = run(code)
    assert ended.stdout.split() == ["7"], ended.stderr


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
def test_many_threads_over_a_few_keys() -> None:
    computing: dict[int, int] = {}
    worst, lock = [0], threading.Lock()
    start = threading.Barrier(16)

    @lru_cache(maxsize=4, single_flight=True, cache_if=lambda value: value % 2)
    def f(key: int) -> int:
        with lock:
            computing[key] = computing.get(key, 0) + 1
            worst[0] = max(worst[0], computing[key])
        with lock:
            computing[key] -= 1
        if key == 5:
            raise ValueError(key)
        return key

    wrong: list[Any] = []

    def ask(seed: int) -> None:
        start.wait(30)
        for step in range(200):
            key = (seed * 7 + step * 3) % 8
            try:
                if f(key) != key:
                    wrong.append(key)
            except ValueError as error:
                if error.args != (5,) or key != 5:
                    wrong.append(error)

    join(in_threads(*[lambda seed=seed: ask(seed) for seed in range(16)]))
    assert not wrong
    assert worst == [1]
    info = f.cache_info()
    # A call that raises is a miss.
    assert info.hits + info.misses == 3200
