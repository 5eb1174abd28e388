"""The handlers of polars: frames and series, as Arrow IPC or Parquet, by polars itself."""

from __future__ import annotations

import io
import sys
from typing import Any

from ._native import Native

_ARROW, _PARQUET = b"A", b"P"


class Frames:
    """`polars.DataFrame`."""

    name = "polars.DataFrame"
    takes_settings = True

    @staticmethod
    def handles(value: Any) -> bool:
        """Exactly a frame, without columns of Python objects."""
        polars = sys.modules.get("polars")
        return polars is not None and type(value) is polars.DataFrame and not _has_objects(value.schema)

    @staticmethod
    def encode(value: Any, settings: Native) -> Any:
        """NotImplemented if neither format holds the frame exactly."""
        if settings.frames == "parquet" and (parquet := _written(value, settings)) is not None:
            return [_PARQUET, parquet]
        arrow = _written(value, None)
        return NotImplemented if arrow is None else [_ARROW, arrow]

    @staticmethod
    def decode(buffer: Any) -> Any:
        """The frame. Raises an exception if the bytes are damaged."""
        import polars

        data = io.BytesIO(memoryview(buffer)[1:])
        try:
            return polars.read_parquet(data) if buffer[:1] == _PARQUET else polars.read_ipc_stream(data)
        except polars.exceptions.PanicException as error:
            # It is no `Exception`, and would pass all who expect one.
            raise ValueError("the bytes are no frame, clear the cache") from error


class Series:
    """`polars.Series`."""

    name = "polars.Series"
    takes_settings = True

    @staticmethod
    def handles(value: Any) -> bool:
        """Exactly a series, not of Python objects."""
        polars = sys.modules.get("polars")
        return polars is not None and type(value) is polars.Series and not _has_objects({"": value.dtype})

    @staticmethod
    def encode(value: Any, settings: Native) -> Any:
        """As a frame of one column."""
        return Frames.encode(value.to_frame(), settings)

    @staticmethod
    def decode(buffer: Any) -> Any:
        """The one column."""
        return Frames.decode(buffer).to_series()


def _written(frame: Any, settings: Native | None) -> Any:
    """The bytes in Parquet, without settings in Arrow; None if the frame would come back as another one."""
    import polars

    sink = io.BytesIO()
    try:
        if settings is None:
            frame.write_ipc_stream(sink)
            back = polars.read_ipc_stream(io.BytesIO(sink.getbuffer()))
        else:
            frame.write_parquet(sink, compression="snappy" if settings.compression is None else "uncompressed")
            back = polars.read_parquet(io.BytesIO(sink.getbuffer()))
    except polars.exceptions.PolarsError:
        return None
    same = back.schema == frame.schema and back.height == frame.height
    if settings is not None:
        same = same and back.equals(frame)
    return sink.getbuffer() if same else None


def _has_objects(schema: Any) -> bool:
    """Whether Python objects are inside, which have no bytes."""
    return any("Object" in str(dtype) for dtype in schema.values())


HANDLERS = [Frames, Series]
