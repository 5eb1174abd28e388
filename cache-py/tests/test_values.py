"""The native form: what goes in comes back as itself, and no bytes do harm."""

from __future__ import annotations

import math
import struct
import sys
import threading
from collections import OrderedDict, namedtuple
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memolith import _memolith
from memolith._handlers import register_handler, unregister_handler

encode, decode = _memolith._encode, _memolith._decode

texts = st.text(st.characters(exclude_categories=()))
hashable = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | texts | st.binary(),
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.frozensets(inner, max_size=4),
    max_leaves=8,
)
values = st.recursive(
    hashable | st.binary().map(bytearray),
    lambda inner: st.lists(inner, max_size=5)
    | st.lists(inner, max_size=5).map(tuple)
    | st.dictionaries(hashable, inner, max_size=5)
    | st.sets(hashable, max_size=5),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Whether both are the same value of the same types, bit by bit and in the same order, but for sets."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", other)
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, (set, frozenset)):
        return sorted(map(shown, one)) == sorted(map(shown, other))
    return bool(one == other)


def shown(value: Any) -> str:
    """A text that equal values of equal types share, whatever the order of their sets."""
    if isinstance(value, frozenset):
        return f"frozenset({sorted(map(shown, value))})"
    if isinstance(value, tuple):
        return f"tuple({[shown(item) for item in value]})"
    return f"{type(value).__name__} {value!r}"


@given(values)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_values_come_back_with_their_types(value: Any) -> None:
    assert same(decode(encode(value)), value)


@pytest.mark.parametrize("bits", [*range(0, 70), 127, 128, 1000])
def test_ints_at_every_edge(bits: int) -> None:
    for value in (1 << bits, (1 << bits) - 1, -(1 << bits), -(1 << bits) - 1):
        assert same(decode(encode(value)), value)


def test_small_values_are_short() -> None:
    assert len(encode(7)) == 1
    assert len(encode(1000)) == 3
    assert len(encode("abc")) == 4
    assert len(encode(None)) == 1
    assert len(encode((1, 2))) == 4


def test_floats_keep_their_bits() -> None:
    for value in (-0.0, math.inf, -math.inf, math.nan, 5e-324):
        assert same(decode(encode(value)), value)


def test_order_of_dicts_stays() -> None:
    value = {"b": 1, "a": 2, 3: 4}
    assert list(decode(encode(value))) == ["b", "a", 3]


class Number(int):
    pass


class Text(str):
    pass


class Level(IntEnum):
    HIGH = 1


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    "value",
    [Number(1), Text("a"), Level.HIGH, Pair(1, 2), OrderedDict(a=1), object(), len, int, memoryview(b"a"), iter([])],
    ids=lambda value: type(value).__name__,
)
def test_other_types_are_refused_with_the_remedies(value: Any) -> None:
    for wrapped in (value, [value], {"key": (value,)}):
        with pytest.raises(TypeError, match="register_handler.*pickle.*sign=") as caught:
            encode(wrapped)
        assert type(value).__name__ in str(caught.value)


def test_cycles_and_depth_end_in_an_error() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    table: dict[str, Any] = {}
    table["self"] = (table,)
    for value in (cycle, table):
        with pytest.raises(ValueError, match="nested deeper"):
            encode(value)
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    assert same(decode(encode(deep)), deep)
    with pytest.raises(ValueError, match="nested deeper"):
        encode([deep])


def test_depth_fits_the_stack_of_a_small_thread() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = {"x": deep}
    found: list[Any] = []
    size = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=lambda: found.append(decode(encode(deep))))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    assert found == [deep]


def test_shared_parts_come_back_apart() -> None:
    part = [1]
    back = decode(encode([part, part]))
    assert back == [[1], [1]]
    assert back[0] is not back[1]


