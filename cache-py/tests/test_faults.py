"""What goes wrong behind a cached function is told, and never its caller's problem."""

from __future__ import annotations

import logging
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import memolith
import pytest
from memolith import CacheError, lru_cache


class Told(list[CacheError]):
    """A listener that remembers."""

    def __call__(self, error: Exception) -> None:
        assert isinstance(error, CacheError)
        self.append(error)

    @property
    def kinds(self) -> list[str]:
        return [error.kind for error in self]


def double(x: int) -> list[int]:
    return [x * 2]


def test_a_url_that_names_nothing_is_seen_at_once() -> None:
    with pytest.raises(ValueError, match="no backend for `mysql:`"):
        lru_cache(backend="mysql://localhost")(double)
    with pytest.raises(ValueError, match="starts with a scheme"):
        lru_cache(backend="cache.db")(double)
    with pytest.raises(TypeError, match="`backend` is a URL"):
        lru_cache(backend=3)(double)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="no backend for `mysql:`"):
        memolith.open("mysql://localhost")


def test_a_place_that_is_refused_is_seen_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ValueError, match="cannot be made"):
        lru_cache(backend=f"sqlite:{tmp_path / 'file' / 'cache.db'}")(double)


def test_a_place_that_cannot_be_reached_costs_nothing_but_time(tmp_path: Path) -> None:
    told = Told()
    f = lru_cache(backend=f"sqlite:{tmp_path / 'cache.db'}", on_error=told)(double)
    (tmp_path / "cache.db").mkdir()
    first = f(1)
    assert first == [2]
    assert f(1) is first
    info = f.cache_info()
    assert info[:2] == (1, 1)
    assert info.errors == len(told) > 0
    assert set(told.kinds) <= {"config", "unavailable"}


def test_a_place_that_heals_is_used(tmp_path: Path) -> None:
    told = Told()
    f = lru_cache(backend=f"sqlite:{tmp_path / 'cache.db'}", on_error=told, memory=0)(double)
    (tmp_path / "cache.db").mkdir()
    assert f(1) == [2]
    assert told
    (tmp_path / "cache.db").rmdir()
    # It is tried again every second.
    end = time.monotonic() + 60
    while f.cache_info().backend_hits == 0 and time.monotonic() < end:
        assert f(1) == [2]
    assert f.cache_info().backend_hits == 1


def test_a_file_of_something_else_is_set_aside(tmp_path: Path) -> None:
    foreign = b"these are not the pages of a database" * 100
    (tmp_path / "cache.db").write_bytes(foreign)
    f = lru_cache(backend=f"sqlite:{tmp_path / 'cache.db'}", on_error=Told())(double)
    assert f(1) == [2]
    assert f.cache_info()[:2] == (0, 1)
    assert foreign in [file.read_bytes() for file in tmp_path.iterdir()]


def test_damaged_records_are_computed_anew(tmp_path: Path) -> None:
    place = f"sqlite:{tmp_path / 'cache.db'}"
    f = lru_cache(backend=place, memory=0, on_error=(told := Told()))(double)
    assert [f(x) for x in range(5)] == [[x * 2] for x in range(5)]
    for damage in ["randomblob(length(value))", "x''", "substr(value, 1, length(value) - 1)", "'text'", "NULL"]:
        with sqlite3.connect(tmp_path / "cache.db") as database:
            try:
                database.execute(f"UPDATE entries SET value = {damage}")
            except sqlite3.IntegrityError:
                continue
        database.close()
        assert [f(x) for x in range(5)] == [[x * 2] for x in range(5)], damage
        assert [f(x) for x in range(5)] == [[x * 2] for x in range(5)], damage
    assert "damaged" in told.kinds
    info = f.cache_info()
    assert info.errors >= len(told) > 0


class Fickle:
    """A codec that refuses as long as it is told to."""

    def __init__(self) -> None:
        self.refuses = False

    def encode(self, value: object) -> bytes:
        if self.refuses:
            raise RuntimeError("planned")
        return repr(value).encode()

    def decode(self, data: bytes) -> Any:
        if self.refuses:
            raise RuntimeError("planned")
        return eval(bytes(data))


def test_a_value_that_does_not_decode_is_computed_anew_and_replaced(tmp_path: Path) -> None:
    place, codec, told = f"sqlite:{tmp_path / 'cache.db'}", Fickle(), Told()
    f = lru_cache(backend=place, memory=0, codec=codec, on_error=told)(double)
    assert f(1) == [2]
    codec.refuses = True
    assert f(1) == [2]
    assert "planned" in str(told[0])
    assert isinstance(told[0].__cause__, RuntimeError)
    codec.refuses = False
    told.clear()
    assert f(1) == [2]
    info = f.cache_info()
    assert info.hits + info.misses == 3
    assert told == []


def test_a_value_without_bytes_stays_in_memory(tmp_path: Path) -> None:
    told = Told()
    f = lru_cache(backend=f"sqlite:{tmp_path / 'cache.db'}", on_error=told)(lambda x: object())
    first = f(1)
    assert f(1) is first
    assert told.kinds == ["codec"]
    assert isinstance(told[0].__cause__, TypeError)
    assert f.cache_info()[:2] == (1, 1)


def test_without_a_listener_faults_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    f = lru_cache(backend=f"sqlite:{tmp_path / 'cache.db'}")(lambda x: object())
    with caplog.at_level(logging.WARNING, logger="memolith"):
        f(1)
    assert [record.name for record in caplog.records] == ["memolith"]
    assert "no form in bytes" in caplog.text


