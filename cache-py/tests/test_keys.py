"""Equal arguments have equal bytes, in every process; different ones have different bytes."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import math
import os
import pathlib
import subprocess
import sys
import types
import uuid
import zoneinfo
from typing import Any

import numpy
import pandas
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memolith import _memolith

canonical = _memolith._canonical


class Color(enum.Enum):
    RED = 1
    GREEN = 2
    CRIMSON = 1


class Level(enum.IntEnum):
    LOW = 1


class Word(str, enum.Enum):
    YES = "yes"


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


Pair = collections.namedtuple("Pair", "left right")


@dataclasses.dataclass
class Point:
    x: float
    y: float
    note: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass
class Spot:
    x: float
    y: float


@dataclasses.dataclass(eq=False)
class Unequal:
    x: int


@dataclasses.dataclass
class OwnEquality:
    x: int

    def __eq__(self, other: object) -> bool:
        return True


class Loud(str):
    def __eq__(self, other: object) -> bool:
        return str(self).lower() == str(other).lower()

    def __hash__(self) -> int:
        return hash(str(self).lower())


class Quiet(str):
    pass


class HashableDict(dict):  # type: ignore[type-arg]
    def __hash__(self) -> int:  # type: ignore[override]
        return 1


class Named:
    def __init__(self, key: Any) -> None:
        self.key = key

    def __memolith_key__(self) -> Any:
        return self.key


def function_of_module() -> None:
    pass


@functools.lru_cache
def cached_function() -> None:
    pass


EQUAL = [
    (True, 1, 1.0, 1 + 0j, decimal.Decimal("1.00"), fractions.Fraction(3, 3), Level.LOW, numpy.int8(1), numpy.True_),
    (0, 0.0, -0.0, False, decimal.Decimal("-0"), numpy.float64(-0.0), complex(0.0, -0.0)),
    (1.5, decimal.Decimal("1.5"), fractions.Fraction(3, 2), numpy.float32(1.5), 1.5 + 0j),
    (decimal.Decimal("0.1"), fractions.Fraction(1, 10)),
    (0.1, decimal.Decimal(0.1), fractions.Fraction(0.1)),
    (2**200, 2.0**200, decimal.Decimal(2**200)),
    (-(2**63), -(2.0**63)),
    (10**400, decimal.Decimal("1e400"), fractions.Fraction(10**400)),
    (math.inf, decimal.Decimal("inf")),
    (math.nan, -math.nan, float("nan"), decimal.Decimal("nan")),
    ("yes", Word.YES, Quiet("yes"), numpy.str_("yes")),
    (b"ab", bytearray(b"ab"), memoryview(b"ab"), numpy.bytes_(b"ab")),
    ((1, 2), Pair(1, 2), Pair(True, 2.0)),
    ({1, 2, 3}, frozenset({3, 2, 1}), {1.0, 2, 3}),
    ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, HashableDict(a=1, b=[2]), collections.defaultdict(int, a=1, b=[2])),
    (range(0), range(5, 5), range(1, 0, 7)),
    (range(0, 4, 2), range(0, 3, 2)),
    (range(3, 4), range(3, 9, 50)),
    (Color.RED, Color.CRIMSON),
    (Mode.READ | Mode.WRITE, Mode(3)),
    (Point(1, 2, "a"), Point(1.0, 2.0, "b")),
    (
        datetime.datetime(2024, 7, 1, 12, tzinfo=datetime.timezone.utc),
        datetime.datetime(2024, 7, 1, 14, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
        datetime.datetime(2024, 7, 1, 14, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    ),
    (
        datetime.time(12, tzinfo=datetime.timezone.utc),
        datetime.time(14, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
    ),
    (datetime.timedelta(days=1), datetime.timedelta(hours=24)),
    (pathlib.PurePosixPath("a/b"), pathlib.PurePosixPath("a//b")),
    (pathlib.PureWindowsPath("A/b"), pathlib.PureWindowsPath("a\\B")),
    (uuid.UUID(int=5), uuid.UUID("00000000-0000-0000-0000-000000000005")),
    (slice(1, 2), slice(1, 2, None)),
]

DIFFERENT = [
    *(group[0] for group in EQUAL),
    None,
    2,
    -1,
    2**64,
    -(2**64),
    2**64 + 1,
    -math.inf,
    1j,
    "",
    "1",
    "é",
    "\x00",
    "\udc80",
    "\ud83d\ude00",
    "😀",
    b"",
    b"yes",
    (),
    [],
    set(),
    {},
    [1, 2],
    (1, (2,)),
    ((1,), 2),
    [[1], 2],
    {1: 2},
    {2: 1},
    {(1, 2)},
    Color.GREEN,
    Mode.READ,
    Spot(1, 2),
    Point(2, 1),
    datetime.date(2024, 7, 1),
    datetime.datetime(2024, 7, 1),
    datetime.datetime(2024, 7, 1, 12),
    datetime.time(12),
    pathlib.PurePosixPath("A/b"),
    uuid.UUID(int=6),
    collections.OrderedDict(a=1, b=2),
    collections.OrderedDict(b=2, a=1),
    ...,
    NotImplemented,
    int,
    Color,
    len,
    function_of_module,
    cached_function,
    range(4),
    slice(2),
    Named(1),
    Named("1"),
    numpy.arange(3, dtype="i4"),
    numpy.arange(3, dtype="f4"),
    numpy.zeros((2, 3)),
    numpy.zeros((3, 2)),
    numpy.zeros(2, dtype=[("a", "i4"), ("b", "f8")]),
    numpy.datetime64("2024-07-01"),
    numpy.datetime64("2024-07-01T00"),
]


# CBOR in the fewest bytes, as any library of it reads and writes it.
GOLDEN = [
    (None, "f6"),
    (True, "01"),
    (0, "00"),
    (-1, "20"),
    (255, "18ff"),
    (-(2**63), "3b7fffffffffffffff"),
    (2**64 - 1, "1bffffffffffffffff"),
    (2**64, "c249010000000000000000"),
    (-(2**64) - 1, "c349010000000000000000"),
    (1.5, "fb3ff8000000000000"),
    (math.nan, "fb7ff8000000000000"),
    (1e300, canonical(int(1e300)).hex()),
    ("é", "62c3a9"),
    ("\udc80", "d96d6d43edb280"),
    (b"ab", "426162"),
    ((), "80"),
    (("a", 3), "82616103"),
    ([1, (2,)], "d96d6c82018102"),
    ({3, "a"}, "d90102820361" + "61"),
    ({"b": 1, 2: None}, "a202f6616201"),
    (1 + 2j, "d81b8267636f6d706c6578820102"),
    (decimal.Decimal("0.1"), "d81b8265726174696f82010a"),
    (datetime.date(2024, 7, 1), "d81b826d6461746574696d652e64617465831907e80701"),
    (datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc), "d81b82716461746574696d652e6461746574696d6500"),
    (uuid.UUID(int=1), "d81b8269757569642e5555494450" + "00" * 15 + "01"),
    (pathlib.PurePosixPath("a"), "d81b8275" + b"pathlib.PurePosixPath".hex() + "6161"),
    (range(3), "d81b826572616e6765830002" + "01"),
    (Color.RED, "d81b82" + bytes([0x60 + len(__name__) + 6]).hex() + f"{__name__}.Color".encode().hex() + "63524544"),
    (
        Spot(1, 2),
        "d81b82" + bytes([0x60 + len(__name__) + 5]).hex() + f"{__name__}.Spot".encode().hex() + "a2617801617902",
    ),
    (int, "d81b82647479706563696e74"),
    (numpy.array([1, 2], dtype="<u2"), "d81b826d" + b"numpy.ndarray".hex() + "838102633c75324401000200"),
]


@pytest.mark.parametrize(("value", "written"), GOLDEN, ids=[repr(value)[:40] for value, _ in GOLDEN])
def test_the_bytes_are_a_format(value: Any, written: str) -> None:
    assert canonical(value).hex() == written


@pytest.mark.parametrize("group", EQUAL, ids=lambda group: repr(group[0])[:40])
def test_equal_objects_have_equal_bytes(group: tuple[Any, ...]) -> None:
    assert len({canonical(one) for one in group}) == 1


def test_different_objects_have_different_bytes_and_none_begins_another() -> None:
    bytes_of = sorted(canonical(one) for one in DIFFERENT)
    assert not [(one, two) for one, two in zip(bytes_of, bytes_of[1:]) if two.startswith(one)]


@pytest.mark.parametrize("bits", range(0, 1080, 9))
def test_an_integral_float_is_its_integer(bits: int) -> None:
    for integer in {sign * (2**bits + off) for sign in (1, -1) for off in (-1, 0, 1)}:
        try:
            number = float(integer)
        except OverflowError:
            continue
        assert (canonical(number) == canonical(integer)) == (number == integer)
        assert canonical(number) == canonical(int(number))


def test_what_cannot_be_compared_by_bytes_is_refused() -> None:
    def local() -> None:
        pass

    class Local(enum.Enum):
        ONE = 1

    refused = [
        object(),
        local,
        lambda: None,
        cached_function.__wrapped__,
        functools.lru_cache(function_of_module),
        Local,
        Local.ONE,
        [].append,
        Named(1).__memolith_key__,
        sys,
        Loud("a"),
        Unequal(1),
        OwnEquality(1),
        Named(object()),
        types.SimpleNamespace(a=1),
        memoryview(b"abcd").cast("i"),
        decimal.Decimal("sNaN"),
        decimal.Decimal("1e999999"),
        numpy.array([None]),
        numpy.longdouble(1),
        numpy.ma.array([1]),
        pandas.DataFrame({"a": [1]}),
        pandas.Timestamp("2024-07-01"),
        polars.DataFrame({"a": [1]}),
    ]
    for one in refused:
        for nested in (one, [one], {"a": one}, (1, [one])):
            with pytest.raises(TypeError, match="has no canonical form: cache by key=.., skip it, or give it"):
                canonical(nested)


def test_the_message_names_the_class() -> None:
    with pytest.raises(TypeError, match=r"^pandas\.(core\.frame\.)?DataFrame object has no canonical form"):
        canonical(pandas.DataFrame())
    with pytest.raises(TypeError, match=r"^object object has no"):
        canonical(object())


def test_objects_that_hold_themselves_are_an_error() -> None:
    knot: list[Any] = []
    knot += [knot, knot]
    ring: dict[str, Any] = {}
    ring["ring"] = (ring,)
    mirror = Named(None)
    mirror.key = mirror
    for endless in (knot, ring, mirror, Named(knot)):
        with pytest.raises(ValueError, match="holds itself or is more than 128 levels deep"):
            canonical(endless)


def test_128_levels_are_not_too_deep() -> None:
    deep: Any = 1
    for _ in range(128):
        deep = [deep]
    assert canonical(deep) != canonical(deep[0])
    with pytest.raises(ValueError, match="128 levels"):
        canonical([deep])


@pytest.mark.parametrize("container", [[], {}, set(), collections.OrderedDict()], ids=lambda one: type(one).__name__)
def test_objects_that_change_while_they_are_read(container: Any) -> None:
    emptying = [Emptying(container) for _ in range(100)]
    if isinstance(container, list):
        container += emptying
    elif isinstance(container, set):
        container |= set(emptying)
    else:
        container.update(enumerate(emptying))
    del emptying
    # What was in it before is its key; no object is used after it is gone.
    written = canonical(container)
    assert not container and written.count(b"Emptying") == 100


class Emptying:
    def __init__(self, container: Any) -> None:
        self.container = container

    def __memolith_key__(self) -> Any:
        self.container.clear()
        return 1


def test_errors_of_the_objects_own_code_are_seen() -> None:
    with pytest.raises(ZeroDivisionError):
        canonical([Failing()])
    with pytest.raises(ZeroDivisionError):
        canonical({1: Failing()})


class Failing:
    def __memolith_key__(self) -> Any:
        raise ZeroDivisionError


def test_one_time_that_happens_twice_equals_itself_and_no_other() -> None:
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    first = datetime.datetime(2024, 10, 27, 2, 30, tzinfo=berlin)
    second = first.replace(fold=1)
    assert first == second and canonical(first) == canonical(second)
    for instant in (first, second):
        utc = instant.astimezone(datetime.timezone.utc)
        assert instant != utc and canonical(instant) != canonical(utc)


def test_arrays_are_their_elements_in_order() -> None:
    grid = numpy.arange(6).reshape(2, 3)
    assert canonical(grid) == canonical(numpy.asfortranarray(grid)) == canonical(grid.copy())
    assert canonical(grid.T) == canonical(grid.T.copy()) != canonical(grid)
    assert canonical(grid[:, ::2]) == canonical(grid[:, ::2].copy())


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2)
    | st.fractions(max_denominator=8)
    | st.text(alphabet=st.characters(), max_size=3)
    | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(st.integers(0, 3) | st.text(max_size=1), inner, max_size=3)
    | st.frozensets(st.integers(0, 3) | st.floats(0, 3) | st.text(max_size=1), max_size=3),
    max_leaves=6,
)


@settings(max_examples=500, deadline=None)
@given(plain, plain)
def test_bytes_are_equal_exactly_if_objects_are(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (one == other)


@settings(max_examples=300, deadline=None)
@given(plain)
def test_copies_in_another_order_have_equal_bytes(one: Any) -> None:
    def turned(value: Any) -> Any:
        match value:
            case dict():
                return {key: turned(value[key]) for key in reversed(list(value))}
            case frozenset():
                return set(reversed(list(value)))
            case list() | tuple():
                return type(value)(turned(item) for item in value)
            case int() | float() if value == value and abs(value) != math.inf:
                return fractions.Fraction(value)
        return value

    assert canonical(one) == canonical(turned(one))


SCRIPT = """
import sys; sys.path.insert(0, sys.argv[1])
import test_keys
for one in test_keys.DIFFERENT:
    print(test_keys.canonical(one).hex())
