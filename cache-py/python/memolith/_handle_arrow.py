"""The handlers of pyarrow, and the two formats of frames that the others use: Arrow IPC and Parquet."""

from __future__ import annotations

import sys
from typing import Any

from ._native import Native

# The first of eight bytes of every frame; eight, so that Arrow's buffers stay aligned.
ARROW, PARQUET = b"A\0\0\0\0\0\0\0", b"P\0\0\0\0\0\0\0"


def write(table: Any, settings: Native) -> list[Any]:
    """The buffers of a table: Parquet if the settings say so and it holds the table exactly, Arrow otherwise."""
    if settings.frames == "parquet" and (parquet := _parquet(table, settings)) is not None:
        return [PARQUET, parquet]
    return [ARROW, _stream(table)]


def read(buffer: Any) -> Any:
    """The table of these bytes.

    Raises ValueError if they are damaged.
    """
    import pyarrow

    data = memoryview(buffer)[8:]
    try:
        if buffer[:8] == PARQUET:
            import pyarrow.parquet

            return pyarrow.parquet.read_table(pyarrow.BufferReader(data))
        table = pyarrow.ipc.open_stream(data).read_all()
        # Offsets are used without a look at them: those of damaged bytes would lead anywhere.
        table.validate(full=True)
        return table
    except (pyarrow.ArrowException, OSError, EOFError) as error:
        raise ValueError("the bytes are no frame, clear the cache") from error


def _stream(table: Any) -> Any:
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _parquet(table: Any, settings: Native) -> Any:
    """None if the table would come back as another one."""
    import pyarrow
    import pyarrow.parquet

    sink = pyarrow.BufferOutputStream()
    # What is compressed as a whole afterwards is not compressed before.
    compression = "snappy" if settings.compression is None else "none"
    try:
        pyarrow.parquet.write_table(table, sink, compression=compression)
        written = sink.getvalue()
        back = pyarrow.parquet.read_table(pyarrow.BufferReader(written))
    except (pyarrow.ArrowException, OSError):
        return None
    return written if back.equals(table, check_metadata=True) else None


class Tables:
    """`pyarrow.Table`."""

    name = "pyarrow.Table"
    takes_settings = True

    @staticmethod
    def handles(value: Any) -> bool:
        """Exactly a table."""
        return (pyarrow := sys.modules.get("pyarrow")) is not None and type(value) is pyarrow.Table

    encode = staticmethod(write)
    decode = staticmethod(read)


class Batches:
    """`pyarrow.RecordBatch`."""

    name = "pyarrow.RecordBatch"
    takes_settings = True

    @staticmethod
    def handles(value: Any) -> bool:
        """Exactly a batch."""
        return (pyarrow := sys.modules.get("pyarrow")) is not None and type(value) is pyarrow.RecordBatch

    @staticmethod
    def encode(value: Any, settings: Native) -> Any:
        """A table of one batch."""
        import pyarrow

        return write(pyarrow.Table.from_batches([value]), settings)

    @staticmethod
    def decode(buffer: Any) -> Any:
        """The one batch of it."""
        import pyarrow

        table = read(buffer).combine_chunks()
        batches = table.to_batches()
        return batches[0] if batches else pyarrow.RecordBatch.from_pylist([], schema=table.schema)


class Arrays:
    """`pyarrow.Array` of every type, and `pyarrow.ChunkedArray`."""

    name = "pyarrow.Array"
    takes_settings = True

    @staticmethod
    def handles(value: Any) -> bool:
        """Arrays; their classes follow from their types."""
        pyarrow = sys.modules.get("pyarrow")
        return pyarrow is not None and isinstance(value, (pyarrow.Array, pyarrow.ChunkedArray))

    @staticmethod
    def encode(value: Any, settings: Native) -> Any:
        """A table of one column, whose name tells the two kinds apart."""
        import pyarrow

        chunked = isinstance(value, pyarrow.ChunkedArray)
        column = value if chunked else pyarrow.chunked_array([value])
        buffers = write(pyarrow.Table.from_arrays([column], names=["chunked" if chunked else "array"]), settings)
        # Types that only this process knows come back as what they are stored in, or as another class.
        back = Arrays.decode(b"".join(bytes(piece) for piece in buffers)) if _is_odd(value.type) else value
        return buffers if type(back) is type(value) and back.type == value.type else NotImplemented

    @staticmethod
    def decode(buffer: Any) -> Any:
        """The column."""
        import pyarrow

        table = read(buffer)
        column = table.column(0)
        if table.column_names[0] == "chunked":
            return column
        if column.num_chunks == 1:
            return column.chunk(0)
        return pyarrow.concat_arrays(column.chunks) if column.chunks else pyarrow.array([], type=column.type)


def _is_odd(a_type: Any) -> bool:
    import pyarrow

    return isinstance(a_type, pyarrow.BaseExtensionType)


HANDLERS = [Tables, Batches, Arrays]