def test_a_listener_that_raises_is_heard_by_the_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unraisable: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda hooked: unraisable.append(hooked.exc_value))

    def listen(error: Exception) -> None:
        raise LookupError("planned")

    f = lru_cache(backend=f"sqlite:{tmp_path / 'cache.db'}", on_error=listen)(lambda x: object())
    f(1)
    assert [type(error) for error in unraisable] == [LookupError]


def test_a_function_that_cannot_be_told_from_others_stays_in_memory(tmp_path: Path) -> None:
    place, told = f"sqlite:{tmp_path / 'cache.db'}", Told()
    secret = object()
    f = lru_cache(backend=place, on_error=told)(lambda x: [x, secret])
    first = f(1)
    assert f(1) is first
    assert told.kinds == ["config"]
    assert f.cache_info() == (1, 1, 128, 1)


def test_a_second_function_of_one_name_stays_in_memory(tmp_path: Path) -> None:
    place, told = f"sqlite:{tmp_path / 'cache.db'}", Told()

    def one(x: int) -> str:
        return "one"

    def other(x: int) -> str:
        return "other"

    f = lru_cache(backend=place, name="taken", version="1", on_error=told)(one)
    g = lru_cache(backend=place, name="taken", version="1", on_error=told)(other)
    assert [f(1), g(1), f(1), g(1)] == ["one", "other", "one", "other"]
    assert told.kinds == ["config"]
    assert "another `name`" in str(told[0])
    # The same function may be decorated again.
    again = lru_cache(backend=place, name="taken", version="1", on_error=told)(one)
    assert again(1) == "one"
    assert again.cache_info().backend_hits == 1
    assert len(told) == 1


def test_invalidation_that_fails_is_raised(tmp_path: Path) -> None:
    f = lru_cache(backend=f"sqlite:{tmp_path / 'cache.db'}", on_error=Told())(double)
    (tmp_path / "cache.db").mkdir()
    f(1)
    with pytest.raises(CacheError):
        f.invalidate(1)
    with pytest.raises(CacheError):
        f.cache_clear()


def test_a_signature_that_is_wrong_is_a_miss(tmp_path: Path) -> None:
    place, told = f"sqlite:{tmp_path / 'cache.db'}", Told()
    calls: list[int] = []

    def f(x: int) -> int:
        calls.append(x)
        return x

    for sign in [b"a secret of sixteen bytes", b"another secret of theirs"]:
        signed = lru_cache(backend=place, name="signed", version="1", sign=sign, on_error=told)(f)
        assert signed(1) == 1
        assert signed(1) == 1
    assert calls == [1, 1]
    assert told.kinds == ["codec"]


def test_methods_of_two_objects_are_two_functions(tmp_path: Path) -> None:
    class Scaled:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        def by(self, x: int) -> int:
            return x * self.factor

    faults: list[Exception] = []
    options: dict[str, Any] = {"backend": f"sqlite:{tmp_path}/cache.db", "version": 1, "on_error": faults.append}
    twice, thrice = (lru_cache(**options)(Scaled(factor).by) for factor in (2, 3))
    assert (twice(5), thrice(5)) == (10, 15)
    assert "give one of them another `name`" in str(faults[0])


class Interrupted:
    """Values whose handler is interrupted, as by Ctrl-C."""

    name = "tests.Interrupted"
    encoding: BaseException | None = None
    decoding: BaseException | None = None

    def handles(self, value: object) -> bool:
        return isinstance(value, Interrupted)

    def encode(self, value: Interrupted) -> bytes:
        if self.encoding is not None:
            raise self.encoding
        return b""

    def decode(self, data: bytes) -> Interrupted:
        if self.decoding is not None:
            raise self.decoding
        return Interrupted()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_who_interrupts_a_handler_ends_the_call(tmp_path: Path, interrupt: type[BaseException]) -> None:
    handler = Interrupted()
    memolith.register_handler(handler)
    try:
        function = lru_cache(backend=f"sqlite:{tmp_path}/cache.db", memory=0, version=1)(lambda x: Interrupted())
        cache = memolith.Cache[int, Interrupted](backend=f"sqlite:{tmp_path}/cache.db", memory=0)
        function(1)
        cache[1] = Interrupted()
        handler.encoding, handler.decoding = interrupt(), interrupt()
        for call in (lambda: function(1), lambda: function(2), lambda: cache[1], lambda: cache.set(2, Interrupted())):
            with pytest.raises(interrupt):
                call()
        with pytest.raises(interrupt):
            cache.items()
        handler.encoding = handler.decoding = None
        assert isinstance(function(2), Interrupted)
    finally:
        memolith.unregister_handler(handler.name)


def test_a_library_that_panics_in_a_handler_is_a_fault_like_others(tmp_path: Path) -> None:
    handler = Interrupted()
    faults: list[Exception] = []
    memolith.register_handler(handler)
    try:
        options: dict[str, Any] = {"backend": f"sqlite:{tmp_path}/cache.db", "version": 1, "on_error": faults.append}
        function = lru_cache(memory=0, **options)(lambda x: Interrupted())
        handler.encoding = type("PanicException", (BaseException,), {})()
        assert isinstance(function(1), Interrupted)
        assert len(faults) == 1
    finally:
        memolith.unregister_handler(handler.name)
