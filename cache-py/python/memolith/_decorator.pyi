"""`lru_cache` and `cache`, as checkers see them."""

from collections.abc import Callable, Coroutine, Hashable, Iterable
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar, overload, type_check_only

from typing_extensions import Self

from ._memolith import Backend, CachedFunction, CodecLike, Duration, PolicyName, Size, WritesName

_P = ParamSpec("_P")
_R = TypeVar("_R")

class _Counters(NamedTuple):
    hits: int
    misses: int
    maxsize: int | None
    currsize: int

class CacheInfo(_Counters):
    """The four counters of `functools`, which it is equal to and unpacks as, and more as attributes."""

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
    ) -> Self: ...
    @property
    def coalesced(self) -> int: ...
    @property
    def evictions(self) -> int: ...
    @property
    def expired(self) -> int: ...
    @property
    def backend_hits(self) -> int: ...
    @property
    def errors(self) -> int: ...
    @property
    def stale(self) -> int: ...

@type_check_only
class Decorator(Protocol):
    """What `lru_cache(..)` gives: the function stays as it was for who calls it."""

    @overload
    def __call__(
        self, function: Callable[_P, Coroutine[Any, Any, _R]], /
    ) -> CachedFunction[_P, Coroutine[Any, Any, _R], _R]: ...
    @overload
    def __call__(self, function: Callable[_P, _R], /) -> CachedFunction[_P, _R]: ...

@overload
def lru_cache(
    maxsize: Callable[_P, Coroutine[Any, Any, _R]], typed: bool = False
) -> CachedFunction[_P, Coroutine[Any, Any, _R], _R]: ...
@overload
def lru_cache(maxsize: Callable[_P, _R], typed: bool = False) -> CachedFunction[_P, _R]: ...
@overload
def lru_cache(
    maxsize: int | None = 128,
    typed: bool = False,
    *,
    policy: PolicyName = "lru",
    ttl: Duration | None = None,
    tti: Duration | None = None,
    jitter: float | None = None,
    early_refresh: float = False,
    stale: Duration | None = None,
    max_bytes: Size | None = None,
    backend: str | Backend | None = None,
    memory: int | None = None,
    name: str | None = None,
    version: object = None,
    key: Callable[..., Hashable] | None = None,
    skip: Iterable[str] = (),
    codec: CodecLike | None = None,
    sign: bytes | None = None,
    cache_if: Callable[[Any], object] | None = None,
    tags: Callable[..., Iterable[str]] | None = None,
    on_error: Callable[[Exception], object] | None = None,
    writes: WritesName = "through",
    wait: Duration | None = None,
    single_flight: bool | None = None,
) -> Decorator: ...
@overload
def cache(function: Callable[_P, Coroutine[Any, Any, _R]], /) -> CachedFunction[_P, Coroutine[Any, Any, _R], _R]: ...
@overload
def cache(function: Callable[_P, _R], /) -> CachedFunction[_P, _R]: ...
@overload
def cache(
    function: None = None,
    /,
    *,
    typed: bool = False,
    ttl: Duration | None = None,
    tti: Duration | None = None,
    jitter: float | None = None,
    early_refresh: float = False,
    stale: Duration | None = None,
    max_bytes: Size | None = None,
    backend: str | Backend | None = None,
    memory: int | None = None,
    name: str | None = None,
    version: object = None,
    key: Callable[..., Hashable] | None = None,
    skip: Iterable[str] = (),
    codec: CodecLike | None = None,
    sign: bytes | None = None,
    cache_if: Callable[[Any], object] | None = None,
    tags: Callable[..., Iterable[str]] | None = None,
    on_error: Callable[[Exception], object] | None = None,
    writes: WritesName = "through",
    wait: Duration | None = None,
    single_flight: bool | None = None,
) -> Decorator: ...
