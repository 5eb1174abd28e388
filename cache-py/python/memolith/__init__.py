"""functools.lru_cache, faster, and with results that outlive the process."""

from memolith._decorator import CacheInfo, cache, lru_cache
from memolith._memolith import CachedFunction, CacheError

__all__ = ["CacheError", "CacheInfo", "CachedFunction", "cache", "lru_cache"]
