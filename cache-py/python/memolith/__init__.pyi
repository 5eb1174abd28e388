from ._decorator import CacheInfo as CacheInfo
from ._decorator import cache as cache
from ._decorator import lru_cache as lru_cache
from ._handlers import handlers as handlers, register_handler as register_handler, unregister_handler as unregister_handler
from ._native import Native as Native
from ._memolith import Backend as Backend, Cache as Cache, CachedFunction as CachedFunction, CacheError as CacheError, open as open
