"""The handlers of pandas frames and series: columns as Arrow, and natively what Arrow would alter."""

from __future__ import annotations

import sys
from typing import Any

from . import _handle_arrow
from ._handle_pandas_index import Indexes, needs_arrow, same_index
from ._memolith import _decode, _encode
from ._native import Native

# Elements. Threads take longer to start than to convert fewer.
_LARGE = 1_000_000


class Frames:
    """`pandas.DataFrame`."""

    name = "pandas.DataFrame"
    takes_settings = True

    @staticmethod
    def handles(value: Any) -> bool:
        """Exactly a frame; pyarrow must be there."""
        pandas = sys.modules.get("pandas")
        return pandas is not None and type(value) is pandas.DataFrame and needs_arrow()

    @staticmethod
    def encode(value: Any, settings: Native) -> Any:
        """NotImplemented if the frame would come back as another one."""
        return _written(value, None, settings)

    @staticmethod
    def decode(buffer: Any) -> Any:
        """The frame."""
        return _read(buffer)[0]


class Series:
    """`pandas.Series`."""

    name = "pandas.Series"
    takes_settings = True

    @staticmethod
    def handles(value: Any) -> bool:
        """Exactly a series; pyarrow must be there."""
        pandas = sys.modules.get("pandas")
        return pandas is not None and type(value) is pandas.Series and needs_arrow()

    @staticmethod
    def encode(value: Any, settings: Native) -> Any:
        """As a frame of one column; NotImplemented if it would come back as another one."""
        frame = value.to_frame(name=0)
        frame.attrs = value.attrs
        return _written(frame, value.name, settings)

    @staticmethod
    def decode(buffer: Any) -> Any:
        """The one column."""
        frame, name = _read(buffer)
        series = frame.iloc[:, 0]
        series.name = name
        series.attrs = frame.attrs
        series.flags.allows_duplicate_labels = frame.flags.allows_duplicate_labels
        return series


def _written(frame: Any, name: Any, settings: Native) -> Any:
    """Natively what is about the frame, and its columns of objects; then the table of the others."""
    import pyarrow

    bare = frame.copy(deep=False)
    bare.attrs = {}
    bare.flags.allows_duplicate_labels = True
    bare.index = range(frame.shape[0])
    bare.columns = [str(at) for at in range(frame.shape[1])]
    objects = {at: bare.iloc[:, at].tolist() for at, dtype in enumerate(frame.dtypes) if dtype == object}
    try:
        duplicates = frame.flags.allows_duplicate_labels
        more = _encode((name, frame.attrs, duplicates, frame.index, frame.columns, objects))
        if objects:
            bare = bare.drop(columns=[str(at) for at in objects])
        threads = None if bare.size > _LARGE else 1
        table = pyarrow.Table.from_pandas(bare, preserve_index=False, nthreads=threads)
        pieces = [len(more).to_bytes(8, "little"), more, bytes(-len(more) % 8), *_handle_arrow.write(table, settings)]
        back, named = _read(b"".join(pieces))
    except (pyarrow.ArrowException, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return NotImplemented
    return pieces if type(named) is type(name) and _same(frame, back) else NotImplemented


def _read(buffer: Any) -> tuple[Any, Any]:
    import pandas

    length = int.from_bytes(buffer[:8], "little")
    name, attrs, duplicates, index, columns, objects = _decode(bytes(buffer[8 : 8 + length]))
    table = _handle_arrow.read(memoryview(buffer)[8 + length + -length % 8 :])
    if table.num_columns:
        frame = table.to_pandas(use_threads=table.num_columns * table.num_rows > _LARGE)
    else:
        frame = pandas.DataFrame(index=range(len(index)))
    for at, values in objects.items():
        # As a series, since a list of lists would be taken apart.
        frame.insert(at, f"object {at}", pandas.Series(values, dtype=object))
    frame.index = index
    frame.columns = columns
    frame.attrs = attrs
    frame.flags.allows_duplicate_labels = duplicates
    return frame, name


def _same(frame: Any, back: Any) -> bool:
    """Whether `back` has the types and labels of `frame`; Arrow keeps the values of one type, and has no others."""
    if frame.shape != back.shape or not same_index(frame.columns, back.columns):
        return False
    if not same_index(frame.index, back.index):
        return False
    return all(one == other and type(one) is type(other) for one, other in zip(frame.dtypes, back.dtypes))


HANDLERS = [Frames, Series, Indexes]
