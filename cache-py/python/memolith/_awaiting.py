"""Misses of awaited functions, in memory and with a backend."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Protocol

from memolith._flights import Miss, running_loop


class MemoryMiss(Miss, Protocol):
    """A miss of a function without a backend."""

    def keep(self, value: object, is_outdated: Callable[[], bool], /) -> None:
        """Keeps the value, unless `cache_if` declines or it is outdated by then."""


class StoredMiss(Miss, Protocol):
    """A miss of a function with a backend."""

    @property
    def key(self) -> bytes:
        """What the backend knows the result by."""

    @property
    def leading(self) -> dict[bytes, object]:
        """The keys that tasks compute, of whichever event loop."""

    def begin(self) -> Trip:
        """The way to the backend and back."""

    def get(self) -> tuple[Any] | None:
        """What the backend has, after a wait of the thread. Counts a hit, or a miss that computes; may raise CacheMiss."""

    def insert(self, value: object, /) -> None:
        """Keeps the value unless `cache_if` declines. The thread waits for the backend."""


class Trip(Protocol):
    """A lookup in the core, and its lease if that was a miss."""

    def poll(self, future: asyncio.Future[None], /) -> bool:
        """Goes on. False: there is nothing to do until `future` is done. Raises CacheMiss where nothing is to be computed."""

    def found(self) -> tuple[Any, ...] | None:
        """The value; empty if it cannot be read. None: the caller computes it."""

    def fill(self, value: object, miss: StoredMiss, /) -> None:
        """Hands over what was computed."""

    def fail(self) -> None:
        """Says that nothing was computed. What may be served instead is found when it has gone on."""

    def close(self) -> None:
        """Lets go of the lease; no effect if it was filled."""


async def in_memory(miss: MemoryMiss, is_outdated: Callable[[], bool]) -> Any:
    """Computes and keeps the value."""
    value = await miss.compute()
    miss.keep(value, is_outdated)
    return value


async def in_backend(miss: StoredMiss, _is_outdated: Callable[[], bool]) -> Any:
    """Asks the backend, computes if need be, and keeps the value there; the core knows whether it is outdated.

    Only one task of the process leads a key in the core: tasks of other event loops would wait there for this one,
    whose loop may stop.
    """
    mine = object()
    reads, writes = miss.limits
    if reads and not writes:
        # It waits for threads, which lead in the core without being told of here.
        if miss.key in miss.leading:
            return await apart(miss, bool)
    elif reads and miss.leading.setdefault(miss.key, mine) is not mine:
        return await apart(miss, bool)
    trip = miss.begin()
    try:
        await _arrival(trip)
        found = trip.found()
        if found:
            return found[0]
        try:
            value = await miss.compute()
        except Exception:
            old = await _old(trip)
            if old:
                return old[0]
            raise
        if found is None:
            trip.fill(value, miss)
            await _arrival(trip)
        else:
            await _off_loop(miss.insert, value)
        return value
    finally:
        _leave(miss, mine)
        trip.close()


async def apart(miss: StoredMiss, _is_outdated: Callable[[], bool]) -> Any:
    """The same without a lease: whoever else is at it, nobody waits.

    Who began first keeps the value, unless it was invalidated meanwhile: of two that are written at once each takes the
    other for outdated.
    """
    mine = object()
    reads, writes = miss.limits
    if writes and not reads:
        # It takes the place of whatever there is.
        miss.leading[miss.key] = mine
    elif writes:
        miss.leading.setdefault(miss.key, mine)
    try:
        found = await _off_loop(miss.get)
        if found is not None:
            return found[0]
        value = await miss.compute()
        if miss.leading.get(miss.key) is mine:
            await _off_loop(miss.insert, value)
        return value
    finally:
        _leave(miss, mine)


async def _old(trip: Trip) -> tuple[Any, ...] | None:
    """What may be served after the computation has failed."""
    trip.fail()
    await _arrival(trip)
    return trip.found()


def wake(future: asyncio.Future[None]) -> None:
    """Completes `future`, from any thread."""
    # A closed loop has nobody who waits.
    with suppress(RuntimeError):
        future.get_loop().call_soon_threadsafe(_complete, future)


def _complete(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _leave(miss: StoredMiss, mine: object) -> None:
    if miss.leading.get(miss.key) is mine:
        del miss.leading[miss.key]


async def _arrival(trip: Trip) -> None:
    loop = asyncio.get_running_loop()
    while not trip.poll(future := loop.create_future()):
        await future


async def _off_loop(work: Callable[..., Any], *args: object) -> Any:
    """Work that blocks, on a thread of the event loop's pool; right here where another library runs this coroutine."""
    loop = running_loop()
    if loop is None:
        return work(*args)
    # The scopes around it are those of its context.
    return await loop.run_in_executor(None, copy_context().run, work, *args)
