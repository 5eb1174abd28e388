"""Functions and caches before a server of Redis."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import memolith
import pytest
from memolith import Cache, lru_cache
from servers import Server, server


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    """The server of all tests that leave it as it is."""
    with server() as it:
        yield it


def passed(condition: Any) -> bool:
    """Whether it becomes true; nothing else tells that time has passed."""
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(condition())


def test_results_outlive_the_process(shared: Server) -> None:
    code = f"""
from memolith import lru_cache

@lru_cache(1_000, backend={shared.url!r}, name="outlive", version="1", ttl="1h")
def double(number):
    print("computing", number)
    return [number, 2 * number]

assert double(4) == [4, 8]
"""
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(2)]
    assert [(run.returncode, run.stdout, run.stderr) for run in runs] == [(0, "computing 4\n", ""), (0, "", "")]


def test_the_server_keeps_the_bound(shared: Server) -> None:
    @lru_cache(10, backend=shared.url, name="bound", memory=0)
    def double(number: int) -> int:
        return 2 * number

    assert [double(number) for number in range(100)] == [2 * number for number in range(100)]
    info = double.cache_info()
    assert (info.currsize, info.misses, info.errors) == (10, 100, 0)
    assert [double(number) for number in range(90, 100)] == [2 * number for number in range(90, 100)]
    assert double.cache_info().backend_hits == 10


def test_tasks_compute_once(shared: Server) -> None:
    asked = []

    @lru_cache(None, backend=shared.url, name="tasks", wait="2s")
    async def double(number: int) -> int:
        asked.append(number)
        await asyncio.sleep(0)
        return 2 * number

    async def main() -> list[int]:
        return await asyncio.gather(*(double(number % 3) for number in range(30)))

    assert asyncio.run(main()) == [0, 2, 4] * 10
    assert sorted(asked) == [0, 1, 2]


def test_one_backend_for_many(shared: Server) -> None:
    backend = memolith.open(f"{shared.url}&prefix=many")
    names: Cache[str, int] = Cache(backend=backend, name="names", ttl="1h")
    names["anna"] = 1
    names.set("bert", 2, ttl=60)
    others: Cache[str, int] = Cache(backend=f"{shared.url}&prefix=many", name="names", ttl="1h")
    assert dict(others.items()) == {"anna": 1, "bert": 2}
    assert others.pop("anna") == 1
    assert passed(lambda: "anna" not in names)
    apart: Cache[str, int] = Cache(backend=f"{shared.url}&prefix=apart", name="names")
    assert len(apart) == 0


def test_what_is_removed_leaves_the_memory_of_others(shared: Server) -> None:
    caches: list[Cache[str, int]] = [Cache(backend=f"{shared.url}&prefix=removed") for _ in range(2)]
    ours, theirs = caches
    ours["key"] = 1
    assert passed(lambda: theirs.get("key") == 1)
    del ours["key"]
    assert passed(lambda: "key" not in theirs)


def test_an_outage_is_not_felt() -> None:
    told: list[Exception] = []
    with server() as it:

        @lru_cache(100, backend=it.url, on_error=told.append, memory=0)
        def double(number: int) -> int:
            return 2 * number

        assert (double(1), double(1), double.cache_info().backend_hits) == (2, 2, 1)
        it.kill()
        assert [double(number) for number in range(50)] == [2 * number for number in range(50)]
        assert told and all(str(it.port) not in str(error) for error in told)
        it.start()

        def is_used() -> bool:
            before = double.cache_info().backend_hits
            return double(1) == 2 and double.cache_info().backend_hits > before

        assert passed(is_used)


def test_urls_that_mean_nothing_are_refused_without_their_secrets() -> None:
    for url in ["redis://:secret@host?what=secret", "redis://user:secret@", "redis+secret://host"]:
        with pytest.raises(ValueError) as refused:
            memolith.open(url)
        assert "secret" not in str(refused.value).replace("redis+secret", "")
    assert "secret" not in repr(memolith.open("redis://:secret@host"))


URLS = ["memory:", "redis"]


@pytest.fixture(params=URLS)
def url(request: pytest.FixtureRequest, shared: Server) -> str:
    """Where results are that grow old."""
    return shared.url if request.param == "redis" else request.param


def test_an_old_result_is_served_where_a_new_one_fails(url: str) -> None:
    fails = False

    @lru_cache(None, backend=url, name="fails", ttl=0.3, stale="1h", early_refresh=True, jitter=0.1)
    def headline(section: str) -> str:
        if fails:
            raise OSError("nobody answers")
        return f"news of {section}"

    assert headline("world") == "news of world"
    fails = True
    time.sleep(0.4)
    assert headline("world") == "news of world"
    assert headline.cache_info().stale == 1
    with pytest.raises(OSError, match="nobody answers"):
        headline("sports")
    headline.invalidate("world")
    with pytest.raises(OSError, match="nobody answers"):
        headline("world")


def test_who_interrupts_is_not_answered_with_an_old_result(url: str) -> None:
    interrupts = False

    @lru_cache(None, backend=url, name="interrupts", ttl=0.2, stale="1h")
    def headline(section: str) -> str:
        if interrupts:
            raise KeyboardInterrupt
        return f"news of {section}"

    headline("world")
    interrupts = True
    time.sleep(0.3)
    with pytest.raises(KeyboardInterrupt):
        headline("world")


def test_threads_do_not_wait_for_who_computes_anew(url: str) -> None:
    began, goes_on = threading.Event(), threading.Event()
    goes_on.set()
    count = 0

    @lru_cache(None, backend=url, name="threads", ttl=0.2, stale="1h")
    def headline(section: str) -> str:
        nonlocal count
        count += 1
        began.set()
        assert goes_on.wait(60)
        return f"{section}, number {count}"

    assert headline("world") == "world, number 1"
    time.sleep(0.3)
    began.clear()
    goes_on.clear()
    refreshed: list[str] = []
    thread = threading.Thread(target=lambda: refreshed.append(headline("world")))
    thread.start()
    assert began.wait(60)
    assert [headline("world") for _ in range(5)] == ["world, number 1"] * 5
    goes_on.set()
    thread.join()
    assert refreshed == ["world, number 2"]


def test_tasks_do_not_wait_for_who_computes_anew(url: str) -> None:
    count, fails = 0, False
    goes_on = asyncio.Event()

    @lru_cache(None, backend=url, name="async", ttl=0.2, stale="1h")
    async def headline(section: str) -> str:
        nonlocal count
        count += 1
        if fails:
            raise OSError("nobody answers")
        await goes_on.wait()
        return f"{section}, number {count}"

    async def main() -> None:
        nonlocal goes_on, fails
        goes_on = asyncio.Event()
        goes_on.set()
        assert await headline("world") == "world, number 1"
        await asyncio.sleep(0.3)
        goes_on.clear()
        refresh = asyncio.create_task(headline("world"))
        assert await asyncio.wait_for(_begun(lambda: count == 2), 60)
        assert [await headline("world") for _ in range(5)] == ["world, number 1"] * 5
        goes_on.set()
        assert await refresh == "world, number 2"
        await asyncio.sleep(0.3)
        fails = True
        assert await headline("world") == "world, number 2"
        assert count == 3

    asyncio.run(main())
    assert headline.cache_info().stale == 6


async def _begun(condition: Any) -> bool:
    while not condition():
        await asyncio.sleep(0)
    return True


@pytest.mark.parametrize(
    "options",
    [
        {"stale": "1h"},
        {"jitter": 0.1, "tti": 5},
        {"ttl": 5, "jitter": 1.5},
        {"ttl": 5, "jitter": 0},
        {"ttl": 5, "early_refresh": -1.0},
        {"ttl": 5, "early_refresh": float("nan")},
        {"ttl": 5, "stale": 0},
        {"ttl": 5, "stale": 5, "single_flight": False},
        {"ttl": 5, "stale": 5, "backend": None},
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        lru_cache(None, **{"backend": "memory:", **options})(len)
    lru_cache(None, ttl=5, early_refresh=False)(len)


def test_a_tag_ends_what_was_made_from_it(url: str) -> None:
    backend = memolith.open(url)
    asked: list[str] = []

    @lru_cache(None, backend=backend, name="tagged", version="1", tags=lambda page, user, **_: [f"user:{user}", page])
    def page(user: int, *, kind: str = "plain") -> str:
        asked.append(kind)
        return f"{kind} page of {user}"

    @lru_cache(None, backend=backend, name="tagged too", version="1", tags=lambda page, user: {f"user:{user}"})
    async def name(user: int) -> str:
        asked.append("name")
        return f"name of {user}"

    near: Cache[int, str] = Cache()
    near.set(1, "near", tags=["user:5"])
    stored: Cache[str, str] = Cache(backend=backend, name="entries")
    stored.set("anna", "5", tags=["user:5"])
    stored.set("bert", "6", tags=["user:6"])

    def ask() -> None:
        assert (page(5), page(6, kind="rich")) == ("plain page of 5", "rich page of 6")
        assert asyncio.run(_all(name(5), name(6))) == ["name of 5", "name of 6"]

    ask()
    ask()
    assert sorted(asked) == ["name", "name", "plain", "rich"]
    memolith.invalidate_tag("user:5")
    assert (page.get(5), page.get(6, kind="rich"), name.get(5)) == (None, "rich page of 6", None)
    assert (1 in near, "anna" in stored, stored["bert"]) == (False, False, "6")
    assert stored.items() == [("bert", "6")]
    ask()
    assert sorted(asked) == ["name", "name", "name", "plain", "plain", "rich"]
    memolith.invalidate_tag("rich page of 6")
    assert (page.get(5), page.get(6, kind="rich")) == ("plain page of 5", None)


async def _all(*calls: Any) -> list[Any]:
    return await asyncio.gather(*calls)


def test_a_tag_of_one_cache_is_no_others(url: str) -> None:
    backend = memolith.open(url)
    caches: list[Cache[str, int]] = [Cache(backend=backend, name=name) for name in ("one cache", "other cache")]
    one, other = caches
    for cache in caches:
        cache.set("a", 1, tags=["red", "round"])
        cache.set("b", 2, tags=["blue"])
        cache["c"] = 3
    assert one.invalidate_tag("red") == (None if url.startswith("redis") else 1)
    assert (sorted(one.items()), sorted(other.items())) == ([("b", 2), ("c", 3)], [("a", 1), ("b", 2), ("c", 3)])
    assert one.touch("b", 60) and "b" in one
    one.invalidate_tag("blue")
    assert one.keys() == ["c"]
    assert one.get_or_insert("b", lambda: 4, tags=["blue"]) == 4
    assert sorted(one.items()) == [("b", 4), ("c", 3)]


def test_a_tag_reaches_other_processes(shared: Server) -> None:
    code = f"""
