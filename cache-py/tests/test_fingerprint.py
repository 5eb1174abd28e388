"""A function that does something else has another space; one that stands elsewhere has the same."""

from __future__ import annotations

import functools
import itertools
import operator
import pathlib
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import memolith
import pytest
from memolith import _memolith

space: Callable[..., str] = _memolith._space


def fingerprint(function: Any) -> str:
    name, _, fingerprint = space(function, "name").partition("@")
    assert name == "name" and len(fingerprint) == 16
    return fingerprint


def made(source: str, file: str = "file.py") -> Any:
    scope: dict[str, Any] = {"__name__": "module"}
    exec(compile(textwrap.dedent(source), file, "exec"), scope)
    return scope["f"]


SOURCES = """
def f(x): return x + 1
---
def f(x): return x + 2
---
def f(x): return x + 1.0
---
def f(x): return x + True
---
def f(x): return x - 1
---
def f(x): return len(x)
---
def f(x): return sum(x)
---
def f(x): return x.real
---
def f(x): return x.imag
---
def f(x, y=1): return x + 1
---
def f(x, y=1.0): return x + 1
---
def f(x, y=0.0): return x + 1
---
def f(x, y=-0.0): return x + 1
---
def f(x, y=(1, 2)): return x + 1
---
def f(x, y=(1, 2.0)): return x + 1
---
def f(x, y=[]): return x + 1
---
def f(x, y=len): return x + 1
---
def f(x, y=sum): return x + 1
---
def f(x, y=int): return x + 1
---
def f(x, *, y=1): return x + 1
---
def f(x, *, y=2): return x + 1
---
def f(x, /): return x + 1
---
def f(*x): return x + 1
---
def f(**x): return x + 1
---
def f(z): return z + 1
---
async def f(x): return x + 1
---
def f(x): yield x + 1
---
def f(x): return (lambda: x + 1)()
---
def f(x): return (lambda: x + 2)()
---
def f(x): return (lambda y=1: x + y)()
---
def f(x):
    def g():
        return [x for _ in (1, 2)]
    return g()
---
def f(x):
    def g():
        return [x for _ in (1, 3)]
    return g()
---
def f(x): return x in {1, 2}
---
def f(x): return x in {1, 3}
---
def f(x): return x in {1.0, 2}
---
def f(x): return "a"
---
def f(x): return b"a"
---
def f(x):
    try:
        return x
    except ValueError:
        return 1
---
def f(x):
    try:
        return x
    except TypeError:
        return 1
---
def f(x): return -0.0
---
def f(x): return 0.0
---
def f(x): return -0j
---
def f(x): return 0j
---
def outer(k):
    def f(x): return x + k
    return f
f = outer(1)
---
def outer(k):
    def f(x): return x + k
    return f
f = outer(True)
---
def outer(k):
    def f(x): return x + k
    return f
f = outer([1, {2: "a"}])
---
def outer(k):
    def f(x): return x + k
    return f
f = outer([1, {2: "b"}])
---
def outer(k):
    def f(x): return x + k
    return f
f = outer({1, "a"})
---
def outer(k):
    def f(x): return x + k
    return f
f = outer(frozenset({1, "a"}))
---
def outer(k):
    def f(x): return x + k
    return f
f = outer(lambda: 1)
---
def outer(k):
    def f(x): return x + k
    return f
f = outer(lambda: 2)
---
def outer(k):
    def f(x): return x + k
    return f
f = outer({"a": 1, "b": 2})
---
def outer(k):
    def f(x): return x + k
    return f
f = outer({"b": 2, "a": 1})
---
import functools
f = functools.partial(int, base=2)
---
import functools
f = functools.partial(int, base=3)
---
import functools
f = functools.partial(pow, 2)
---
def outer():
    def f(x): return x and f(x - 1)
    return f
f = outer()
---
def outer():
    def f(x): return x and f(x - 2)
    return f
f = outer()
---
def outer():
    def f(x): return x and unset
    return f
    unset = 1
f = outer()
---
len_ = len
f = len
---
f = sum
""".split("---\n")


def test_what_changes_a_function_changes_its_fingerprint() -> None:
    prints = [fingerprint(made(source)) for source in SOURCES]
    alike = [
        (SOURCES[one], SOURCES[two])
        for one, two in itertools.combinations(range(len(SOURCES)), 2)
        if prints[one] == prints[two]
    ]
    assert not alike


