"""The ways to write one call of a function are one key."""

from __future__ import annotations

import enum
import functools
from typing import Any

import pytest

from memolith import _memolith

canonical = _memolith._canonical


class Level(enum.IntEnum):
    LOW = 1


def call(function: Any, *args: Any, typed: bool = False, skip: tuple[str, ...] = (), **kwargs: Any) -> bytes | None:
    key: bytes | None = _memolith._canonical_call(function, args, kwargs, typed, list(skip))
    return key


def test_a_call_is_the_tuple_of_its_arguments() -> None:
    def f(a: Any, b: Any = 3, *rest: Any, k: Any = None, **more: Any) -> None:
        pass

    assert call(f, "a", 3).hex() == "85616103" + "80" + "f6" + "a0"  # type: ignore[union-attr]
    assert call(f, "a", 3, 4, k=5, z=6).hex() == "85616103" + "8104" + "05" + "a1617a06"  # type: ignore[union-attr]
    assert call(lambda a, b: None, "a", 3) == canonical(("a", 3))


def test_typed_tells_the_classes_of_arguments_apart_and_nothing_nested() -> None:
    def f(*args: Any, **kwargs: Any) -> None:
        pass

    assert len({call(f, value, typed=True) for value in (1, 1.0, True, Level.LOW)}) == 4
    assert len({call(f, a=value, typed=True) for value in (1, 1.0, True)}) == 3
    assert call(f, (1,), typed=True) == call(f, (1.0,), typed=True)
    assert call(f, 1, typed=True) != call(f, 1)
    assert call(f, 1) == call(f, True)
    assert call(divmod, 7, 2, typed=True) != call(divmod, 7.0, 2, typed=True)
    assert canonical(1, typed=True) != canonical(1.0, typed=True)


def test_the_ways_to_write_one_call_are_one_key() -> None:
    def f(a: Any, b: Any = 2, /, c: Any = 3, *rest: Any, k: Any = 4, **more: Any) -> None:
        pass

    same = call(f, 1)
    assert same == call(f, 1, 2) == call(f, 1, 2, 3) == call(f, 1, c=3) == call(f, 1, k=4, c=3.0) is not None
    assert call(f, 1, x=1, y=2) == call(f, 1, y=2, x=1)
    others = [
        same,
        call(f, 2),
        call(f, 1, 3),
        call(f, 1, 2, 3, 4),
        call(f, 1, 2, 3, 4, 5),
        call(f, 1, 2, 3, (4, 5)),
        call(f, 1, k=5),
        call(f, 1, x=1),
        call(f, 1, x=2),
        call(f, 1, b=2),
        call(f, 1, a=2),
    ]
    assert len(set(others)) == len(others)


def test_names_that_are_made_at_run_time_are_the_same_names() -> None:
    def f(long_name: int, other_name: int = 1) -> None:
        pass

    made: dict[str, Any] = {"".join(["long", "_name"]): 1, "".join(["other", "_name"]): 2}
    assert call(f, **made) == call(f, 1, 2)


def test_calls_that_do_not_fit_have_no_key() -> None:
    def f(a: Any, b: Any, /, c: Any, *, k: Any = 0) -> None:
        pass

    assert call(f, 1, 2, 3) is not None
    unfit: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((), {}),
        ((1, 2), {}),
        ((1, 2, 3, 4), {}),
        ((1,), {"b": 2, "c": 3}),
        ((1, 2, 3), {"c": 3}),
        ((1, 2, 3), {"x": 3}),
        ((1, 2), {"k": 3}),
    ]
    for args, kwargs in unfit:
        with pytest.raises(TypeError):
            f(*args, **kwargs)
        assert call(f, *args, **kwargs) is None


def test_a_default_without_a_form_is_known_by_its_name() -> None:
    sentinel = object()

    def f(a: Any, b: Any = sentinel, c: Any = sentinel) -> None:
        pass

    assert call(f, 1) == call(f, 1) != call(f, 2)
    assert len({call(f, 1), call(f, 1, 2), call(f, 1, c=2)}) == 3
    with pytest.raises(TypeError, match="no canonical form"):
        call(f, 1, object())


def test_skipped_parameters_are_no_part_of_the_key() -> None:
    def f(a: Any, b: Any, *rest: Any, log: Any = None, **more: Any) -> None:
        pass

    assert call(f, 1, object(), skip=("b",)) == call(f, b=3, a=1, skip=("b",)) != call(f, 2, 1, skip=("b",))
    assert call(f, 1, 2, log=object(), skip=("log",)) == call(f, 1, 2, skip=("log",))
    assert call(f, 1, 2, object(), skip=("rest",)) == call(f, 1, 2, skip=("rest",))
    assert call(f, 1, 2, x=object(), skip=("more",)) == call(f, 1, 2, skip=("more",))
    assert call(f, 1, 2, x=object(), y=1, skip=("x",)) == call(f, 1, 2, y=1, skip=("x",)) != call(f, 1, 2, skip=("x",))
    with pytest.raises(TypeError, match="there is no parameter `c` to skip"):
        call(lambda a, b: None, 1, 2, skip=("c",))
    with pytest.raises(TypeError, match="cannot skip `a` of a function without a signature"):
        call(max, 1, skip=("a",))


def test_functions_without_a_signature_have_keys_of_what_is_given() -> None:
    assert call(max, 1, 2) == call(max, 1, 2) != call(max, 2, 1)
    assert call(max, [1], default=2) == call(max, [1.0], default=2) != call(max, [1], {"default": 2}) is not None
    assert call(dict, b=1, a=2) == call(dict, a=2, b=1)


def test_values_and_names_in_the_order_of_the_signature() -> None:
    def f(a: Any, b: Any = 2, *rest: Any, k: Any = 3, **more: Any) -> None:
        pass

    def bound(*args: Any, skip: tuple[str, ...] = (), **kwargs: Any) -> Any:
        return _memolith._bound(f, args, kwargs, list(skip))

    assert bound(1) == ([1, 2, 3], [])
    assert bound(b=5, a=1) == ([1, 5, 3], [])
    assert bound(1, 2, 8, 9, z=6, y=7) == ([1, 2, 8, 9, 3, 7, 6], ["y", "z"])
    assert bound(1, 2, 8, 9, z=6, y=7, skip=("b", "rest", "y")) == ([1, 3, 6], ["z"])
    assert bound() is None


def test_a_static_method_has_the_signature_of_its_function() -> None:
    method = staticmethod(lambda a, b=1: None)
    assert call(method, 1) == call(method, 1, 1) == call(method, b=1, a=1) is not None


def test_a_wrapper_has_the_signature_of_its_own_code() -> None:
    def f(a: Any, b: Any = 1) -> None:
        pass

    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        f(*args, **kwargs)

    assert call(wrapper, 1, 2, 3, x=4) is not None
    assert call(functools.partial(f, b=5), 1) == call(functools.partial(f, b=5), a=1) != call(f, 1)