import memolith
entries = memolith.Cache(backend={shared.url!r}, name="processes")
assert sorted(entries.items()) == [("a", 1), ("b", 2)], entries.items()
memolith.invalidate_tag("red")
assert entries.items() == [("b", 2)]
"""
    entries: Cache[str, int] = Cache(backend=shared.url, name="processes")
    entries.set("a", 1, tags=["red"])
    entries.set("b", 2, tags=["blue"])
    assert sorted(entries.items()) == [("a", 1), ("b", 2)]
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert passed(lambda: "a" not in entries)
    assert entries.items() == [("b", 2)]


def test_what_gives_no_tags_is_an_error() -> None:
    for tags, error in [(lambda _: "text", TypeError), (lambda _: [1], TypeError), (lambda: [], TypeError)]:
        cached = lru_cache(backend="memory:", tags=tags)(lambda: 1)
        with pytest.raises(error):
            cached()
    with pytest.raises(ValueError, match="`tags` needs a `backend`"):
        lru_cache(tags=lambda _: [])(len)


if hasattr(os, "fork"):

    def in_children(code: str, url: str, count: int) -> None:
        """Runs `code`, which calls `fork` with what a child of it has to do, in a process of its own."""
        before = """
import os, signal, sys, threading, time, warnings
import memolith
from memolith import Cache, lru_cache