@pytest.mark.parametrize("source", SOURCES)
def test_where_a_function_stands_and_what_is_said_about_it_changes_nothing(source: str) -> None:
    commented = "# A comment.\n\n\n" + "".join(f"{line}  # Why.\n\n" for line in source.splitlines())
    assert fingerprint(made(source)) == fingerprint(made(commented, "elsewhere/other.py"))


def test_running_a_function_changes_nothing() -> None:
    f = made("""
        def f(x):
            total = 0
            for number in range(x):
                total += number * 2
            return [total for _ in range(2)]
        """)
    before = fingerprint(f)
    for _ in range(100):
        f(100)
    assert fingerprint(f) == before


def test_tracing_changes_nothing() -> None:
    f = made("def f(x): return [x + y for y in range(x)]")
    before = fingerprint(f)
    old = sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        f(3)
        assert fingerprint(f) == before
    finally:
        sys.settrace(old)


def test_functions_that_call_each_other_through_their_closures() -> None:
    source = """
        def outer(step):
            def odd(x): return x and even(x - step)
            def even(x): return not x or odd(x - {})
            return odd
        f = outer(1)
    """
    assert fingerprint(made(source.format(1))) == fingerprint(made(source.format(1)))
    assert fingerprint(made(source.format(1))) != fingerprint(made(source.format(2)))


def test_a_recursive_function_behind_its_decorator() -> None:
    source = """
        import functools
        def outer():
            @functools.lru_cache
            def f(x): return x and f(x - {})
            return f
        f = outer()
    """
    f, g = (made(source.format(step)) for step in (1, 2))
    assert fingerprint(f.__wrapped__) == fingerprint(made(source.format(1)).__wrapped__) != fingerprint(g.__wrapped__)


def test_a_wrapper_is_what_it_wraps() -> None:
    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any) -> Any:
            return function(*args)

        return wrapper

    assert fingerprint(decorated(lambda: 1)) != fingerprint(decorated(lambda: 2))


class Power:
    def __init__(self, exponent: int) -> None:
        self.exponent = exponent

    def __call__(self, x: int) -> int:
        return int(x**self.exponent)

    def method(self, x: int) -> int:
        return x

    def parent(self, x: int) -> str:
        # A cell that holds the class.
        return super().__repr__()

    @classmethod
    def of_class(cls, x: int) -> int:
        return x


class Keyed(Power):
    def __memolith_key__(self) -> int:
        return self.exponent


def test_methods_are_their_function_and_their_object() -> None:
    assert fingerprint(Keyed(1).method) == fingerprint(Keyed(1).method) != fingerprint(Keyed(2).method)
    assert fingerprint(Power.method) != fingerprint(Power.parent)
    assert fingerprint(Power.of_class) != fingerprint(Keyed.of_class)
    assert fingerprint("a".join) != fingerprint("b".join)


@pytest.mark.parametrize("held", [Power(1), object(), sys.stdout, iter([])], ids=lambda held: type(held).__name__)
def test_what_says_nothing_about_itself_asks_for_a_version(held: Any) -> None:
    def closure() -> Any:
        return held

    def default(x: Any = held) -> Any:
        return x

    def nested(x: Any = ([held],)) -> Any:
        return x

    for function in (closure, default, nested, functools.partial(print, held)):
        with pytest.raises(TypeError, match='give version=".."'):
            space(function)
        assert space(function, version="2").endswith("@v:2")


def test_callable_objects_and_classes_ask_for_a_version() -> None:
    for function in (Power(1), Power):
        with pytest.raises(TypeError, match='give version=".."'):
            space(function)
    assert space(Power(1), version="1") == f"python:{__name__}.Power@v:1"


def test_a_partial_in_the_name_of_its_function_is_the_partial() -> None:
    def named(step: int) -> Any:
        return functools.update_wrapper(functools.partial(pow, step), module_level)

    assert fingerprint(named(1)) == fingerprint(named(1)) != fingerprint(named(2))


def test_a_method_behind_a_wrapper_is_its_object_too() -> None:
    class Wrapped(Power):
        @functools.wraps(Power.__call__)
        def method(self, x: int) -> int:
            return super().method(x)

    with pytest.raises(TypeError, match='give version=".."'):
        fingerprint(Wrapped(1).method)


