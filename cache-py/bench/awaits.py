"""Hits of `async def` functions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import memolith

from bench.memory import HOT, SMALL, rival
from bench.race import FLOOR, OURS, Case, Claim, Contender

WARP = "warp_cache"


def awaits() -> Iterator[Case]:
    """`await f(k)` of what is there."""
    loop = asyncio.new_event_loop()
    keys = [1_000 + number for number in range(HOT)] * 16
    racers: dict[str, Any] = {OURS: memolith.lru_cache(SMALL)}
    base, claims = OURS, []
    if warp := rival("warp_cache"):
        racers[WARP] = warp.cache(max_size=8 * SMALL)
        base, claims = WARP, [Claim(1.3, WARP)]
    if async_lru := rival("async_lru"):
        racers["async_lru"] = async_lru.alru_cache(SMALL)

    async def plain(key: object) -> object:
        return key

    async def repeated(repeat: int, function: Any) -> None:
        for _ in range(repeat):
            for key in keys:
                await function(key)

    async def empty(repeat: int) -> None:
        for _ in range(repeat):
            for _ in keys:
                pass

    def run(function: Any) -> Callable[[int], object]:
        return lambda repeat: loop.run_until_complete(repeated(repeat, function))

    contenders = [Contender(FLOOR, lambda repeat: loop.run_until_complete(empty(repeat)), len(keys))]
    contenders.append(Contender("no cache: a coroutine that returns", run(plain), len(keys)))
    contenders += [Contender(name, run(decorator(plain)), len(keys)) for name, decorator in racers.items()]
    yield Case("async hit at maxsize 128, f(int)", contenders, base, claims)
    loop.close()
