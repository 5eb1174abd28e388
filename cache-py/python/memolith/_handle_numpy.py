"""The handlers of numpy: arrays as their memory, and scalars."""

from __future__ import annotations

import sys
from typing import Any

from ._memolith import _decode, _encode

# Before the data comes the header, up to a multiple of this, so that the data is aligned for every type.
_ALIGNMENT = 64


class Arrays:
    """Arrays of numbers, bools, dates and fixed texts, structured ones too; in C or Fortran order, others in C order."""

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

        described = _described(value.dtype)
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
        order = "F" if fortran else "C"
        if 0 in shape or dtype.itemsize == 0:
            array = numpy.empty(shape, dtype, order=order)
            array.flags.writeable = isinstance(buffer, bytearray)
            return array
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
    if dtype.fields is None and dtype.kind != "V":
        return dtype.str if dtype.metadata is None or dtype.kind in "mM" else None
    from numpy.lib.format import dtype_to_descr

    if dtype.metadata is not None or type(dtype).__module__ not in ("numpy", "numpy.dtypes"):
        return None
    described = (dtype_to_descr(dtype), dtype.isalignedstruct)
    back = _dtype(described)
    return described if back == dtype and back.isalignedstruct == dtype.isalignedstruct else None


def _dtype(described: Any) -> Any:
    import numpy

    if isinstance(described, str):
        return numpy.dtype(described)
    from numpy.lib.format import descr_to_dtype

    dtype = descr_to_dtype(described[0])
    if not described[1]:
        return dtype
    names = dtype.names
    parts = {"names": names, "formats": [dtype.fields[name][0] for name in names]}
    offsets = {"offsets": [dtype.fields[name][1] for name in names], "itemsize": dtype.itemsize}
    return numpy.dtype({**parts, **offsets}, align=True)


HANDLERS = [Arrays, Scalars]
