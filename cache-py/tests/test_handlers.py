"""Handlers: the registry, and those of the standard library's types."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from memolith import _memolith
from memolith._handlers import handlers, register_handler, unregister_handler

encode, decode = _memolith._encode, _memolith._decode


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


class Box:
    def __init__(self, content: Any) -> None:
        self.content = content


class BoxHandler:
    name = "test.Box"
    types = [Box]

    @staticmethod
    def encode(value: Box) -> bytes:
        return encode(value.content)

    @staticmethod
    def decode(buffer: bytes) -> Box:
        return Box(decode(buffer))


def test_depth_counts_through_handlers() -> None:
    register_handler(BoxHandler)
    value: Any = Box(1)
    data = encode(value)
    for _ in range(150):
        value = Box(value)
    assert type(back(value)) is Box
    for _ in range(100):
        value = Box([value])
    with pytest.raises(ValueError, match="nested deeper"):
        encode(value)
    for _ in range(1000):
        inside = b"\x21\x01" * 150 + data
        data = b"\x30\x08test.Box" + len(inside).to_bytes(8, "little") + inside
    with pytest.raises(ValueError):
        decode(data)
    assert back([[1]]) == [[1]]


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
