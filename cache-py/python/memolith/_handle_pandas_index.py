"""The handler of pandas indexes: by kind, so that each comes back as the class it was, with names and frequency."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

from . import _handle_arrow
from ._memolith import _decode, _encode
from ._native import Native


class Indexes:
    """`pandas.Index` and the classes of pandas below it."""

    name = "pandas.Index"

    @staticmethod
    def handles(value: Any) -> bool:
        """An index of a class of pandas itself; pyarrow must be there."""
        pandas = sys.modules.get("pandas")
        if pandas is None or not isinstance(value, pandas.Index):
            return False
        return getattr(pandas, type(value).__name__, None) is type(value) and needs_arrow()

    @staticmethod
    def encode(value: Any) -> Any:
        """Plain data that is the index; NotImplemented if it would come back as another one."""
        import pyarrow

        for parts in (_plain, _arrow):
            try:
                data = _encode((parts(value), list(value.names), _freq(value)))
                if same_index(value, Indexes.decode(data)):
                    return data
            except (pyarrow.ArrowException, ArithmeticError, LookupError, TypeError, ValueError):
                continue
        return NotImplemented

    @staticmethod
    def decode(buffer: Any) -> Any:
        """The index."""
        parts, names, freq = _decode(bytes(buffer))
        index = _index(*parts)
        index.names = names
        if freq is not None:
            index.freq = freq
        return index


def needs_arrow() -> bool:
    """Whether pyarrow is there, without importing it."""
    return "pyarrow" in sys.modules or find_spec("pyarrow") is not None


def same_index(index: Any, back: Any) -> bool:
    """Whether both are equal in class, types, names, frequency and values."""
    import pandas

    if type(index) is not type(back) or not index.identical(back) or _freq(index) != _freq(back):
        return False
    if isinstance(index, pandas.MultiIndex):
        return all(map(same_index, index.levels, back.levels))
    return bool(index.dtype == back.dtype) and type(index.dtype) is type(back.dtype)


def _plain(index: Any) -> tuple[Any, ...]:
    import pandas

    if isinstance(index, pandas.RangeIndex):
        return "range", index.start, index.stop, index.step
    if isinstance(index, pandas.MultiIndex):
        return "levels", list(index.levels), [codes.copy() for codes in index.codes]
    if type(index) is pandas.Index and (index.dtype == object or isinstance(index.dtype, pandas.StringDtype)):
        return "list", index.tolist(), str(index.dtype)
    return "array", index.to_numpy()


def _arrow(index: Any) -> tuple[Any, ...]:
    import pandas
    import pyarrow

    table = pyarrow.Table.from_pandas(pandas.DataFrame({"0": index.array}), preserve_index=False)
    return "arrow", b"".join(bytes(piece) for piece in _handle_arrow.write(table, Native()))


def _index(kind: str, *parts: Any) -> Any:
    import pandas

    if kind == "range":
        return pandas.RangeIndex(*parts)
    if kind == "levels":
        return pandas.MultiIndex(*parts)
    if kind == "list":
        return pandas.Index(parts[0], dtype=parts[1])
    if kind == "array":
        return pandas.Index(parts[0])
    return pandas.Index(_handle_arrow.read(parts[0]).to_pandas()["0"].array)


def _freq(index: Any) -> str | None:
    """The frequency of dates at regular steps; that of periods is in their type."""
    import pandas

    return index.freqstr if isinstance(index, (pandas.DatetimeIndex, pandas.TimedeltaIndex)) else None
