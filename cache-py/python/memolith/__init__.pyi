from ._decorator import CacheInfo as CacheInfo
from ._decorator import cache as cache
from ._decorator import lru_cache as lru_cache
from ._memolith import Backend as Backend, Cache as Cache, CachedFunction as CachedFunction, CacheError as CacheError, open as open
