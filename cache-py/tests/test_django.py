"""`memolith.django` behaves as Django's documentation says of a cache backend, over each place for bytes."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import subprocess
import sys
import textwrap
import threading
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import CacheHandler
from django.core.cache.backends.base import BaseCache, CacheKeyWarning
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

if not settings.configured:
    settings.configure(SECRET_KEY="a secret of the tests")

PLACES = ["memory:", "sqlite:"] + (["shm:"] if sys.platform == "linux" else [])


class Point:
    """What only pickle can store."""

    def __init__(self, x: int) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and self.x == other.x

    __hash__ = None  # type: ignore[assignment]


def opened(location: str, **settings: Any) -> BaseCache:
    """A cache as Django makes it from `CACHES`."""
    return CacheHandler({"default": {"BACKEND": "memolith.django.MemolithCache", "LOCATION": location, **settings}})[
        "default"
    ]


@pytest.fixture(params=PLACES)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place of this test's own."""
    scheme: str = request.param
    return scheme if scheme == "memory:" else f"{scheme}{tmp_path}/cache.db"


@pytest.fixture
def cache(location: str) -> Iterator[BaseCache]:
    cache = opened(location, OPTIONS={"MAX_ENTRIES": 10_000})
    cache.clear()
    yield cache
    cache.clear()


def test_a_value_is_what_was_set(cache: BaseCache) -> None:
    assert cache.get("key") is None
    assert cache.get("key", "default") == "default"
    cache.set("key", "value")
    assert cache.get("key", "default") == "value"
    assert cache.has_key("key") and "key" in cache
    assert not cache.has_key("other") and "other" not in cache


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -(2**80),
        2.5,
        "Ünïcode ⚙",
        b"\x00\xff",
        [1, (2, {3}), {"four": frozenset({5})}],
        datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
        decimal.Decimal("1.50"),
        uuid.UUID(int=7),
        Point(3),
        [{"point": Point(4)}],
    ],
    ids=repr,
)
def test_any_value_comes_back_with_its_type(cache: BaseCache, value: object) -> None:
    cache.set("key", value)
    found = cache.get("key", "default")
    assert found == value and type(found) is type(value)


def test_a_stored_none_is_a_value(cache: BaseCache) -> None:
    cache.set("key", None)
    assert cache.get("key", "default") is None
    assert cache.has_key("key")
    assert cache.get_or_set("key", "other") is None
    assert cache.get_many(["key", "absent"]) == {"key": None}


def test_what_is_done_to_a_value_is_not_done_to_the_cache(cache: BaseCache) -> None:
    value = [1]
    cache.set("key", value)
    value.append(2)
    found = cache.get("key")
    assert found == [1]
    found.append(3)
    assert cache.get("key") == [1]


def test_add_leaves_what_is_there(cache: BaseCache) -> None:
    assert cache.add("key", 1) is True
    assert cache.add("key", 2) is False
    assert cache.get("key") == 1
    assert cache.delete("key") is True
    assert cache.delete("key") is False
    assert cache.add("key", 3) is True


def test_add_is_won_by_one_thread(cache: BaseCache) -> None:
    barrier, won = threading.Barrier(8), []

    def run(number: int) -> None:
        barrier.wait()
        if cache.add("key", number):
            won.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [cache.get("key")]


def test_many_at_once(cache: BaseCache) -> None:
    assert cache.set_many({"a": 1, "b": 2, "c": None}) == []
    assert cache.get_many(["a", "b", "c", "d"]) == {"a": 1, "b": 2, "c": None}
    assert cache.get_many(name for name in ("a",)) == {"a": 1}
    cache.delete_many(["a", "d"])
    assert cache.get_many(["a", "b"]) == {"b": 2}
    cache.clear()
    assert cache.get_many(["b", "c"]) == {}


def test_get_or_set_takes_a_value_or_what_makes_one(cache: BaseCache) -> None:
    calls: list[int] = []

    def compute() -> int:
        calls.append(1)
        return len(calls)

    assert cache.get_or_set("key", compute) == 1
    assert cache.get_or_set("key", compute) == 1
    assert cache.get("key") == 1
    assert cache.get_or_set("other", 5) == 5
    assert cache.get_or_set("none", None) is None and cache.has_key("none")
    assert cache.get_or_set("gone", compute, timeout=0) == 2
    assert not cache.has_key("gone")


