"""Arrays and scalars of numpy: their memory, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from memolith import _memolith
from memolith._native import Native

encode, decode = _memolith._encode, _memolith._decode


def back(value: Any, codec: Any = None) -> Any:
    return decode(encode(value, codec), codec)


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


def test_a_type_without_size_takes_no_memory() -> None:
    # More than there is: numpy alone would give each element a byte.
    back_again = back(np.ndarray((1 << 50,), "S0", b""))
    assert (back_again.shape, back_again.dtype.itemsize, back_again.nbytes) == ((1 << 50,), 0, 0)