print(test_keys.canonical({f"{i}": {str(i), i, (i, "x")} for i in range(40)}).hex())
"""


def test_every_process_has_the_same_bytes() -> None:
    seen = set()
    for seed in ("0", "1", "77"):
        command = [sys.executable, "-c", SCRIPT, str(pathlib.Path(__file__).parent)]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        seen.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    assert len(seen) == 1 and len(seen.pop().splitlines()) == len(DIFFERENT) + 1


def test_a_class_that_changes_is_looked_at_again() -> None:
    class Text(str):
        pass

    class Further(Text):
        pass

    text = Further("a")
    assert canonical(text) == canonical("a")
    Text.__eq__ = lambda self, other: True  # type: ignore[method-assign]
    with pytest.raises(TypeError, match="no canonical form"):
        canonical(text)
    del Text.__eq__
    assert canonical(text) == canonical("a")


def test_many_classes_do_not_get_into_each_others_way() -> None:
    for number in range(1000):

        class Text(str):
            pass

        class Loudly(Loud):
            pass

        assert canonical(Text(number)) == canonical(str(number))
        with pytest.raises(TypeError, match="Loudly object has no canonical form"):
            canonical(Loudly(number))


def test_instances_of_classes_of_one_name_are_refused() -> None:
    for make in (lambda: dataclasses.make_dataclass("Made", ["x"])(1), lambda: enum.Enum("Made", "A", module="made").A):
        assert make() != make()
        with pytest.raises(TypeError, match="no canonical form"):
            canonical(make())
