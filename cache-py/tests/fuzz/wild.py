"""Random programs whose keys and values call back into the cache, from several threads: what must always hold.

Each result is that of an equal call; every call that returned was counted, as a hit or as a miss; no bound is exceeded;
nothing is leaked; nothing crashes. Where a comparison changes the cache under a lookup, that is all that one can ask,
of functools as well.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from random import Random
from typing import Any

from fuzz.exact import Decorate
from fuzz.keys import Call, Counted, World

POLICIES = ("lru", "fifo", "sieve", "s3fifo", "tinylfu", "lfu", "mru", "random", "tenure")


class Answer(Counted):
    """A result: it knows its arguments, and calls back when it dies."""

    def __init__(self, world: World, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        super().__init__()
        self.world, self.args, self.kwargs = world, args, kwargs

    def __del__(self) -> None:
        super().__del__()
        self.world.called_back()


class Wild:
    """One random program on one cache."""

    def __init__(self, seed: int, decorate: Decorate, options: dict[str, object] | None = None) -> None:
        self.random = Random(seed)
        self.seed = seed
        self.maxsize = self.random.choice((None, 0, 1, 2, 3, 8, 16, 100))
        self.typed = self.random.random() < 0.3
        self.pool = [Call(self.random) for _ in range(self.random.choice((4, 20, 100)))]
        self.returned = self.failed = 0
        self.cleared = False
        self.lock = threading.Lock()
        options = {} if options is None else options
        self.cached: Any = decorate(maxsize=self.maxsize, typed=self.typed, **options)(self.compute)
        self.worlds = threading.local()

    def compute(self, *args: object, **kwargs: object) -> object:
        world: World = self.worlds.mine
        if world.depth == 1:
            world.called_back()
        return Answer(world, args, kwargs)

    def run(self, steps: int, threads: int = 1) -> str | None:
        """Takes so many steps in each thread: what is wrong, or `None`."""
        gc.collect()
        before = Counted.alive
        wrong: list[str] = []
        runs = [threading.Thread(target=self.steps, args=(steps, n, wrong)) for n in range(threads)]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
        if not wrong:
            wrong.extend(self.counters(exactly=True))
        self.cached.cache_clear()
        self.worlds = threading.local()
        gc.collect()
        leaked = Counted.alive - before
        if leaked:
            wrong.append(f"{leaked} objects leaked")
        return f"seed {self.seed}, maxsize {self.maxsize}, typed {self.typed}: {wrong[0]}" if wrong else None

    def steps(self, steps: int, thread: int, wrong: list[str]) -> None:
        random = Random(f"{self.seed} {thread}")
        world = self.worlds.mine = World()
        try:
            for _ in range(steps):
                world.calls_back = self.action(random, world) if random.random() < 0.3 else None
                world.raises = random.random() < 0.05
                self.ask(random.choice(self.pool), world)
                if random.random() < 0.05:
                    wrong.extend(self.counters(exactly=False))
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}")
        finally:
            world.calls_back, world.raises = None, False

    def action(self, random: Random, world: World) -> Callable[[], object]:
        """What the keys of the next call do."""
        call = random.choice(self.pool)
        actions: list[Callable[[], object]] = [
            lambda: self.ask(call, world),
            lambda: self.ask(call, world),
            lambda: self.invalidate(call, world),
            self.clear,
            self.cached.cache_info,
            lambda: gc.collect(0),
        ]
        return random.choice(actions)

    def clear(self) -> None:
        self.cleared = True
        self.cached.cache_clear()

    def invalidate(self, call: Call, world: World) -> None:
        if not hasattr(self.cached, "invalidate"):
            return
        args, kwargs = call.made(world)
        try:
            self.cached.invalidate(*args, **kwargs)
        except (TypeError, ArithmeticError):
            pass

    def ask(self, call: Call, world: World) -> None:
        args, kwargs = call.made(world)
        try:
            answer = self.cached(*args, **kwargs)
        except (TypeError, ArithmeticError):
            with self.lock:
                self.failed += 1
            return
        with self.lock:
            self.returned += 1
        # A comparison of these may raise or call back; what came is judged, not how it was found.
        raises, calls_back, world.raises, world.calls_back = world.raises, world.calls_back, False, None
        others = answer.world
        theirs, others.raises = others.raises, False
        try:
            if not _are_equal(answer.args, args) or not _are_equal(answer.kwargs, kwargs):
                raise AssertionError(f"the result of {answer.args}, {answer.kwargs} came for {args}, {kwargs}")
        finally:
            others.raises = theirs
            world.raises, world.calls_back = raises, calls_back

    def counters(self, exactly: bool) -> list[str]:
        hits, misses, _, currsize = self.cached.cache_info()[:4]
        wrong = []
        if self.maxsize is not None and currsize > self.maxsize:
            wrong.append(f"{currsize} entries are too many")
        if exactly and not self.cleared and not self.returned <= hits + misses <= self.returned + self.failed:
            wrong.append(f"{hits} hits and {misses} misses of {self.returned} calls, and {self.failed} that raised")
        return wrong


def _are_equal(ours: object, theirs: object) -> bool:
    """Equal, or identical somewhere inside where equality says no, as for NaN."""
    return ours == theirs or repr(ours) == repr(theirs)
