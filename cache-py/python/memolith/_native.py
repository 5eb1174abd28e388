"""The settings of the native codec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from . import _compression

__all__ = ["Native"]


@dataclass(frozen=True)
class Native:
    """The codec of `codec=None`, with settings: `lru_cache(backend=..., codec=Native(writable=True))`.

    Stored are the built-in types, exactly, and what handlers take; see `register_handler`. A value that is there twice
    inside another comes back as two.

    pickle: what nothing else takes is pickled, with everything around it. Needs `sign=`, or `trusted`.
    trusted: pickle without a signature. Whoever can write the store can run code in every process that reads it.
    writable: arrays come back writable, not read-only. Callers that share one object then see each other's changes.
    frames: how frames of pandas, polars and pyarrow are stored. What Parquet does not hold exactly is stored as Arrow.
    compression: "zlib", or "zstd" and "lz4" where pyarrow is installed.
    threshold: smaller values are not compressed, in bytes.

    Raises ValueError for a setting that there is not, and for a compression whose library is not installed.
    """

    pickle: bool = False
    trusted: bool = False
    writable: bool = False
    frames: Literal["arrow", "parquet"] = "arrow"
    compression: Literal["zlib", "zstd", "lz4"] | None = None
    threshold: int = 1024

    def __post_init__(self) -> None:
        if self.frames not in ("arrow", "parquet"):
            raise ValueError(f'`frames` is "arrow" or "parquet", not {self.frames!r}')
        if self.trusted and not self.pickle:
            raise ValueError("`trusted` is about pickle, set `pickle=True` as well or leave it out")
        if self.threshold < 0:
            raise ValueError("`threshold` is a number of bytes, at least 0")
        _compression.number(self.compression)

    @property
    def _method(self) -> int:
        return _compression.number(self.compression)
