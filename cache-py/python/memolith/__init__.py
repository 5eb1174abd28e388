"""functools.lru_cache, faster, and with results that outlive the process."""

from memolith._decorator import CacheInfo, cache, lru_cache
from memolith._handlers import handlers, register_handler, unregister_handler
from memolith._mapping import Cache, invalidate_tag
from memolith._memolith import (
    Backend,
    CachedFunction,
    CacheError,
    CacheMiss,
    Scope,
    ScopeStats,
    __version__,
    open,
)
from memolith._native import Native

__all__ = [
    "Backend",
    "Cache",
    "CacheError",
    "CacheInfo",
    "CacheMiss",
    "CachedFunction",
    "Native",
    "Scope",
    "ScopeStats",
    "cache",
    "handlers",
    "invalidate_tag",
    "lru_cache",
    "open",
    "register_handler",
    "unregister_handler",
]
