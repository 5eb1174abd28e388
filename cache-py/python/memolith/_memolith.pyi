"""The inner module, which is written in Rust: its types."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from types import GenericAlias
from typing import (
    Any,
    Concatenate,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypedDict,
    final,
    overload,
    type_check_only,
)

from typing_extensions import Buffer, Self, TypeVar

from ._decorator import CacheInfo
from ._mapping import Cache
from ._native import Native

__version__: str

_P = ParamSpec("_P")
_Q = ParamSpec("_Q")
_S = TypeVar("_S")
_T = TypeVar("_T")
_V = TypeVar("_V")
_R_co = TypeVar("_R_co", covariant=True)
_Kept_co = TypeVar("_Kept_co", covariant=True, default=_R_co)

Duration: TypeAlias = float | str | timedelta
"""Seconds, or text such as `"250ms"`, `"5m"`, `"1h"`, `"2d"`."""

Size: TypeAlias = int | str
"""Bytes, or text such as `"64MiB"`."""

PolicyName: TypeAlias = Literal["lru", "mru", "fifo", "lfu", "random", "sieve", "s3fifo", "tinylfu", "tenure", "auto"]
WritesName: TypeAlias = Literal["through", "behind"]
ModeName: TypeAlias = Literal["read_only", "write_only", "disabled", "never_compute", "enabled"]

@type_check_only
class Codec(Protocol):
    """How values become bytes: an object of the user's."""

    def encode(self, value: Any, /) -> Buffer: ...
    def decode(self, data: bytes, /) -> Any: ...

CodecLike: TypeAlias = Literal["native", "pickle", "unsigned-pickle", "messagepack", "json", "cbor"] | Native | Codec

@type_check_only
class CacheParameters(TypedDict):
    """What `functools` tells of a decorated function."""

    maxsize: int | None
    typed: bool

class CacheError(Exception):
    """A backend, a codec or a stored value failed."""

    kind: Literal["unavailable", "busy", "damaged", "codec", "config", "unsupported", "other"]

class CacheMiss(LookupError):
    """Something is neither in memory nor in the backend, and a scope says that it must not be computed."""

@final
class Scope:
    """What the calls of a block, a task or a request may do with caches, and what they have done."""

    def __new__(
        cls,
        mode: ModeName | None = None,
        *,
        only: (
            CachedFunction[..., Any, Any]
            | CachedMethod[..., Any, Any, Any]
            | Cache[Any, Any]
            | Iterable[CachedFunction[..., Any, Any] | CachedMethod[..., Any, Any, Any] | Cache[Any, Any]]
            | None
        ) = None,
    ) -> Self: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_raised: object) -> None: ...
    def stats(self) -> ScopeStats: ...

@final
class ScopeStats:
    """What was counted inside of a scope; the fields mean what those of `cache_info()` mean."""

    @property
    def hits(self) -> int: ...
    @property
    def misses(self) -> int: ...
    @property
    def computed(self) -> int:
        """Misses that began to compute."""

    @property
    def coalesced(self) -> int: ...
    @property
    def backend_hits(self) -> int: ...
    @property
    def errors(self) -> int: ...

@final
class Backend:
    """A place for bytes, as `memolith.open` gives it."""

    @property
    def url(self) -> str: ...
    def flush(self) -> None: ...

@final
class CachedFunction(Generic[_P, _R_co, _Kept_co]):
    """A decorated function. A call of it gives `_R_co`; what is kept, and what `get` gives, is `_Kept_co`."""

    __name__: str
    __qualname__: str
    __module__: str
    @property
    def __wrapped__(self) -> Callable[_P, _R_co]: ...
    @property
    def uncached(self) -> Callable[_P, _R_co]: ...
    @property
    def is_async(self) -> bool: ...
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co: ...
    # From the class: a checker cannot tell a method from a class method or a static one, so arguments are not checked.
    @overload
    def __get__(self, instance: None, owner: type[Any], /) -> CachedFunction[..., _R_co, _Kept_co]: ...
    @overload
    def __get__(
        self: CachedFunction[Concatenate[_S, _Q], _T, _V], instance: _S, owner: type[Any] | None = None, /
    ) -> CachedMethod[_P, _Q, _T, _V]: ...
    # From an instance, a class method or a static one.
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None, /) -> CachedFunction[..., _R_co, _Kept_co]: ...
    def get(self, *args: _P.args, **kwargs: _P.kwargs) -> _Kept_co | None: ...
    def invalidate(self, *args: _P.args, **kwargs: _P.kwargs) -> bool: ...
    def cache_info(self) -> CacheInfo: ...
    def cache_clear(self) -> None: ...
    def flush(self) -> None: ...
    def cache_parameters(self) -> CacheParameters: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: Any, /) -> Self: ...
    def __class_getitem__(cls, parameters: Any, /) -> GenericAlias: ...

@type_check_only
class CachedMethod(Protocol[_P, _Q, _R_co, _Kept_co]):
    """A decorated method of an instance. As with `functools`, its attributes are those of the function, which know no
    instance: `a.f.invalidate(a, 1)`."""

    @property
    def __wrapped__(self) -> Callable[_P, _R_co]: ...
    @property
    def uncached(self) -> Callable[_P, _R_co]: ...
    @property
    def __self__(self) -> Any: ...
    def __call__(self, *args: _Q.args, **kwargs: _Q.kwargs) -> _R_co: ...
    def get(self, *args: _P.args, **kwargs: _P.kwargs) -> _Kept_co | None: ...
    def invalidate(self, *args: _P.args, **kwargs: _P.kwargs) -> bool: ...
    def cache_info(self) -> CacheInfo: ...
    def cache_clear(self) -> None: ...
    def flush(self) -> None: ...
    def cache_parameters(self) -> CacheParameters: ...

def open(url: str) -> Backend: ...
def _encode(
    value: Any, codec: CodecLike | None = None, sign: bytes | None = None, place: bytes | None = None
) -> bytes: ...
def _decode(
    bytes: Buffer, codec: CodecLike | None = None, sign: bytes | None = None, place: bytes | None = None
) -> Any: ...
