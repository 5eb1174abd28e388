"""The handlers of numpy: arrays as their memory, and scalars."""

from __future__ import annotations

import sys
from typing import Any, Literal

from ._memolith import _decode, _encode

# Before the data comes the header, up to a multiple of this, so that the data is aligned for every type.
_ALIGNMENT = 64


class Arrays:
    """Arrays of numbers, bools, dates, fixed texts and structures of them; in Fortran order, all others in C order."""

    name = "numpy.ndarray"

    @staticmethod
    def handles(value: Any) -> bool:
        """No subclass, since what it adds would be lost; no objects, since they have no bytes."""
        numpy = sys.modules.get("numpy")
        return numpy is not None and type(value) is numpy.ndarray and _is_plain(value.dtype)

    @staticmethod
    def encode(value: Any) -> Any:
        """A header, and the memory of the array as it is."""
        import numpy

        dtype = value.dtype
        described = dtype.str if dtype.isbuiltin == 1 else _described(dtype)
        if described is None:
            return NotImplemented
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        header = _encode((described, value.shape, fortran))
        length = len(header).to_bytes(4, "little")
        pad = bytes(-(len(header) + 4) % _ALIGNMENT)
        if value.size == 0 or value.itemsize == 0:
            return [length, header, pad]
        flat = value.T if fortran else numpy.asarray(value, order="C")
        return [length, header, pad, flat.reshape(-1).view(numpy.uint8)]

    @staticmethod
    def decode(buffer: Any) -> Any:
        """The array over the memory of `buffer`, writable if that is."""
        import numpy

        length = int.from_bytes(buffer[:4], "little")
        described, shape, fortran = _decode(bytes(buffer[4 : 4 + length]))
        dtype = _dtype(described)
        order: Literal["C", "F"] = "F" if fortran else "C"
        if 0 in shape or dtype.itemsize == 0:
            # Over no memory at all: what claims to be empty and is not gets none.
            return numpy.ndarray(shape, dtype, bytearray() if isinstance(buffer, bytearray) else b"", order=order)
        start = length + 4 + -(length + 4) % _ALIGNMENT
        return numpy.frombuffer(buffer, dtype, offset=start).reshape(shape, order=order)


class Scalars:
    """Numpy's own scalars, which are not Python's."""

    name = "numpy.generic"

    @staticmethod
    def handles(value: Any) -> bool:
        """No subclass, as of `numpy.float64`."""
        numpy = sys.modules.get("numpy")
        if numpy is None or not isinstance(value, numpy.generic):
            return False
        return value.dtype.type is type(value) and _is_plain(value.dtype)

    @staticmethod
    def encode(value: Any) -> Any:
        """As an array without dimensions."""
        import numpy

        return Arrays.encode(numpy.asarray(value))

    @staticmethod
    def decode(buffer: Any) -> Any:
        """The one element."""
        return Arrays.decode(buffer)[()]


def _is_plain(dtype: Any) -> bool:
    """Whether the memory is the value: no objects, no texts of any length."""
    return not dtype.hasobject and dtype.kind in "?biufcmMSUV"


def _described(dtype: Any) -> Any:
    """The type as plain data; None if it would come back as another one."""
    described = _parts(dtype)
    if described is None:
        return None
    back = _dtype(described)
    return described if back == dtype and back.isalignedstruct == dtype.isalignedstruct else None


def _parts(dtype: Any) -> Any:
    """A text; for fields all about them; for arrays within the type what they are of, and their shape."""
    if dtype.metadata is not None:
        return None
    if dtype.subdtype is not None:
        base = _parts(dtype.subdtype[0])
        return None if base is None else (base, dtype.subdtype[1])
    if dtype.names is None:
        return dtype.str
    fields = [dtype.fields[name] for name in dtype.names]
    formats = [_parts(field[0]) for field in fields]
    if None in formats:
        return None
    return {
        "names": list(dtype.names),
        "formats": formats,
        "offsets": [field[1] for field in fields],
        "titles": [field[2] if len(field) > 2 else None for field in fields],
        "itemsize": dtype.itemsize,
        "aligned": dtype.isalignedstruct,
    }


def _dtype(described: Any) -> Any:
    import numpy

    if isinstance(described, str):
        return numpy.dtype(described)
    if isinstance(described, tuple):
        return numpy.dtype((_dtype(described[0]), described[1]))
    formats = [_dtype(part) for part in described["formats"]]
    more = {key: part for key, part in described.items() if key not in ("formats", "aligned")}
    fields: Any = {**more, "formats": formats}
    return numpy.dtype(fields, align=described["aligned"] is True)


HANDLERS = [Arrays, Scalars]