def test_a_callable_object_is_not_what_it_wraps() -> None:
    with pytest.raises(TypeError, match='give version=".."'):
        fingerprint(functools.update_wrapper(Power(1), module_level))


def test_classes_of_one_name_ask_for_a_version() -> None:
    def outer(step: int) -> Any:
        class Local:
            def __call__(self) -> int:
                return step

        return lambda: Local()()

    with pytest.raises(TypeError, match='give version=".."'):
        fingerprint(outer(1))


def test_how_keys_are_made_is_a_part_of_it(tmp_path: pathlib.Path) -> None:
    def kept(**options: Any) -> Any:
        return memolith.lru_cache(backend=f"sqlite:{tmp_path}/keys.db", memory=0, **options)(both)

    tens, ones = kept(key=lambda a, b: a // 10), kept(key=lambda a, b: a % 10)
    assert (tens(35, 0), ones(23, 0)) == ((35, 0), (23, 0))
    assert (kept(skip="a")(1, 2), kept(skip="b")(2, 5)) == ((1, 2), (2, 5))


def test_keys_of_the_standard_library_tell_what_they_do() -> None:
    def by(key: Any) -> str:
        return fingerprint(lambda: key)

    keys = [operator.itemgetter(0), operator.itemgetter(1), operator.attrgetter("a"), str.lower, str.upper, str.__len__]
    assert len({by(key) for key in keys}) == len(keys)
    assert by(operator.itemgetter(0)) == by(operator.itemgetter(0))


def test_a_closure_that_holds_itself_asks_for_a_version() -> None:
    ring: list[Any] = []
    ring.append(ring)

    def f() -> Any:
        return ring

    with pytest.raises(TypeError, match='give version=".."'):
        space(f)


def module_level() -> None:
    pass


def both(a: int, b: int) -> tuple[int, int]:
    return a, b


def test_names_of_spaces() -> None:
    def local() -> None:
        pass

    print_of = fingerprint(module_level)
    here = f"python:{__name__}"
    assert space(module_level) == f"{here}.module_level@{print_of}"
    assert space(module_level, version="3") == f"{here}.module_level@v:3"
    assert space(module_level, "prices") == f"prices@{print_of}"
    assert space(module_level, "prices", "3") == "prices@v:3"
    assert space(local, version="1") == f"{here}.test_names_of_spaces.<locals>.local@v:1"
    assert space(Power.method, version="1") == f"{here}.Power.method@v:1"
    assert space(functools.partial(module_level), version="1") == f"{here}.module_level@v:1"
    assert space(len, version="1") == "python:len@v:1"


def run(command: list[str], **options: Any) -> list[str]:
    shown: str = subprocess.run(
        [sys.executable, *command], check=True, capture_output=True, text=True, **options
    ).stdout
    return shown.splitlines()


SCRIPT = f"""
import sys
sys.path[:0] = {sys.path!r}
from memolith import _memolith
def f(x): return x in {{"a", "b", "c"}}
print(_memolith._space(f))
"""


def test_scripts_are_told_apart_by_their_files(tmp_path: pathlib.Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    for file in (one, two):
        file.write_text(SCRIPT, encoding="utf-8")
    (first,) = run([str(one)])
    (relative,) = run(["one.py"], cwd=tmp_path)
    (second,) = run([str(two)])
    (command,) = run(["-c", SCRIPT])
    assert first == relative and first.startswith(f"python:{one}.f@")
    assert second.startswith(f"python:{two}.f@")
    assert command.startswith("python:f@")
    assert len({space.rpartition("@")[2] for space in (first, second, command)}) == 1


def test_hash_seeds_change_nothing(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "seeded.py"
    file.write_text(SCRIPT, encoding="utf-8")
    assert len({run([str(file)], env={"PYTHONHASHSEED": seed})[0] for seed in ("1", "2", "3")}) == 1


def test_children_of_multiprocessing_have_the_same_spaces(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "spawning.py"
    file.write_text(
        SCRIPT.replace("print(_memolith._space(f))", "") + textwrap.dedent("""
            import enum, multiprocessing
            class Color(enum.Enum):
                RED = 1
            def show(_):
                return _memolith._space(f), _memolith._canonical(Color.RED).hex()
            if __name__ == "__main__":
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    print(*pool.map(show, [0])[0])
                print(*show(0))
            """),
        encoding="utf-8",
    )
    child, parent = run([str(file)])
    assert child == parent
