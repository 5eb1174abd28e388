"""Frames, series, indexes, tables: as Arrow or Parquet, exactly or not at all."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from memolith import _memolith
from memolith._native import Native

encode, decode = _memolith._encode, _memolith._decode


def back(value: Any, codec: Any = None) -> Any:
    return decode(encode(value, codec), codec)


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
