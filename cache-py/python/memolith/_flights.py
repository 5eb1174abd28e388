"""Single flight of tasks: one computes, the others of its event loop that want the same wait for it.

A flight is one key being computed. Flights belong to an event loop, because another loop may stop at any time: tasks of
different loops compute side by side.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Hashable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Protocol


class Miss(Protocol):
    """A call that memory could not answer."""

    def find(self) -> tuple[Any] | None:
        """What there is by now, as far as nobody has to wait for it."""

    def old(self) -> tuple[Any] | None:
        """What may be served while another task computes."""

    @property
    def limits(self) -> tuple[bool, bool]:
        """Whether the scopes around it let it read, and keep what it computes."""

    def compute(self) -> Coroutine[Any, Any, Any]:
        """Calls the function."""

    def count_coalesced(self) -> None:
        """Counts a hit that waited for another caller."""


# Finds or makes the value of a miss; told by whether it is outdated by then, and so not to be kept.
Produce = Callable[[Any, Callable[[], bool]], Coroutine[Any, Any, Any]]
Loops = dict[asyncio.AbstractEventLoop, dict[Hashable, "Flight"]]


async def shared(loops: Loops, key: Hashable, miss: Miss, produce: Produce, alone: Produce) -> Any:
    """Waits for the task of this event loop that is at `key`, or produces the value for those who come meanwhile."""
    loop = running_loop()
    if loop is None:
        # Another library runs this coroutine, so there is nothing here to wait with.
        return await alone(miss, bool)
    reads, writes = miss.limits
    if not reads:
        return await produce(miss, bool)
    flight = loops.get(loop, {}).get(key)
    if flight is None or flight.is_over:
        found = miss.find()
        if found is not None:
            return found[0]
        if not writes:
            # What nobody keeps is nobody's but the caller's.
            return await produce(miss, bool)
        flight = Flight(loops, loop, key)
    elif flight.waits_for(_around.get()):
        return await alone(miss, bool)
    else:
        old = miss.old()
        if old is not None:
            return old[0]
        landed = await flight.landed()
        if landed is not None:
            miss.count_coalesced()
            return landed[0]
        if not writes:
            flight.pass_on()
            return await produce(miss, bool)
    return await flight.lead(miss, produce)


class Flight:
    """One key that is computed by a task, and the tasks that wait for it."""

    __slots__ = ("_around", "_key", "_loop", "_loops", "_waiting", "_waits", "is_over")

    def __init__(self, loops: Loops, loop: asyncio.AbstractEventLoop, key: Hashable) -> None:
        self._loops = loops
        self._loop = loop
        self._key = key
        self._around: Flight | None = None
        self.is_over = False
        # Each gets the value in a tuple, or None: then it leads.
        self._waiting: deque[asyncio.Future[tuple[Any] | None]] = deque()
        # What this flight cannot end before, because something inside of it waits.
        self._waits: list[Flight] = []
        loops.setdefault(loop, {})[key] = self

    async def lead(self, miss: Miss, produce: Produce) -> Any:
        """Produces the value for those who wait. If that fails or is cancelled, one of them leads."""
        # Tasks begun in here inherit the variable: they are inside of the flight too.
        around = list(_chain(_around.get()))
        self._around = around[0] if around else None
        token = _around.set(self)
        try:
            value = await produce(miss, self._is_outdated)
        except BaseException:
            self.pass_on()
            raise
        finally:
            # The collector closes coroutines in whatever context it runs in.
            with suppress(ValueError):
                _around.reset(token)
        self._land(value)
        return value

    async def landed(self) -> tuple[Any] | None:
        """Waits for the value. None: the flight is the caller's to lead."""
        future: asyncio.Future[tuple[Any] | None] = self._loop.create_future()
        self._waiting.append(future)
        inside = list(_chain(_around.get()))
        for flight in inside:
            flight._waits.append(self)
        try:
            landed: tuple[Any] | None = await future
            return landed
        except BaseException:
            if not future.done() or future.cancelled():
                with suppress(ValueError):
                    self._waiting.remove(future)
            elif future.result() is None:
                # Cancelled right after it was told to lead.
                self.pass_on()
            raise
        finally:
            for flight in inside:
                flight._waits.remove(self)

    def waits_for(self, place: Flight | None) -> bool:
        """Whether a task inside of `place` would wait for itself, or in a circle."""
        inside = set(_chain(place))
        reached = {self}
        onward = [self]
        while onward:
            flight = onward.pop()
            if flight in inside:
                return True
            further = [waited for waited in flight._waits if waited not in reached]
            reached.update(further)
            onward.extend(further)
        return False

    def _land(self, value: object) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result((value,))
        self._waiting.clear()
        self._end()

    def _hand_over(self) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                return
        self._end()

    def pass_on(self) -> None:
        """Hands over from whichever thread this is: an abandoned coroutine is closed where it is dropped."""
        if running_loop() is self._loop:
            self._hand_over()
            return
        try:
            self._loop.call_soon_threadsafe(self._hand_over)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            self._end()

    def _end(self) -> None:
        self.is_over = True
        # A comparison of keys that raises leaves it there, where the next caller sees that it is over.
        with suppress(Exception):
            if not self._is_outdated():
                self._loops[self._loop].pop(self._key, None)
        if not self._loops.get(self._loop, True):
            self._loops.pop(self._loop, None)

    def _is_outdated(self) -> bool:
        return self._loops.get(self._loop, {}).get(self._key) is not self


# The flight whose computation the current task is inside of.
_around: ContextVar[Flight | None] = ContextVar("memolith_flight", default=None)


def _chain(flight: Flight | None) -> Iterator[Flight]:
    """The flight and those around it that are not over.

    Those that are over are let go of: tasks that begin tasks would hold a longer and longer chain of them.
    """
    while flight is not None:
        if not flight.is_over:
            yield flight
        outer = flight._around
        while outer is not None and outer.is_over:
            outer = outer._around
        flight._around = outer
        flight = outer


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of asyncio that runs this code; None without one."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
