"""What checkers make of decorated functions. Each line says what it expects; nothing here is run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from typing_extensions import assert_type

import memolith
from memolith import CachedFunction, CacheInfo, cache, lru_cache


@lru_cache
def area(shape: str, n: int = 1, *, unit: str = "m") -> float:
    return float(n) if shape and unit else 0.0


@lru_cache(maxsize=None, typed=True, ttl="5m", tti=timedelta(hours=1), backend="sqlite:cache.db", skip=["unit"])
def stored(shape: str, *, unit: str = "m") -> list[str]:
    return [shape, unit]


@lru_cache(128)
def sized(n: int) -> int | None:
    return n


@cache
def endless(n: int) -> str:
    return str(n)


@cache(backend="shm:results", max_bytes="64MiB")
def shared(n: int) -> str:
    return str(n)


@lru_cache
async def fetch(url: str) -> bytes:
    return url.encode()


@lru_cache(ttl=60, single_flight=True)
async def fetch_all(*urls: str, retries: int = 3) -> list[bytes]:
    return [await fetch(url) for url in urls]


assert_type(area("disc", 2), float)
assert_type(area("disc", n=2, unit="cm"), float)
assert_type(area.get("disc"), float | None)
assert_type(area.invalidate("disc", 2), bool)
assert_type(area.uncached("disc"), float)
assert_type(area.__wrapped__("disc"), float)
assert_type(area.cache_info(), CacheInfo)
assert_type(area.cache_info().hits, int)
assert_type(area.cache_info().evictions, int)
assert_type(area.cache_parameters()["maxsize"], int | None)
hits, misses, maxsize, currsize = area.cache_info()
assert_type(maxsize, int | None)
assert_type(stored("disc"), list[str])
assert_type(sized(1), int | None)
assert_type(endless(1), str)
assert_type(shared(1), str)
function: Callable[[int], str] = shared
named: CachedFunction[[int], str] = shared

area()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
area(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
area("disc", size=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
area.get(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
area.invalidate("disc", n="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
area.cache_size()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
wrong_: Callable[[str], str] = shared  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
lru_cache(policy="lifo")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
lru_cache(128, ttl=b"1s")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
lru_cache(size=128)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


async def use() -> None:
    assert_type(await fetch("a"), bytes)
    pending: Coroutine[Any, Any, bytes] = fetch("a")
    assert_type(await pending, bytes)
    assert_type(fetch.get("a"), bytes | None)
    assert_type(await fetch_all("a", "b", retries=1), list[bytes])
    both: tuple[bytes, list[bytes]] = await asyncio.gather(fetch("a"), fetch_all("b"))
    assert_type(both[0], bytes)
    assert_type(await asyncio.create_task(fetch("a")), bytes)
    await fetch(b"a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class Shape:
    @lru_cache(maxsize=64)
    def area(self, n: int, unit: str = "m") -> float:
        return float(n) if unit else 0.0

    @lru_cache
    async def load(self, n: int) -> bytes:
        return bytes(n)

    @classmethod
    @lru_cache
    def named(cls, name: str) -> int:
        return len(name)

    @staticmethod
    @lru_cache
    def sides(name: str) -> int:
        return len(name)

    @property
    @lru_cache
    def weight(self) -> float:
        return 1.0


shape = Shape()
assert_type(shape.area(1), float)
assert_type(shape.area(1, unit="cm"), float)
assert_type(Shape.area(shape, 1), float)
assert_type(shape.area.cache_info(), CacheInfo)
assert_type(shape.area.invalidate(shape, 1), bool)
assert_type(Shape.area.get(shape, 1), float | None)
assert_type(Shape.named("a"), int)
assert_type(shape.named("a"), int)
assert_type(Shape.sides("a"), int)
assert_type(shape.weight, float)
assert_type(Shape.sides.cache_info(), CacheInfo)

shape.area("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
shape.area()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def load() -> None:
    assert_type(await shape.load(1), bytes)


class Callable_:
    def __call__(self, n: int) -> str:
        return str(n)


assert_type(lru_cache(Callable_())(1), str)
assert_type(lru_cache(len)("abc"), int)
assert_type(memolith.lru_cache(maxsize=2)(lambda: 1)(), int)