@given(values, st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_bytes_end_in_a_value_or_a_value_error(value: Any, data: st.DataObject) -> None:
    whole = encode(value)
    for cut in range(len(whole)):
        with pytest.raises(ValueError):
            decode(whole[:cut])
    with pytest.raises(ValueError):
        decode(whole + b"\0")
    if whole:
        bit = data.draw(st.integers(0, 8 * len(whole) - 1))
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        value_or_error(bytes(flipped))


@given(st.binary(max_size=200))
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_end_in_a_value_or_a_value_error(data: bytes) -> None:
    value_or_error(data)


def value_or_error(data: bytes) -> None:
    try:
        decode(data)
    except ValueError:
        pass


@pytest.mark.parametrize("tag", [0x0A, 0x0C, 0x0D, 0x18, 0x20, 0x21, 0x22, 0x23, 0x24])
def test_claimed_lengths_reserve_nothing(tag: int) -> None:
    huge = bytes([tag]) + b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
    for data in (huge, huge * 30, huge + b"\0" * 1000):
        with pytest.raises(ValueError):
            decode(data)


def test_hostile_depth_is_an_error() -> None:
    for tag in range(0x20, 0x25):
        with pytest.raises(ValueError):
            decode(bytes([tag, 1]) * 100_000)


def test_unhashable_keys_in_the_bytes_are_an_error() -> None:
    empty_list = b"\x21\x00"
    for data in (b"\x22\x01" + empty_list + b"\x00", b"\x23\x01" + empty_list, b"\x24\x01" + empty_list):
        with pytest.raises(ValueError):
            decode(data)


class Changing:
    """Its handler changes the container it is in."""

    def __init__(self, change: Any) -> None:
        self.change = change


class ChangingHandler:
    name = "test.Changing"
    types = [Changing]

    @staticmethod
    def encode(value: Changing) -> bytes:
        value.change()
        return b""

    @staticmethod
    def decode(buffer: bytes) -> str:
        return "changed"


def test_containers_that_change_meanwhile_are_an_error() -> None:
    register_handler(ChangingHandler)
    try:
        items: list[Any] = [1, None, 2]
        items[1] = Changing(items.clear)
        growing: list[Any] = [None]
        growing[0] = Changing(lambda: growing.append(1))
        table: dict[Any, Any] = {key: key for key in range(100)}
        table[0] = Changing(table.clear)
        longer: dict[Any, Any] = {}
        longer["a"] = Changing(lambda: longer.update(dict.fromkeys(range(1000))))
        members: set[Any] = set(range(10))
        members.add(Changing(lambda: members.update(range(1000))))
        for value in (items, growing, longer):
            with pytest.raises(ValueError, match="changed"):
                encode(value)
        # Where others cannot write a dict meanwhile, it is seen as it was or is refused; a set raises its own error.
        for value in (table, members):
            try:
                encode(value)
            except (ValueError, RuntimeError) as error:
                assert "changed" in str(error)
    finally:
        unregister_handler("test.Changing")


def test_nothing_leaks() -> None:
    marker = "a text that is nowhere else"
    value = {"list": [marker] * 3, "tuple": (marker, {marker})}
    before = sys.getrefcount(marker)
    for _ in range(100):
        data = encode(value)
        decode(data)
        value_or_error(data[:-1])
        with pytest.raises(TypeError):
            encode([marker, object()])
    assert sys.getrefcount(marker) <= before + 1


class Codec:
    """A codec of the user."""

    def encode(self, value: Any) -> bytes:
        return repr(value).encode()

    def decode(self, data: bytes) -> Any:
        return int(data)


def test_a_codec_of_the_user() -> None:
    assert encode(12, Codec()) == b"12"
    assert decode(b"12", Codec()) == 12


class NoBytes(Codec):
    def encode(self, value: Any) -> Any:
        return "text"


class LowId(Codec):
    id = 5


def test_wrong_codecs_are_refused() -> None:
    with pytest.raises(TypeError, match="must return bytes"):
        encode(1, NoBytes())
    with pytest.raises(ValueError, match="128 to 255"):
        encode(1, LowId())
    with pytest.raises(ValueError, match="there is no codec"):
        encode(1, "protobuf")
    for codec in (Codec, 5, object()):
        with pytest.raises(TypeError, match="`encode` and `decode`"):
            encode(1, codec)
