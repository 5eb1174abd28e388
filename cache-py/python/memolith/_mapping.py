"""`memolith.Cache`: a mapping over the tiers of a cached function."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from types import GenericAlias, TracebackType
from typing import Any
from weakref import WeakSet

from memolith._memolith import _invalidate_tag, _Table
from memolith._units import lifetime as _lifetime
from memolith._units import seconds as _seconds
from memolith._units import size as _bytes

_MISSING = object()


class Cache(_Table):
    """Values by key, in memory or in front of a backend.

    In memory any hashable object is a key, and the identical value comes back. With a backend a key needs a canonical
    form (plain data has one), and values are kept as `codec` says.

    Each change, `add`, `setdefault`, `pop`, `touch` and `incr` among them, is one step for the threads of a process;
    another process may come between. Code of keys, values and codecs runs under no lock: who finds that another thread
    was faster looks again.
    """

    __class_getitem__ = classmethod(GenericAlias)

    def __new__(
        cls,
        maxsize: int | None = None,
        *,
        policy: str = "lru",
        ttl: Any = None,
        tti: Any = None,
        jitter: float | None = None,
        early_refresh: float = False,
        stale: Any = None,
        max_bytes: Any = None,
        backend: Any = None,
        memory: int | None = None,
        name: str | None = None,
        version: object = None,
        codec: Any = None,
        sign: bytes | None = None,
        on_error: Callable[[Exception], object] | None = None,
        writes: str = "through",
        wait: Any = None,
        single_flight: bool | None = None,
    ) -> Cache:
        """A cache of at most `maxsize` entries; None is unbounded.

        `ttl`, `tti` and `stale` are seconds, text such as "5m", or a timedelta. With a backend and a `ttl`, `jitter` ends
        each entry by up to this share of it sooner; `early_refresh` has one caller of `get_or_insert` compute a value
        anew before its end, and `stale` serves it for that much longer while one computes, and where that raises an
        Exception: until then it is looked up as others are. Raises ValueError and TypeError for arguments that are none.
        """
        options = {
            "policy": policy,
            "ttl": _seconds(ttl),
            "tti": _seconds(tti),
            "jitter": jitter,
            "early_refresh": early_refresh,
            "stale": _seconds(stale),
            "max_bytes": _bytes(max_bytes),
            "backend": backend,
            "memory": memory,
            "name": name,
            "version": version,
            "codec": codec,
            "sign": sign,
            "on_error": on_error,
            "writes": writes,
            "wait": _seconds(wait),
            "single_flight": single_flight,
        }
        cache = super().__new__(cls, maxsize, options)
        _caches.add(cache)
        return cache

    def set(self, key: Hashable, value: Any, *, ttl: Any = None, tags: Iterable[str] = ()) -> None:
        """Stores a value, for `ttl` instead of the cache's own time to live, under any number of tags."""
        self._set(key, value, _lifetime(ttl), _texts(tags))

    def add(self, key: Hashable, value: Any, *, ttl: Any = None, tags: Iterable[str] = ()) -> bool:
        """Stores a value if the key has none, and says whether it did."""
        seconds, texts = _lifetime(ttl), _texts(tags)
        while key not in self:
            seen, found = self._entry(key)
            # An old value that may still be served is none.
            if (found is None or key not in self) and self._exchange(key, seen, value, seconds, texts):
                return True
        return False

    def get_or_insert(
        self, key: Hashable, compute: Callable[[], Any], *, ttl: Any = None, tags: Iterable[str] = ()
    ) -> Any:
        """The value, or what `compute()` returns, which is kept. Whoever asks for the key meanwhile waits for it."""
        return self._compute(key, compute, _lifetime(ttl), _texts(tags))

    def get_many(self, keys: Iterable[Hashable]) -> dict[Any, Any]:
        """Those of `keys` that are there, with their values; a backend is asked once."""
        return self._get_many(list(dict.fromkeys(keys)))

    def get_or_insert_many(
        self, keys: Iterable[Hashable], compute: Callable[[list[Any]], Mapping[Any, Any]], *, tags: Iterable[str] = ()
    ) -> dict[Any, Any]:
        """All of `keys` with their values. Those that are missing are computed by one call, `compute(missing)`, which
        returns a mapping with a value for each, and are kept; a backend is asked once and written to once.

        With a backend, whoever asks for one of them meanwhile waits for it, and what others compute is waited for. Then
        `compute` may be called again, with few keys. Without one, callers compute side by side.

        Raises what `compute` raises, and ValueError where it leaves out a key; then nothing of that call is kept.
        """
        return self._compute_many(list(dict.fromkeys(keys)), compute, _texts(tags))

    def setdefault(self, key: Hashable, default: Any = None) -> Any:
        """The value, or `default`, which is kept then."""
        while True:
            seen, found = self._entry(key)
            if found is not None:
                return found[0]
            if self._exchange(key, seen, default, None, []):
                return default

    def pop(self, key: Hashable, default: Any = _MISSING) -> Any:
        """Removes a key and returns its value, or `default`. Raises KeyError where there is neither."""
        while True:
            seen, found = self._entry(key)
            if found is None:
                if default is _MISSING:
                    raise KeyError(key)
                return default
            if self._discard(key, seen):
                return found[0]

    def update(self, other: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = (), /, **more: Any) -> None:
        """Stores all items of a mapping, or all pairs."""
        for key, value in dict(other, **more).items():
            self[key] = value

    def touch(self, key: Hashable, ttl: Any = None) -> bool:
        """Has a value live for `ttl` from now on, or as long as the cache says. Whether there is one."""
        seconds = _lifetime(ttl)
        while True:
            seen, found = self._entry(key)
            if found is None:
                return False
            value, _, tags = found
            if self._exchange(key, seen, value, seconds, tags):
                return True

    def incr(self, key: Hashable, delta: int = 1, default: int = 0) -> int:
        """Adds to a number, which begins as `default`, and returns the sum. It ends when it would have ended before.

        Raises TypeError for a value that is no int.
        """
        while True:
            seen, found = self._entry(key)
            value, left, tags = found if found is not None else (default, None, [])
            if found is not None and type(value) is not int:
                raise TypeError(f"the value of {key!r} is no int, so nothing can be added to it")
            total: int = value + delta
            if self._exchange(key, seen, total, left, tags):
                return total

    def decr(self, key: Hashable, delta: int = 1, default: int = 0) -> int:
        """As `incr`, downwards."""
        return self.incr(key, -delta, default)

    def invalidate_tag(self, tag: str) -> int | None:
        """Removes all entries of this cache that were stored under a tag, and returns how many.

        Servers of Redis are told of the tag alone, in one step, whatever carries it: then this returns None, and `len`
        counts these entries until they leave.

        A backend has the keys that take more than 128 bytes as hashes alone: entries of such keys go with every tag.
        """
        return self._evict(tag)

    evict = invalidate_tag

    def keys(self) -> list[Any]:
        """The keys that are there now."""
        return [key for key, _ in self._entries()]

    def values(self) -> list[Any]:
        """The values that are there now."""
        return [value for _, value in self._entries()]

    def items(self) -> list[tuple[Any, Any]]:
        """The keys and values that are there now."""
        return self._entries()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.keys())

    def info(self) -> Any:
        """The counters, as `cache_info()` of a cached function tells them."""
        from memolith._decorator import CacheInfo

        return CacheInfo(*self._info())

    def __enter__(self) -> Cache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self.closed:
            return f"<{type(self).__name__}, closed>"
        return f"<{type(self).__name__}, {len(self)} entries>"


def invalidate_tag(tag: str) -> None:
    """Ends all results and entries that carry a tag: of every function and cache, in memory and in every backend.

    One write in each backend that this process uses with tags. Raises CacheError where one could not be told: other
    processes may then see what it holds, and this one does not.
    """
    for cache in list(_caches):
        cache._evict_near(tag)
    _invalidate_tag(tag)


def _texts(tags: Iterable[str]) -> list[str]:
    if isinstance(tags, str):
        raise TypeError(f"`tags` is a list of texts, write [{tags!r}]")
    return list(tags)


def _renew() -> None:
    """After a fork nobody is there to release what other threads held."""
    for cache in list(_caches):
        cache._renew()


_caches: WeakSet[Cache] = WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