def test_numbers_count_up_and_down(cache: BaseCache) -> None:
    cache.set("n", 41)
    assert cache.incr("n") == 42
    assert cache.incr("n", 10) == 52
    assert cache.decr("n", 2) == 50
    assert cache.decr("n", -1) == cache.get("n") == 51
    for change in (cache.incr, cache.decr, cache.incr_version, cache.decr_version):
        with pytest.raises(ValueError, match="absent"):
            change("absent")
    cache.set("text", "a")
    with pytest.raises(TypeError):
        cache.incr("text")


def test_no_increment_of_a_thread_is_lost(cache: BaseCache) -> None:
    cache.set("n", 0)

    def run() -> None:
        for _ in range(100):
            cache.incr("n")

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.get("n") == 400


@pytest.mark.parametrize("timeout", [0, -1, -1000.5])
def test_a_timeout_that_is_over_keeps_nothing(cache: BaseCache, timeout: float) -> None:
    cache.set("key", 1)
    cache.set("key", 2, timeout=timeout)
    assert cache.get("key") is None
    assert cache.add("key", 3, timeout=timeout) is True
    assert not cache.has_key("key")
    cache.set("key", 4)
    assert cache.touch("key", timeout) is True
    assert cache.get("key") is None
    assert cache.touch("key", timeout) is False


def test_values_end_with_their_timeout(cache: BaseCache) -> None:
    cache.set("short", 1, timeout=0.05)
    cache.set("long", 2, timeout=100)
    cache.set("ever", 3, timeout=None)
    cache.set("number", 4, timeout=0.05)
    cache.incr("number")
    cache.set("prolonged", 5, timeout=0.05)
    assert cache.touch("prolonged", 100) is True
    cache.set("endless", 6, timeout=0.05)
    assert cache.touch("endless", None) is True
    until(lambda: cache.get("short") is None)
    until(lambda: cache.get("number") is None)
    assert "short" not in cache and cache.add("short", 7)
    assert cache.get_many(["long", "ever", "prolonged", "endless"]) == {
        "long": 2,
        "ever": 3,
        "prolonged": 5,
        "endless": 6,
    }
    assert cache.touch("absent", 100) is False


def test_the_default_timeout_is_the_setting(location: str) -> None:
    cache = opened(location, TIMEOUT=0)
    cache.set("key", 1)
    assert cache.get("key") is None
    cache.set("key", 1, timeout=None)
    assert cache.get("key") == 1
    assert cache.touch("key") is True and cache.get("key") is None
    endless = opened(location, TIMEOUT=None)
    endless.set("key", 2)
    assert endless.get("key") == 2


def test_versions_and_prefixes_keep_keys_apart(location: str) -> None:
    one, other = opened(location, KEY_PREFIX="one"), opened(location, KEY_PREFIX="other", VERSION=2)
    one.clear()
    one.set("key", 1)
    one.set("key", 2, version=2)
    assert other.get("key") is None
    other.set("key", 3)
    assert (one.get("key"), one.get("key", version=2), other.get("key")) == (1, 2, 3)
    assert one.incr_version("key", 4) == 5
    assert one.get("key") is None and one.get("key", version=5) == 1
    assert one.decr_version("key", version=5) == 4
    assert one.get("key", version=4) == 1
    assert one.delete("key", version=2) and one.get("key", version=4) == 1


def test_a_key_function_makes_the_keys(location: str) -> None:
    cache = opened(location, KEY_FUNCTION=lambda key, prefix, version: f"{version}/{key}".lower())
    cache.set("KEY", 1)
    assert cache.get("key") == 1


def test_keys_that_memcached_refuses_are_warned_of_and_work(cache: BaseCache) -> None:
    for key in ["k" * 300, "a key"]:
        with pytest.warns(CacheKeyWarning):
            cache.set(key, key)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CacheKeyWarning)
            assert cache.get(key) == key


