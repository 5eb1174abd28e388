"""Caches that outlive the process: SQLite files, and memory that processes share."""

from __future__ import annotations

import functools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import memolith

from bench import loops
from bench.loops import SHAPES
from bench.memory import Decorator, rival
from bench.race import OURS, Case, Claim, Contender

DISKCACHE = "diskcache"
JOBLIB = "joblib.Memory"
WARP = "warp_cache, shared"
KEYS = 500
ARRAYS = 20
BYTES = 100_000
STORED = 200
"""New keys in a turn."""


def sqlite() -> Iterator[Case]:
    """Small results and arrays in files, found and stored."""
    # Files of stores that are still open are made anew while the folder is removed.
    with tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as folder:
        keys = list(range(KEYS))
        yield _case("SQLite: hit of a small int, memory=0", _files(Path(folder), "hit"), keys, DISKCACHE, 3.0)
        yield _stores(_files(Path(folder), "store"))
        numpy = rival("numpy")
        if numpy is None:
            return
        found = _files(Path(folder), "array") | _joblib_mapped(Path(folder))
        title = f"a numpy array of {BYTES:,} bytes read back"
        yield _case(title, found, list(range(ARRAYS)), JOBLIB, 3.0, _array(numpy))


def shared() -> Iterator[Case]:
    """Results that all processes of a machine share."""
    url = f"shm:bench-{os.getpid()}"
    racers: dict[str, Decorator] = {
        # As it comes: in memory too, where each hit looks whether another process has removed anything.
        OURS: memolith.lru_cache(None, backend=url, name="ints", version="1"),
        f"{OURS}, memory=0": memolith.lru_cache(None, backend=url, memory=0, name="ints too", version="1"),
    }
    if warp := rival("warp_cache"):
        racers[WARP] = warp.cache(max_size=2 * KEYS, backend="shared")
    yield _case("shared memory: hit of a small int", racers, list(range(KEYS)), WARP, 1.5)
    numpy = rival("numpy")
    if numpy is None:
        return
    racers = {OURS: memolith.lru_cache(None, backend=url, memory=0, name="arrays", version="1")}
    if warp:
        racers[WARP] = warp.cache(max_size=2 * ARRAYS, backend="shared", max_value_size=2 * BYTES)
    title = f"shared memory: a numpy array of {BYTES:,} bytes"
    yield _case(title, racers, list(range(ARRAYS)), WARP, None, _array(numpy))


def _files(folder: Path, theme: str) -> dict[str, Decorator]:
    """Decorators that keep results in files, each in a folder of its own."""
    places = (folder / f"{theme}{number}" for number in count())
    url = f"sqlite:{next(places)}.db"
    found: dict[str, Decorator] = {OURS: memolith.lru_cache(None, backend=url, memory=0, name="f", version="1")}
    diskcache, joblib, picocache = rival("diskcache"), rival("joblib"), rival("picocache")
    if diskcache:
        found[DISKCACHE] = diskcache.Cache(str(next(places))).memoize(name="f")
        # Nothing is lost when a process ends, a crash of the machine may cost the file.
        best = {"eviction_policy": "none", "sqlite_synchronous": 0, "disk_min_file_size": 1 << 20}
        quick = diskcache.Cache(str(next(places)), **best)
        found["diskcache, no eviction, no sync, no files"] = quick.memoize(name="f")
        found["diskcache, get and set, no memoize"] = functools.partial(_got, diskcache.Cache(str(next(places))))
    if joblib:
        found[JOBLIB] = joblib.Memory(str(next(places)), verbose=0).cache
    if picocache:
        # As it comes each hit waits for the disk: that is no base for anything.
        pico = picocache.SQLiteCache(f"{next(places)}.db")
        _with_log(pico)
        found["picocache, WAL by hand"] = pico(maxsize=None)
    return found


def _got(cache: Any, function: Callable[..., object]) -> Callable[[object], object]:
    """What one writes who knows diskcache: no arguments as keys, and no function."""
    missing = object()

    def found(key: object) -> object:
        value = cache.get(key, missing)
        if value is missing:
            value = function(key)
            cache.set(key, value)
        return value

    return found


def _joblib_mapped(folder: Path) -> dict[str, Decorator]:
    joblib = rival("joblib")
    if joblib is None:
        return {}
    return {"joblib.Memory, mapped": joblib.Memory(str(folder / "mapped"), mmap_mode="r", verbose=0).cache}


def _with_log(pico: Any) -> None:
    connection = next(value for value in vars(pico).values() if type(value).__name__ == "Connection")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _case(
    title: str,
    racers: dict[str, Decorator],
    keys: Sequence[object],
    base: str,
    bound: float | None,
    compute: Callable[..., object] | None = None,
) -> Case:
    """Hits of all keys, time of day: a store may wait."""
    functions = {name: decorator(compute or _small()) for name, decorator in racers.items()}
    contenders = [loops.floor(SHAPES[0], keys)]
    contenders += [loops.looped(name, SHAPES[0], function, keys) for name, function in functions.items()]
    claims = [Claim(bound, base)] if bound else []
    return Case(title, contenders, base if base in functions else OURS, claims, time.perf_counter_ns)


def _stores(racers: dict[str, Decorator]) -> Case:
    contenders = []
    for name, decorator in racers.items():
        if name == JOBLIB:
            # Its 177 µs and its thousands of directories would be all that there is to see.
            continue
        numbers, keys = count(), [0] * STORED
        contenders.append(loops.once(name, decorator(_small()), keys, functools.partial(_renewed, keys, numbers)))
    base = DISKCACHE if DISKCACHE in racers else OURS
    return Case("SQLite: store of a small int", contenders, base, [Claim(4.0, base)], time.perf_counter_ns)


def _renewed(keys: list[int], numbers: Iterator[int]) -> None:
    keys[:] = [next(numbers) for _ in keys]


def _small() -> Callable[..., object]:
    def compute(number: int) -> int:
        return number + 1

    return compute


def _array(numpy: Any) -> Callable[..., object]:
    def compute(number: int) -> object:
        return numpy.full(BYTES // 8, number, dtype=numpy.int64)

    return compute