warnings.simplefilter("ignore")

def fork(job):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            job()
            os._exit(0)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended == 0, f"the child ended with {ended}"
"""
        program = [sys.executable, "-c", before + code, url, str(count)]
        run = subprocess.run(program, capture_output=True, text=True, timeout=120)
        assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")

    def test_a_fork_does_not_wait_for_locks_of_threads_it_has_not_got(shared: Server) -> None:
        code = """
backend = memolith.open(sys.argv[1])
over = threading.Event()

def function(name, maxsize=None):
    return lru_cache(maxsize, backend=backend, name=name, version="1", memory=0, wait="2s")(lambda number: number + 1)

# Some with a bound, in which room is lent.
busy, own = [function(f"forks{number}", [None, 2048][number % 2]) for number in range(4)], function("own")
assert own(0) == 1

def work(ask):
    at = 0
    while not over.is_set():
        at += 1
        assert ask(at % 50) == at % 50 + 1
        if at % 20 == 0:
            ask.cache_clear()

threads = [threading.Thread(target=work, args=(ask,), daemon=True) for ask in busy]
[thread.start() for thread in threads]

def job():
    # What it puts before it hears of others is not kept.
    while own.get(1) is None:
        assert own(1) == 2
    own.cache_clear()
    assert own.get(1) is None and own(os.getpid()) == os.getpid() + 1
    assert own.cache_info().errors == 0, "the server is reached"

for _ in range(int(sys.argv[2])):
    fork(job)
over.set()
[thread.join() for thread in threads]
print("done")
"""
        in_children(code, f"{shared.url}&prefix=forks", 50)

    def test_a_fork_hears_what_its_parent_removes(shared: Server) -> None:
        code = """
entries = Cache(backend=sys.argv[1], name="heard")
for round in range(int(sys.argv[2])):
    entries["key"] = round
    assert entries["key"] == round
    (there, go), (heard, said) = os.pipe(), os.pipe()

    def job():
        # It listens when it has asked the server for something.
        assert "nothing" not in entries and entries["key"] == round
        os.write(said, b"x")
        os.read(there, 1)
        end = time.monotonic() + 10
        while "key" in entries and time.monotonic() < end:
            time.sleep(0.001)
        assert "key" not in entries

    def remove():
        os.read(heard, 1)
        del entries["key"]
        os.write(go, b"x")

    remover = threading.Thread(target=remove, daemon=True)
    remover.start()
    fork(job)
    remover.join()
    [os.close(end) for end in (there, go, heard, said)]
print("done")
"""
        in_children(code, f"{shared.url}&prefix=heard", 5)