def test_an_entry_too_many_displaces_one(location: str) -> None:
    cache = opened(location, OPTIONS={"MAX_ENTRIES": 10, "name": "small"})
    for number in range(100):
        cache.set(str(number), number)
    left = [number for number in range(100) if cache.has_key(str(number))]
    assert 0 < len(left) <= 10 and 99 in left


def test_threads_and_closing_leave_the_cache_open(location: str) -> None:
    handler = CacheHandler({"default": {"BACKEND": "memolith.django.MemolithCache", "LOCATION": location}})
    handler["default"].set("key", 1)
    handler["default"].close()
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(handler["default"].get("key")))
    thread.start()
    thread.join()
    assert found == [1] and handler["default"].get("key") == 1


def test_tasks_have_the_same_methods(cache: BaseCache) -> None:
    async def run() -> None:
        await cache.aset("key", 1)
        assert await cache.aget("key") == 1
        assert await cache.aadd("key", 2) is False
        assert await cache.aincr("key", 2) == 3
        assert await cache.adecr("key") == 2
        assert await cache.ahas_key("key")
        assert await cache.atouch("key", 100)
        assert await cache.aincr_version("key") == 2
        assert await cache.aget_or_set("key", lambda: 5) == 5
        assert await cache.aset_many({"a": 1, "b": 2}) == []
        assert await cache.aget_many(["a", "b", "c"]) == {"a": 1, "b": 2}
        await cache.adelete_many(["a"])
        assert await cache.adelete("b") is True
        await cache.aclear()
        assert await cache.aget("key") is None
        await cache.aclose()

    asyncio.run(run())


def test_values_outlive_the_process(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        from django.conf import settings
        settings.configure(SECRET_KEY="a secret of the tests", CACHES={{"default": {{
            "BACKEND": "memolith.django.MemolithCache", "LOCATION": {f"sqlite:{tmp_path}/cache.db"!r}}}}})
        from django.core.cache import cache
        print(cache.get("number"), cache.get("date"))
        cache.set("number", 7)
        import datetime
        cache.set("date", datetime.date(2020, 1, 2))
    """)
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True) for _ in "12"]
    assert [run.stdout.strip() for run in runs] == ["None None", "7 2020-01-02"]


def test_another_secret_finds_nothing_and_can_plant_nothing(tmp_path: Path) -> None:
    location = f"sqlite:{tmp_path}/cache.db"
    faults: list[Exception] = []
    ours = opened(location, OPTIONS={"on_error": faults.append})
    ours.set("ours", Point(1))
    with override_settings(SECRET_KEY="another secret"):
        stranger = opened(location)
        assert stranger.get("ours") is None
        assert "ours" not in stranger
        assert stranger.add("ours", 1) and stranger.get("ours") == 1
        stranger.set("planted", Point(2))
        assert stranger.get("planted") == Point(2)
    assert ours.get("planted", "nothing") == "nothing"
    assert len(faults) == 1


def test_every_number_can_be_added_to(location: str) -> None:
    cache = opened(location)
    cache.set_many({"float": 1.5, "bool": True, "text": "a"})
    assert (cache.incr("float", 2), cache.decr("bool")) == (3.5, 0)
    with pytest.raises(TypeError):
        cache.incr("text")


def test_plain_codecs_are_left_unsigned(location: str) -> None:
    cache = opened(location, OPTIONS={"codec": "json", "name": "json"})
    cache.set("key", {"a": [1, 2.5, None]})
    assert cache.get("key") == {"a": [1, 2.5, None]}


def test_an_option_that_there_is_not_is_refused(location: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="max_entries"):
        opened(location, OPTIONS={"max_entries": 10})
    with pytest.raises(ValueError):
        opened("nowhere://cache")


def until(condition: Any) -> None:
    """Waits for what time alone brings about.

    Raises:
        TimeoutError: it has not come about after ten seconds.
    """
    event = threading.Event()
    for _ in range(1000):
        if condition():
            return
        event.wait(0.01)
    raise TimeoutError("ten seconds were not enough")
