"""The handlers of pandas: frames, series and indexes, as Arrow. What Arrow alters is refused."""

from __future__ import annotations

import sys
from typing import Any

from . import _handle_arrow
from ._memolith import _decode, _encode
from ._native import Native


class Frames:
    """`pandas.DataFrame`."""

    name = "pandas.DataFrame"
    takes_settings = True

    @staticmethod
    def handles(value: Any) -> bool:
        """Exactly a frame; pyarrow must be there."""
        return _is(value, "DataFrame")

    @staticmethod
    def encode(value: Any, settings: Native) -> Any:
        """NotImplemented if the frame would come back as another one."""
        return _written(value, None, settings)

    @staticmethod
    def decode(buffer: Any) -> Any:
        """The frame. Raises ValueError if the bytes are damaged."""
        return _read(buffer)[0]


class Series:
    """`pandas.Series`."""

    name = "pandas.Series"
    takes_settings = True

    @staticmethod
    def handles(value: Any) -> bool:
        """Exactly a series; pyarrow must be there."""
        return _is(value, "Series")

    @staticmethod
    def encode(value: Any, settings: Native) -> Any:
        """As a frame of one column; NotImplemented if it would come back as another one."""
        frame = value.to_frame(name="values")
        frame.attrs = value.attrs
        return _written(frame, value.name, settings)

    @staticmethod
    def decode(buffer: Any) -> Any:
        """The one column."""
        frame, name = _read(buffer)
        series = frame["values"].rename(name)
        series.attrs = frame.attrs
        return series


class Indexes:
    """`pandas.Index` and the classes of pandas below it."""

    name = "pandas.Index"
    takes_settings = True

    @staticmethod
    def handles(value: Any) -> bool:
        """An index of pandas itself; pyarrow must be there."""
        pandas = sys.modules.get("pandas")
        if pandas is None or not isinstance(value, pandas.Index) or not _arrow():
            return False
        return type(value).__module__.startswith("pandas.") and getattr(pandas, type(value).__name__, None) is type(value)

    @staticmethod
    def encode(value: Any, settings: Native) -> Any:
        """As a frame without columns; NotImplemented if it would come back as another one."""
        import pandas

        return _written(pandas.DataFrame(index=value), None, settings)

    @staticmethod
    def decode(buffer: Any) -> Any:
        """The index of the frame."""
        return _read(buffer)[0].index


def _is(value: Any, name: str) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and type(value) is getattr(pandas, name) and _arrow()


def _arrow() -> bool:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def _written(frame: Any, name: Any, settings: Native) -> Any:
    """The frame, and what Arrow has no place for: the name of a series, attributes, flags, frequencies."""
    import pyarrow

    bare = frame.copy(deep=False)
    bare.attrs = {}
    try:
        more = _encode((name, frame.attrs, frame.flags.allows_duplicate_labels, _freq(frame.index), _freq(frame.columns)))
        buffers = _handle_arrow.write(pyarrow.Table.from_pandas(bare), settings)
        pieces = [len(more).to_bytes(8, "little"), more, bytes(-len(more) % 8), *buffers]
        back, named = _read(b"".join(pieces))
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError, AttributeError, KeyError):
        return NotImplemented
    same = type(named) is type(name) and _same(frame, back)
    return pieces if same else NotImplemented


def _read(buffer: Any) -> tuple[Any, Any]:
    length = int.from_bytes(buffer[:8], "little")
    name, attrs, duplicates, index, columns = _decode(bytes(buffer[8 : 8 + length]))
    frame = _handle_arrow.read(memoryview(buffer)[8 + length + -length % 8 :]).to_pandas()
    if index is not None:
        frame.index.freq = index
    if columns is not None:
        frame.columns.freq = columns
    frame.attrs = attrs
    frame.flags.allows_duplicate_labels = duplicates
    return frame, name


def _freq(index: Any) -> str | None:
    """The frequency of dates at regular steps, which Arrow does not keep; that of periods is in their type."""
    import pandas

    return index.freqstr if isinstance(index, (pandas.DatetimeIndex, pandas.TimedeltaIndex)) else None


def _same(frame: Any, back: Any) -> bool:
    """Whether `back` is what `frame` was: the types of all that is there, and all values that are objects."""
    return (
        frame.shape == back.shape
        and _same_index(frame.columns, back.columns)
        and _same_index(frame.index, back.index)
        and all(_same_column(frame.iloc[:, at], back.iloc[:, at]) for at in range(frame.shape[1]))
    )


def _same_index(index: Any, back: Any) -> bool:
    import pandas

    if type(index) is not type(back) or not index.identical(back):
        return False
    if isinstance(index, pandas.MultiIndex):
        levels = zip(index.levels, back.levels)
        return all(_same_index(level, other) for level, other in levels) if _exact_levels(index, back) else False
    return index.dtype == back.dtype and _freq(index) == _freq(back) and _same_objects(index, back)


def _exact_levels(index: Any, back: Any) -> bool:
    return [level.dtype for level in index.levels] == [level.dtype for level in back.levels]


def _same_column(column: Any, back: Any) -> bool:
    if column.dtype != back.dtype or type(column.dtype) is not type(back.dtype):
        return False
    return _same_objects(column, back)


def _same_objects(values: Any, back: Any) -> bool:
    """Objects one by one, since Arrow makes arrays of lists and floats of ints among None. Others are as their type."""
    if values.dtype != object:
        return True
    pairs = zip(values, back)
    return all(type(one) is type(other) and type(one) in _ATOMS and (one == other or one != one) for one, other in pairs)


_ATOMS = (str, bytes, bool, int, float, type(None))

HANDLERS = [Frames, Series, Indexes]
