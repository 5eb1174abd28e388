"""MessagePack, JSON and CBOR: as other readers see them, and nothing comes back as another type."""

from __future__ import annotations

import json
import math
from typing import Any

import cbor2
import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memolith import _memolith
from test_values import same

encode, decode = _memolith._encode, _memolith._decode

CODECS = ["messagepack", "json", "cbor"]
ints = st.integers(-(2**63), 2**64 - 1)
texts = st.text()
json_values = st.recursive(
    st.none() | st.booleans() | ints | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)
keys = st.none() | st.booleans() | ints | texts | st.binary() | st.floats(allow_nan=False)
values = st.recursive(
    keys | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=20,
)


@given(json_values)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_json_is_that_of_others(value: Any) -> None:
    data = encode(value, "json")
    assert same(decode(data, "json"), value)
    assert same(json.loads(data), value)
    assert same(decode(json.dumps(value).encode(), "json"), value)


@given(values)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_messagepack_is_that_of_others(value: Any) -> None:
    data = encode(value, "messagepack")
    assert same(decode(data, "messagepack"), value)
    assert same(msgpack.unpackb(data, strict_map_key=False), value)
    assert same(decode(msgpack.packb(value), "messagepack"), value)


@given(values)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_cbor_is_that_of_others(value: Any) -> None:
    data = encode(value, "cbor")
    assert same(decode(data, "cbor"), value)
    assert same(cbor2.loads(data), value)
    assert same(decode(cbor2.dumps(value), "cbor"), value)


def test_what_json_has_no_form_for_is_refused() -> None:
    for value in (b"a", (1, 2), {1}, frozenset(), bytearray(), {1: 2}, {None: 1}, {b"a": 1}, 1j, object()):
        with pytest.raises(TypeError, match="return .* instead"):
            encode([value], "json")
    for value in (math.nan, math.inf, -math.inf, 2**64, -(2**63) - 1, "\ud800", 10**400):
        with pytest.raises(ValueError, match="return .* instead"):
            encode({"a": value}, "json")


@pytest.mark.parametrize("codec", ["messagepack", "cbor"])
def test_what_the_binary_formats_have_no_form_for_is_refused(codec: str) -> None:
    for value in ((1, 2), {1}, frozenset(), bytearray(), {(1, 2): 3}, 1j, object(), range(3)):
        with pytest.raises(TypeError, match="return .* instead"):
            encode([value], codec)
    for value in (2**128, -(2**127) - 1, "\ud800", {"\udfff": 1}):
        with pytest.raises(ValueError, match="return .* instead"):
            encode([value], codec)
    assert math.isnan(decode(encode(math.nan, codec), codec))


def test_long_ints_are_in_cbor_alone() -> None:
    for value in (2**64, 2**127 - 1, -(2**127), -(2**63) - 1):
        assert same(decode(encode(value, "cbor"), "cbor"), value)
        assert cbor2.loads(encode(value, "cbor")) == value
        with pytest.raises(ValueError, match="int of that size"):
            encode(value, "messagepack")


@pytest.mark.parametrize("codec", CODECS)
def test_the_deepest_that_is_written_comes_back(codec: str) -> None:
    for wrap in (lambda inner: [inner], lambda inner: {"a": inner}):
        value: Any = 1
        deepest = 0
        while True:
            value = wrap(value)
            try:
                data = encode(value, codec)
            except ValueError as error:
                assert "nested so deeply" in str(error)
                break
            assert decode(data, codec) == value
            deepest += 1
        assert deepest >= 100
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match="in itself"):
        encode(cycle, codec)


@pytest.mark.parametrize(("codec", "level"), [("messagepack", b"\x91"), ("json", b"["), ("cbor", b"\x81")])
def test_hostile_depth_is_an_error(codec: str, level: bytes) -> None:
    with pytest.raises(ValueError):
        decode(level * 1_000_000, codec)


@pytest.mark.parametrize(
    ("codec", "head"),
    [
        ("messagepack", b"\xdd\xff\xff\xff\xff"),
        ("messagepack", b"\xdf\xff\xff\xff\xff"),
        ("messagepack", b"\xc6\xff\xff\xff\xff"),
        ("messagepack", b"\xdb\xff\xff\xff\xff"),
        ("cbor", b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"),
        ("cbor", b"\xbb\x7f\xff\xff\xff\xff\xff\xff\xff"),
        ("cbor", b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff"),
        ("cbor", b"\x7b\x7f\xff\xff\xff\xff\xff\xff\xff"),
    ],
)
def test_claimed_lengths_reserve_nothing(codec: str, head: bytes) -> None:
    for data in (head, head * 50, head + bytes(1000)):
        with pytest.raises(ValueError):
            decode(data, codec)


@pytest.mark.parametrize("codec", CODECS)
@given(value=json_values, data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_bytes_end_in_a_value_or_a_value_error(codec: str, value: Any, data: st.DataObject) -> None:
    whole = encode(value, codec)
    for cut in range(len(whole)):
        value_or_error(whole[:cut], codec)
    with pytest.raises(ValueError):
        decode(whole + b"x", codec)
    flipped = bytearray(whole)
    flipped[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    value_or_error(bytes(flipped), codec)


@pytest.mark.parametrize("codec", CODECS)
@given(data=st.binary(max_size=100))
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_end_in_a_value_or_a_value_error(codec: str, data: bytes) -> None:
    value_or_error(data, codec)


def value_or_error(data: bytes, codec: str) -> None:
    try:
        decode(data, codec)
    except ValueError:
        pass


def test_types_of_other_languages_without_one_here_are_refused() -> None:
    for data in (msgpack.packb(msgpack.ExtType(5, b"abc")), msgpack.packb(msgpack.Timestamp(1, 2))):
        with pytest.raises(ValueError):
            decode(data, "messagepack")
    for value in (cbor2.CBORTag(4711, "a"), cbor2.CBORSimpleValue(99)):
        with pytest.raises(ValueError):
            decode(cbor2.dumps(value), "cbor")
    with pytest.raises(ValueError):
        decode(b"\x81\x81\x90\x01", "messagepack")
    # A map whose key is a list.
    with pytest.raises(ValueError):
        decode(b"\x81\x91\x01\x01", "messagepack")
    with pytest.raises(ValueError):
        decode(b"\xa1\x81\x01\x01", "cbor")
