"""Bytes of handlers that are compressed, cut or damaged."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memolith import _memolith
from memolith._native import Native
from test_frames import PANDAS, POLARS, TABLE

encode, decode = _memolith._encode, _memolith._decode


def back(value: Any, codec: Any = None) -> Any:
    return decode(encode(value, codec), codec)


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
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
