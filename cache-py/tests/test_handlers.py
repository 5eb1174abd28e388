"""Handlers: the registry, and those that come with the package."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memolith import _memolith
from memolith._handlers import handlers, register_handler, unregister_handler
from memolith._native import Native

encode, decode = _memolith._encode, _memolith._decode
KEY = bytes(range(32))


def back(value: Any, codec: Any = None) -> Any:
    return decode(encode(value, codec), codec)


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y


class Sub(Point):
    pass


class PointHandler:
    name = "test.Point"
    types = [Point]

    def encode(self, value: Point) -> Any:
        return [bytes([value.x]), bytearray([value.y]), memoryview(b"!")]

    def decode(self, buffer: Any) -> Point:
        assert buffer[2:] == b"!"
        return Point(*buffer[:2])


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    before = handlers()
    yield
    for name in handlers():
        if name not in before:
            unregister_handler(name)
    assert list(handlers()) == list(before)


def test_a_handler_of_ones_own_serves_at_every_depth() -> None:
    with pytest.raises(TypeError):
        encode(Point(1, 2))
    register_handler(PointHandler())
    found = back({"a": [Point(1, 2), (Point(3, 4),)]})
    assert (found["a"][0].x, found["a"][1][0].y) == (1, 4)
    assert type(back(Point(1, 2))) is Point
    with pytest.raises(TypeError):
        encode(Sub(1, 2))


def test_bytes_whose_handler_is_gone_are_no_value() -> None:
    register_handler(PointHandler)
    data = encode([Point(1, 2)])
    unregister_handler("test.Point")
    with pytest.raises(ValueError, match="test.Point"):
        decode(data)
    with pytest.raises(KeyError):
        unregister_handler("test.Point")


class Tagged:
    """A handler of every point, which writes its own name."""

    def __init__(self, name: str, answer: Any = None) -> None:
        self.name = name
        self.answer = answer

    def handles(self, value: Any) -> bool:
        return isinstance(value, Point)

    def encode(self, value: Any) -> Any:
        return self.name.encode() if self.answer is None else self.answer

    def decode(self, buffer: Any) -> Any:
        return bytes(buffer).decode()


def test_priorities() -> None:
    register_handler(PointHandler)
    register_handler(Tagged("late"))
    assert type(back(Point(1, 2))) is Point
    register_handler(Tagged("first"), priority=5)
    register_handler(Tagged("least"), priority=-1000)
    assert back(Point(1, 2)) == "first"
    assert back(Sub(1, 2)) == "first"
    unregister_handler("first")
    assert back(Sub(1, 2)) == "late"
    names = list(handlers())
    assert names.index("test.Point") < names.index("late") < names.index("numpy.ndarray") < names.index("least")


def test_a_handler_that_declines_leaves_it_to_the_next() -> None:
    register_handler(Tagged("declines", NotImplemented), priority=1)
    with pytest.raises(TypeError, match="register_handler"):
        encode(Point(1, 2))
    register_handler(Tagged("takes"))
    assert back(Point(1, 2)) == "takes"


def test_a_name_is_replaced() -> None:
    register_handler(Tagged("one"))
    register_handler(Tagged("other"), name="one")
    assert back(Point(1, 2)) == "other"
    assert list(handlers()).count("one") == 1


def test_own_handlers_come_before_those_of_the_package() -> None:
    class Dates:
        types = [dt.date]
        name = "test.date"

        def encode(self, value: dt.date) -> bytes:
            return b"mine"

        def decode(self, buffer: bytes) -> str:
            return buffer.decode()

    register_handler(Dates)
    assert back(dt.date(2020, 1, 1)) == "mine"


def test_wrong_handlers_are_refused() -> None:
    class Nothing:
        pass

    class NoType:
        name = "x"

        def encode(self, value: Any) -> bytes:
            return b""

        decode = encode

    for handler, message in ((Nothing, "name"), (NoType, "handles")):
        with pytest.raises(TypeError, match=message):
            register_handler(handler)
    with pytest.raises(TypeError, match="encode"):
        register_handler(Nothing(), name="x")
    register_handler(Tagged("texts", "a text"))
    with pytest.raises(TypeError, match="texts must return bytes"):
        encode(Point(1, 2))


def test_what_handlers_raise_arrives() -> None:
    class Failing(Tagged):
        def encode(self, value: Any) -> Any:
            raise ZeroDivisionError("mine")

    register_handler(Failing("failing"))
    for codec in (None, "unsigned-pickle"):
        with pytest.raises(ZeroDivisionError, match="mine"):
            encode([Point(1, 2)], codec)


ZONES = [
    None,
    dt.timezone.utc,
    dt.timezone(dt.timedelta(hours=2)),
    dt.timezone(dt.timedelta(0), "own"),
    ZoneInfo("Europe/Berlin"),
]


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_dates(zone: Any) -> None:
    moment = dt.datetime(2024, 10, 27, 2, 30, 1, 5, zone, fold=1)
    for value in (moment, moment.timetz(), moment.replace(fold=0)):
        found = back(value)
        assert type(found) is type(value)
        assert repr(found) == repr(value)
        assert found.fold == value.fold
        assert type(found.tzinfo) is type(value.tzinfo)


PLAIN = [
    dt.date(1, 1, 1),
    dt.timedelta(-5, 3, 2),
    dt.timedelta.max,
    dt.timezone.utc,
    dt.timezone(dt.timedelta(minutes=-90), "name"),
    Decimal("1.50"),
    Decimal("-0"),
    Decimal("Infinity"),
    Decimal("sNaN12"),
    Fraction(-3, 7),
    UUID(int=5),
    range(1, 10**30, 3),
    Path("/a/b"),
    PurePosixPath("x"),
    PureWindowsPath("c:/x"),
]


@pytest.mark.parametrize("value", PLAIN, ids=str)
def test_types_of_the_standard_library(value: Any) -> None:
    found = back(value)
    assert type(found) is type(value)
    assert repr(found) == repr(value)


class Sunday(dt.date):
    pass


class Zone(dt.tzinfo):
    def utcoffset(self, when: Any) -> dt.timedelta:
        return dt.timedelta(0)


def test_subclasses_and_unknown_zones_are_refused() -> None:
    for value in (Sunday(2024, 1, 7), dt.datetime(2024, 1, 1, tzinfo=Zone())):
        with pytest.raises(TypeError, match="register_handler"):
            encode(value)


DTYPES = ["?", "i1", "<i4", ">i4", "u8", "f2", "f8", ">f8", "c16", "M8[ns]", "M8[D]", "m8[s]", "S3", "U2", "V4", "g"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_every_type(dtype: str) -> None:
    plain = np.zeros(24, dtype)
    plain.view(np.uint8)[::7] = 1
    shaped = (plain.reshape(2, 3, 4), plain.reshape((4, 6), order="F"), plain[:1].reshape(()))
    for array in (plain, *shaped, plain[::-2], plain[:0]):
        equal_arrays(back(array), array)


def equal_arrays(found: Any, array: Any) -> None:
    assert type(found) is np.ndarray
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    assert found.flags.aligned
    if array.flags.forc:
        assert found.flags.c_contiguous == array.flags.c_contiguous
        assert found.flags.f_contiguous == array.flags.f_contiguous


STRUCTURED = [
    [("a", "<i4"), ("b", "f8", (2, 2))],
    [("a", "i1"), ("nested", [("x", ">u2"), ("y", "S3")])],
    np.dtype([("a", "i1"), ("b", "f8")], align=True),
    np.dtype({"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [4, 0], "itemsize": 12}),
    [(("a title", "a"), "i4")],
    [],
]


@pytest.mark.parametrize("dtype", STRUCTURED, ids=str)
def test_structured_arrays(dtype: Any) -> None:
    array = np.zeros((2, 3), dtype)
    try:
        found = back(array)
    except TypeError as error:
        # What numpy's own format does not describe is refused, not altered.
        assert "register_handler" in str(error)
        assert array.dtype.fields is not None and array.dtype.fields["a"][1] == 4
        return
    assert found.dtype == array.dtype
    assert found.dtype.isalignedstruct == array.dtype.isalignedstruct
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()


def test_arrays_are_read_only_or_writable_as_asked() -> None:
    for array in (np.arange(5), np.arange(0), np.ones((2, 3), order="F")):
        assert not back(array).flags.writeable
        assert back(array, Native(writable=True)).flags.writeable
        assert back({"x": [array]}, Native(writable=True))["x"][0].flags.writeable
    found = back(np.arange(5), Native(writable=True))
    found[0] = 7
    assert found[0] == 7


def test_reading_copies_nothing_more() -> None:
    found = back(np.arange(1000))
    base = found
    while isinstance(base, np.ndarray):
        base = base.base
    assert type(base) is bytes


@pytest.mark.parametrize(
    "value",
    [
        np.float64(1.5),
        np.float32("nan"),
        np.int8(-3),
        np.bool_(True),
        np.datetime64("2020-01-01"),
        np.timedelta64(5, "s"),
        np.str_("abc"),
        np.bytes_(b"abc"),
        np.complex64(1j),
        np.longdouble(1) / 3,
        np.zeros(1, [("a", "i4"), ("b", "f8")])[0],
    ],
    ids=lambda value: str(value.dtype),
)
def test_numpy_scalars(value: Any) -> None:
    found = back([value])[0]
    assert type(found) is type(value)
    assert found.dtype == value.dtype
    assert found.tobytes() == value.tobytes()


class OwnArray(np.ndarray):
    pass


class OwnFloat(np.float64):
    pass


ODD_ARRAYS = [
    np.array([1, "a", None], object),
    np.zeros(2, [("a", object)]),
    np.ma.masked_array([1, 2], [True, False]),
    np.zeros(3).view(OwnArray),
    np.zeros(3).view(np.recarray),
    np.array(["a", "bc"], np.dtypes.StringDType()),
    np.zeros(2, np.dtype("i4", metadata={"a": 1})),
]


@pytest.mark.parametrize("value", ODD_ARRAYS, ids=lambda value: type(value).__name__)
def test_arrays_that_would_be_altered_are_refused_and_pickled_on_demand(value: Any) -> None:
    with pytest.raises(TypeError, match="register_handler"):
        encode(value)
    found = back([value], "unsigned-pickle")[0]
    assert type(found) is type(value)
    assert str(found) == str(value)


def test_scalars_of_a_subclass_are_refused() -> None:
    with pytest.raises(TypeError, match="OwnFloat"):
        encode(OwnFloat(1.0))


def test_a_dict_of_one_array_stays_a_dict() -> None:
    found = back({"only": np.arange(3)})
    assert list(found) == ["only"]
    equal_arrays(found["only"], np.arange(3))


PANDAS = {
    "plain": pd.DataFrame({"a": [1, 2], "b": [1.5, None], "c": ["x", None]}),
    "empty": pd.DataFrame(),
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="int8")}),
    "no columns": pd.DataFrame(index=["a", "b"]),
    "types": pd.DataFrame(
        {
            "i8": np.arange(3, dtype="i1"),
            "u4": np.arange(3, dtype="u4"),
            "f4": np.arange(3, dtype="f4"),
            "bool": [True, False, True],
            "date": pd.to_datetime(["2020-01-01", None, "2021-01-01"]),
            "zone": pd.to_datetime(["2020-01-01"] * 3).tz_localize("Europe/Berlin"),
            "delta": pd.to_timedelta([1, 2, 3], unit="s"),
            "category": pd.Categorical(["a", "b", "a"], categories=["b", "a"], ordered=True),
            "Int64": pd.array([1, None, 3], "Int64"),
            "boolean": pd.array([True, None, False], "boolean"),
            "string": pd.array(["a", None, "b"], "string"),
            "object": pd.Series(["a", None, "b"], dtype=object),
            "period": pd.period_range("2020-01", periods=3, freq="M"),
            "interval": pd.interval_range(0, 3),
        }
    ),
    "named index": pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key")),
    "range": pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(5, 1, -2, name="r")),
    "levels": pd.DataFrame({"a": range(4)}, index=pd.MultiIndex.from_product([["x", "y"], [1, 2]], names=["k", None])),
    "columns of ints": pd.DataFrame(np.zeros((2, 3))),
    "named columns": pd.DataFrame(np.zeros((2, 2)), columns=pd.Index(["a", "b"], name="cols")),
    "levels of columns": pd.DataFrame(np.zeros((1, 2)), columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")])),
    "frequency": pd.DataFrame({"a": range(3)}, index=pd.date_range("2020", periods=3, freq="h", tz="UTC")),
}


PARQUETS = [Native(frames="parquet"), Native(frames="parquet", compression="zstd", threshold=0)]


@pytest.mark.parametrize("codec", [None, *PARQUETS], ids=["arrow", "parquet", "parquet+zstd"])
@pytest.mark.parametrize("name", PANDAS)
def test_pandas_frames(name: str, codec: Any) -> None:
    equal_frames(back(PANDAS[name], codec), PANDAS[name])


def equal_frames(found: Any, frame: Any) -> None:
    assert type(found) is pd.DataFrame
    pd.testing.assert_frame_equal(found, frame, check_exact=True, check_column_type="exact", check_index_type="exact")
    assert found.columns.identical(frame.columns)
    assert found.index.identical(frame.index)
    assert found.attrs == frame.attrs
    assert [list(map(type, found[name])) for name in found] == [list(map(type, frame[name])) for name in frame]


def test_attributes_and_flags_of_frames() -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = {"unit": ("m", 1), 5: b"x"}
    frame.flags.allows_duplicate_labels = False
    found = back(frame)
    equal_frames(found, frame)
    assert found.flags == frame.flags
    frame.attrs["other"] = object()
    with pytest.raises(TypeError):
        encode(frame)
    assert "other" in frame.attrs


ODD_FRAMES = {
    "mixed objects": pd.DataFrame({"a": [1, "x"]}),
    "ints as objects": pd.DataFrame({"a": pd.Series([1, 2], dtype=object)}),
    "lists": pd.DataFrame({"a": [[1], [2]]}),
    "tuples": pd.DataFrame({"a": [(1, 2), (3, 4)]}),
    "dicts": pd.DataFrame({"a": [{"x": 1}, {"y": 2}]}),
    "NaN among texts": pd.DataFrame({"a": pd.Series(["x", float("nan")], dtype=object)}),
    "complex": pd.DataFrame({"a": [1j]}),
    "two columns of a name": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "mixed names": pd.DataFrame([[1, 2]], columns=["a", 1]),
    "sparse": pd.DataFrame({"a": pd.arrays.SparseArray([0, 0, 1])}),
}


@pytest.mark.parametrize("name", ODD_FRAMES)
def test_frames_that_arrow_alters_are_refused_or_come_back(name: str) -> None:
    frame = ODD_FRAMES[name]
    try:
        data = encode(frame)
    except TypeError as error:
        assert "register_handler" in str(error)
    else:
        equal_frames(decode(data), frame)
    equal_frames(back(frame, "unsigned-pickle"), frame)


class OwnFrame(pd.DataFrame):
    pass


def test_subclasses_of_frames_are_refused() -> None:
    with pytest.raises(TypeError, match="OwnFrame"):
        encode(OwnFrame({"a": [1]}))


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, 2, 3]),
        pd.Series([1.5], name="x", index=["k"]),
        pd.Series(["a"], name=("x", 1)),
        pd.Series([], dtype="f4", name=5),
        pd.Series(pd.date_range("2020", periods=3)),
        pd.Series([1, 2], index=pd.date_range("2020", periods=2, freq="D"), name=None),
    ],
    ids=lambda series: str(series.name),
)
def test_pandas_series(series: Any) -> None:
    series.attrs["unit"] = "m"
    found = back(series)
    pd.testing.assert_series_equal(found, series, check_index_type="exact")
    assert type(found.name) is type(series.name)
    assert found.attrs == series.attrs


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(3),
        pd.Index([1.5, 2]),
        pd.Index(["a", "b"], name="n"),
        pd.date_range("2020", periods=4, freq="2D", name="days"),
        pd.MultiIndex.from_product([["a"], [1, 2]], names=["x", "y"]),
        pd.CategoricalIndex(["a", "b"]),
        pd.timedelta_range("1s", periods=2),
        pd.Index([], dtype="i4"),
    ],
    ids=lambda index: type(index).__name__,
)
def test_pandas_indexes(index: Any) -> None:
    found = back(index)
    assert type(found) is type(index)
    assert found.identical(index)
    assert getattr(found, "freq", None) == getattr(index, "freq", None)


POLARS = pl.DataFrame(
    {
        "int": [1, None, 3],
        "text": ["a", "b", None],
        "list": [[1], [], None],
        "struct": [{"x": 1}, {"x": 2}, None],
        "date": [dt.date(2020, 1, 1), None, None],
        "moment": [dt.datetime(2020, 1, 1), None, None],
        "bytes": [b"a", None, b""],
    },
    schema_overrides={"int": pl.Int16},
).with_columns(
    pl.col("text").cast(pl.Categorical).alias("category"),
    pl.col("text").cast(pl.Enum(["a", "b"])).alias("enum"),
    pl.col("moment").dt.replace_time_zone("Europe/Berlin").alias("zone"),
    pl.lit(Decimal("1.50")).alias("decimal"),
    pl.lit(None).alias("null"),
    pl.lit(dt.timedelta(1)).alias("delta"),
)


@pytest.mark.parametrize("codec", [None, Native(frames="parquet"), Native(compression="lz4")], ids=str)
def test_polars(codec: Any) -> None:
    for frame in (POLARS, pl.DataFrame(), POLARS[:0]):
        found = back(frame, codec)
        assert type(found) is pl.DataFrame
        assert found.schema == frame.schema
        assert found.equals(frame)
    for name in POLARS.columns:
        series = back({"x": [POLARS[name]]}, codec)["x"][0]
        assert type(series) is pl.Series
        assert series.name == name
        assert series.dtype == POLARS[name].dtype
        assert series.equals(POLARS[name], check_names=True)


def test_polars_objects_are_refused() -> None:
    frame = pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)})
    for value in (frame, frame["a"], frame.lazy()):
        with pytest.raises(TypeError, match="register_handler"):
            encode(value)


TABLE = pa.table(
    {
        "int": pa.array([1, None], pa.int16()),
        "text": ["a", None],
        "list": [[1], []],
        "dictionary": pa.array(["x", "y"]).dictionary_encode(),
        "moment": pa.array([1, 2], pa.timestamp("s", "UTC")),
        "map": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int8())),
        "half": pa.array(np.array([1, 2], "f2")),
    }
).replace_schema_metadata({"key": "value"})


@pytest.mark.parametrize("codec", [None, Native(frames="parquet"), Native(compression="zstd", threshold=1)], ids=str)
def test_pyarrow(codec: Any) -> None:
    chunked = pa.concat_tables([TABLE, TABLE])
    for table in (TABLE, chunked, TABLE[:0], pa.table({})):
        found = back(table, codec)
        assert type(found) is pa.Table
        assert found.equals(table, check_metadata=True)
    whole = TABLE.to_batches()[0]
    for batch in (whole, whole[1:], whole[:0]):
        found = back(batch, codec)
        assert type(found) is pa.RecordBatch
        assert found.equals(batch, check_metadata=True)
    for name in TABLE.column_names:
        for column in (chunked[name], TABLE[name].chunk(0), TABLE[name].chunk(0)[:0], TABLE[name].chunk(0)[1:]):
            found = back([column], codec)[0]
            assert type(found) is type(column)
            assert found.type == column.type
            assert found.equals(column)


@pytest.mark.parametrize("method", ["zlib", "zstd", "lz4"])
def test_compression(method: Any) -> None:
    codec = Native(compression=method)
    long = ["text" * 1000, b"\0" * 5000, list(range(100)) * 10]
    assert len(encode(long, codec)) < len(encode(long)) / 2
    assert back(long, codec) == long
    assert decode(encode(long, codec)) == long
    assert encode("short", codec) == encode("short")
    noise = np.random.default_rng(1).bytes(2000)
    assert encode(noise, codec) == encode(noise)
    data = encode(long, codec)
    for cut in range(0, len(data)):
        with pytest.raises(ValueError):
            decode(data[:cut])
    # A claim of another length, and of more than there ever was.
    for claim in (b"\x05", b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"):
        with pytest.raises(ValueError):
            decode(data[:2] + claim + data[5:])


def test_wrong_settings_are_refused() -> None:
    wrong: list[dict[str, Any]] = [{"frames": "csv"}, {"compression": "gzip"}, {"threshold": -1}, {"trusted": True}]
    for arguments in wrong:
        with pytest.raises(ValueError):
            Native(**arguments)


SAMPLES = [
    np.arange(6.0).reshape(2, 3),
    np.float32(1.5),
    np.zeros(2, [("a", "i4"), ("b", "f8")]),
    PANDAS["types"],
    PANDAS["levels"],
    pd.Series([1, 2]),
    POLARS,
    TABLE,
    TABLE["int"],
    dt.datetime(2020, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")),
    Decimal("1.5"),
    UUID(int=3),
    range(3),
    Fraction(1, 3),
]


@pytest.mark.parametrize("value", SAMPLES, ids=lambda value: type(value).__name__)
def test_cut_bytes_of_handlers_raise_errors(value: Any) -> None:
    data = encode(value)
    for cut in range(0, len(data), max(1, len(data) // 100)):
        with pytest.raises(ValueError):
            decode(data[:cut])


@pytest.mark.parametrize("value", SAMPLES, ids=lambda value: type(value).__name__)
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_flipped_bytes_of_handlers_end_in_a_value_or_an_exception(value: Any, data: st.DataObject) -> None:
    flipped = bytearray(encode(value))
    flipped[data.draw(st.integers(0, len(flipped) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        decode(bytes(flipped))
    except ValueError:
        pass


def test_nothing_is_imported_that_the_value_does_not_need() -> None:
    program = """
import sys
from memolith import _memolith
try:
    _memolith._encode(object())
except TypeError:
    pass
assert not {"numpy", "pandas", "polars", "pyarrow"} & set(sys.modules), "imported"
"""
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(filter(None, sys.path))})
