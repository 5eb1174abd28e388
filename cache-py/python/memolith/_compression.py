"""Compression of stored values. The numbers are in the bytes: they stay."""

from __future__ import annotations

import sys
import zlib
from importlib.util import find_spec

_NUMBERS = {"zlib": 1, "zstd": 2, "lz4": 3}
_NAMES = {number: name for name, number in _NUMBERS.items()}
_DAMAGED = "the compressed bytes are damaged, clear the cache"


def number(name: str | None) -> int:
    """The number of a method, 0 for none.

    Raises ValueError if there is no such method, or if it needs pyarrow and that is not installed.
    """
    if name is None:
        return 0
    if name not in _NUMBERS:
        raise ValueError(f"there is no compression {name!r}, choose one of {', '.join(_NUMBERS)}")
    if name != "zlib" and "pyarrow" not in sys.modules and find_spec("pyarrow") is None:
        raise ValueError(f"compression {name!r} needs pyarrow: install it, or choose zlib")
    return _NUMBERS[name]


def compress(method: int, data: bytes) -> bytes:
    """`data` as the method with this number writes it."""
    if method == _NUMBERS["zlib"]:
        return zlib.compress(data, 6)
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, _NAMES[method]) as stream:
        stream.write(data)
    return bytes(sink.getvalue())


def decompress(method: int, data: bytes, length: int) -> bytes:
    """The `length` bytes that were compressed. No more are made, whatever `data` claims.

    Raises ValueError for bytes that are not those of so many.
    """
    if method not in _NAMES:
        raise ValueError(_DAMAGED)
    plain = _inflate(data, length) if _NAMES[method] == "zlib" else _stream(method, data, length)
    if len(plain) != length:
        raise ValueError(_DAMAGED)
    return plain


def _inflate(data: bytes, length: int) -> bytes:
    reader = zlib.decompressobj()
    try:
        # A byte more than there should be is what tells too many. 0 would mean all.
        plain = reader.decompress(data, min(length, sys.maxsize - 1) + 1)
    except zlib.error as error:
        raise ValueError(_DAMAGED) from error
    if not reader.eof or reader.unused_data:
        raise ValueError(_DAMAGED)
    return plain


def _stream(method: int, data: bytes, length: int) -> bytes:
    try:
        import pyarrow
    except ImportError as error:
        raise ValueError(f"values with compression {_NAMES[method]!r} need pyarrow, install it") from error
    pieces: list[bytes] = []
    left = length + 1
    try:
        with pyarrow.CompressedInputStream(pyarrow.BufferReader(data), _NAMES[method]) as stream:
            # In pieces, since a reader makes room for all that is asked for.
            while left > 0 and (piece := stream.read(min(left, 1 << 20))):
                pieces.append(piece)
                left -= len(piece)
    except (OSError, ValueError) as error:
        raise ValueError(_DAMAGED) from error
    return b"".join(pieces)
