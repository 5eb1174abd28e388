"""A cache backend for Django, over any place that memolith keeps bytes in.

    CACHES = {
        "default": {
            "BACKEND": "memolith.django.MemolithCache",
            "LOCATION": "sqlite:/var/cache/site/cache.db",  # or "shm:site", "memory:"
            "TIMEOUT": 300,
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    }

Values may be whatever pickle takes: plain data goes through memolith's own codec, the rest is pickled. What is stored
is authenticated with a key that is made from `SECRET_KEY`, so who can write to the place, but does not know the secret,
can plant nothing: a value that was not signed with it is a miss. Another `SECRET_KEY` finds an empty cache.

`OPTIONS`, beside Django's `MAX_ENTRIES`: `maxsize`, which goes before it and may be `None` for no limit, and
`policy`, `codec`, `sign`, `memory`, `name`, `writes`, `max_bytes`, `on_error`, as `memolith.Cache` has them. `memory`
is how many values are kept as objects before the bytes, 0 by default: who changes an object that came from there
changes it for all, and Django's own backends give a new one each time. With a `codec` that other languages read
nothing is signed unless `sign` is given.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.exceptions import ImproperlyConfigured
from django.utils.crypto import salted_hmac

from . import Cache

__all__ = ["MemolithCache"]

_OPTIONS = {"codec", "max_bytes", "maxsize", "memory", "name", "on_error", "policy", "sign", "writes"}
"""What `OPTIONS` may hold for the cache itself."""

_DJANGO = {"MAX_ENTRIES", "CULL_FREQUENCY"}
"""What Django's base class reads there."""

_MISSING: Any = object()

_opened: dict[tuple[tuple[str, str], ...], Cache[str, Any]] = {}
"""Django makes a backend for each thread; those with the same settings are one cache."""

_lock = threading.Lock()


class MemolithCache(BaseCache):  # type: ignore[misc, unused-ignore]
    """Django's cache API over a `memolith.Cache`.

    `add` and `incr` are atomic between the threads of a process. `close`, which Django calls after each request, keeps
    the cache open.

    Raises:
        ImproperlyConfigured: `OPTIONS` has a name that there is not.
        ValueError: `LOCATION` is no URL of memolith's, or an option is out of range.
    """

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        options = dict(params.get("OPTIONS") or {})
        unknown = sorted(set(options) - _OPTIONS - _DJANGO)
        if unknown:
            raise ImproperlyConfigured(f"there is no option {unknown[0]!r}, choose from {', '.join(sorted(_OPTIONS))}")
        settled = {name: options[name] for name in _OPTIONS & set(options)}
        settled.setdefault("maxsize", self._max_entries)
        settled.setdefault("name", "django")
        settled.setdefault("memory", 0)
        settled.setdefault("codec", "pickle")
        if settled["codec"] == "pickle":
            settled.setdefault("sign", _key(settled["name"]))
        self._cache = _shared(location or "memory:", settled)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Stores a value if there is none. Whether it did."""
        name, ttl = self.make_and_validate_key(key, version=version), self._ttl(timeout)
        if ttl is _MISSING:
            return name not in self._cache
        return self._cache.add(name, value, ttl=ttl)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """The value, or `default`."""
        return self._cache.get(self.make_and_validate_key(key, version=version), default)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Stores a value; with a timeout of 0 or less, removes it."""
        name, ttl = self.make_and_validate_key(key, version=version), self._ttl(timeout)
        if ttl is _MISSING:
            self._remove(name)
        else:
            self._cache.set(name, value, ttl=ttl)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Gives a value a new timeout. Whether there is one."""
        name, ttl = self.make_and_validate_key(key, version=version), self._ttl(timeout)
        if ttl is _MISSING:
            return self._remove(name)
        return self._cache.touch(name, ttl)

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Removes a value. Whether there was one."""
        return self._remove(self.make_and_validate_key(key, version=version))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Whether there is a value."""
        return self.make_and_validate_key(key, version=version) in self._cache

    def get_or_set(self, key: Any, default: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> Any:
        """The value; if there is none, `default` or what it returns, stored. It is called once for all who wait."""
        name, ttl = self.make_and_validate_key(key, version=version), self._ttl(timeout)
        compute: Callable[[], Any] = default if callable(default) else lambda: default
        if ttl is _MISSING:
            found = self._cache.get(name, _MISSING)
            return compute() if found is _MISSING else found
        return self._cache.get_or_insert(name, compute, ttl=ttl)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Adds to a number, which keeps its timeout.

        Raises:
            ValueError: there is none.
        """
        name = self.make_and_validate_key(key, version=version)
        while True:
            seen, found = self._cache._entry(name)
            if found is None:
                raise ValueError(f"Key '{name}' not found")
            value, left, tags = found
            total: int = value + delta
            if self._cache._exchange(name, seen, total, left, tags):
                return total

    def clear(self) -> None:
        """Removes everything of this cache; others in the same place stay."""
        self._cache.clear()

    def close(self, **kwargs: Any) -> None:
        """Nothing: what is open is shared by all threads, and by the requests that follow."""

    async def aincr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """As `incr`, and as atomic."""
        return await sync_to_async(self.incr, thread_sensitive=True)(key, delta, version)

    def _remove(self, name: str) -> bool:
        try:
            del self._cache[name]
        except KeyError:
            return False
        return True

    def _ttl(self, timeout: Any) -> float | None:
        """Seconds, `None` for ever, `_MISSING` for what is not to be kept."""
        if timeout is DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        if timeout is None:
            return None
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
        # Whoever computes a timeout may arrive at one that is over.
        return seconds if seconds > 0 else _MISSING


def _shared(location: str, options: Mapping[str, Any]) -> Cache[str, Any]:
    """The cache of the process with these settings."""
    identity = tuple(sorted((name, repr(value)) for name, value in [("backend", location), *options.items()]))
    with _lock:
        found = _opened.get(identity)
        if found is None:
            found = _opened[identity] = Cache(backend=location, **options)
        return found


def _key(name: str) -> bytes:
    """A key for signatures that tells nothing of the secret that it is made from."""
    key: bytes = salted_hmac("memolith.django", name, secret=settings.SECRET_KEY, algorithm="sha256").digest()
    return key
