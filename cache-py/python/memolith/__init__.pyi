from ._decorator import CacheInfo as CacheInfo
from ._decorator import cache as cache
from ._decorator import lru_cache as lru_cache
from ._handlers import handlers as handlers
from ._handlers import register_handler as register_handler
from ._handlers import unregister_handler as unregister_handler
from ._mapping import Cache as Cache
from ._mapping import invalidate_tag as invalidate_tag
from ._memolith import Backend as Backend
from ._memolith import CachedFunction as CachedFunction
from ._memolith import CacheError as CacheError
from ._memolith import CacheMiss as CacheMiss
from ._memolith import Scope as Scope
from ._memolith import ScopeStats as ScopeStats
from ._memolith import __version__ as __version__
from ._memolith import open as open
from ._native import Native as Native

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
