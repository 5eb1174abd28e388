"""`lru_cache` and `cache`: functools' decorators, and more."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from memolith._memolith import CachedFunction
from memolith._units import seconds, size


class CacheInfo(functools._CacheInfo):  # type: ignore[misc]
    """functools' four counters as a tuple, equal to and unpacked as functools', and more as attributes."""

    #: Hits that waited for another caller's computation instead of repeating it.
    coalesced: int = 0
    #: Entries that left memory because there were `maxsize` of them.
    evictions: int = 0
    #: Entries that left memory because their time was over.
    expired: int = 0
    #: Hits that came from the backend.
    backend_hits: int = 0
    #: Faults of the backend, each answered by a miss.
    errors: int = 0
    #: Answers that were served after their time to live.
    stale: int = 0

    def __new__(
        cls,
        hits: int,
        misses: int,
        maxsize: int | None,
        currsize: int,
        coalesced: int = 0,
        evictions: int = 0,
        expired: int = 0,
        backend_hits: int = 0,
        errors: int = 0,
        stale: int = 0,
    ) -> CacheInfo:
        """A snapshot."""
        self = super().__new__(cls, hits, misses, maxsize, currsize)
        self.coalesced = coalesced
        self.evictions = evictions
        self.expired = expired
        self.backend_hits = backend_hits
        self.errors = errors
        self.stale = stale
        return self


def lru_cache(
    maxsize: int | Callable[..., Any] | None = 128,
    typed: bool = False,
    *,
    policy: str = "lru",
    ttl: float | str | timedelta | None = None,
    tti: float | str | timedelta | None = None,
    jitter: float | None = None,
    early_refresh: float = False,
    stale: float | str | timedelta | None = None,
    max_bytes: int | str | None = None,
    backend: Any = None,
    memory: int | None = None,
    name: str | None = None,
    version: object = None,
    key: Callable[..., Any] | None = None,
    skip: Iterable[str] = (),
    codec: Any = None,
    sign: bytes | None = None,
    cache_if: Callable[[Any], object] | None = None,
    tags: Callable[..., Iterable[str]] | None = None,
    on_error: Callable[[Exception], object] | None = None,
    writes: str = "through",
    wait: float | str | timedelta | None = None,
    single_flight: bool | None = None,
) -> Any:
    """Keep a function's results, by its arguments.

    As `functools.lru_cache`, and: `policy` says who leaves when there are `maxsize` results; `ttl` and `tti` end a
    result so long after it was made or last used; with a backend `jitter` ends each by up to this share of its `ttl`
    sooner, `early_refresh` has one caller compute it anew before its end, and `stale` serves it for that much longer
    while one computes, and where that raises an Exception; `backend` keeps results beyond the process, by a URL or what
    `memolith.open` returned; `key` makes the key from the arguments, `skip` names parameters that are no part of it;
    `cache_if` tells of a result whether it is kept; `tags` is called with a result and the arguments, and gives the
    names by which `memolith.invalidate_tag` ends it; `single_flight` lets simultaneous callers wait for one of them.

    Durations are seconds, `timedelta` or text such as `"5m"`; sizes are bytes or text such as `"64MiB"`.

    Raises TypeError and ValueError for arguments that mean nothing.
    """
    options = {
        "policy": policy,
        "ttl": seconds(ttl),
        "tti": seconds(tti),
        "jitter": jitter,
        "early_refresh": early_refresh,
        "stale": seconds(stale),
        "max_bytes": size(max_bytes),
        "backend": backend,
        "memory": memory,
        "name": name,
        "version": version,
        "key": key,
        "skip": [skip] if isinstance(skip, str) else list(skip),
        "codec": codec,
        "sign": sign,
        "cache_if": cache_if,
        "tags": tags,
        "on_error": on_error,
        "writes": writes,
        "wait": seconds(wait),
        "single_flight": single_flight,
    }
    if callable(maxsize) and isinstance(typed, bool):
        return _decorated(maxsize, 128, typed, options)
    if maxsize is not None and not hasattr(maxsize, "__index__"):
        raise TypeError("Expected first argument to be an integer, a callable, or None")
    return functools.partial(_decorated, maxsize=maxsize, typed=typed, options=options)


def cache(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Keep all of a function's results: `lru_cache(maxsize=None)`, with any other of its arguments.

    Raises as `lru_cache` does.
    """
    decorator = lru_cache(maxsize=None, **options)
    return decorator if function is None else decorator(function)


def _decorated(function: Callable[..., Any], /, maxsize: int | None, typed: bool, options: dict[str, Any]) -> Any:
    cached = CachedFunction(function, maxsize, typed, CacheInfo, options)
    if cached.is_async:
        _mark(cached)
    return functools.update_wrapper(cached, function)


def _mark(cached: Any) -> None:
    """Has `inspect` and `asyncio` take it for an `async def`."""
    if sys.version_info >= (3, 12):
        import inspect

        inspect.markcoroutinefunction(cached)
    else:
        from asyncio import coroutines

        cached._is_coroutine = coroutines._is_coroutine  # type: ignore[attr-defined]
