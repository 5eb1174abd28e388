"""The kinds of programs that there are."""

from __future__ import annotations

import functools
import importlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fuzz import exact, stores, wild

Check = Callable[[int, int], "str | None"]
"""From a seed and a number of calls to what is wrong."""


def checks(subject: str) -> dict[str, Check]:
    """Each kind of program, by name."""
    module = importlib.import_module(subject)
    decorate = module.lru_cache
    found: dict[str, Check] = {
        "exact": lambda seed, calls: exact.difference(seed, decorate, calls),
        "wild": lambda seed, calls: wild.Wild(seed, decorate).run(calls),
        "threads": lambda seed, calls: wild.Wild(seed, decorate).run(calls // 4, threads=4),
    }
    if subject == "functools":
        return found
    for policy in wild.POLICIES:
        found[f"policy {policy}"] = functools.partial(_optional, decorate, {"policy": policy})
    found["ttl"] = functools.partial(_optional, decorate, {"ttl": 0.01})
    found["single flight"] = functools.partial(_optional, decorate, {"single_flight": True})
    found["mapping"] = lambda seed, calls: stores.mapping(seed, calls, lambda: module.Cache())
    found["mapping in sqlite"] = functools.partial(_in_sqlite, module, _mapping)
    found["function in sqlite"] = functools.partial(_in_sqlite, module, _function)
    return found


def _optional(decorate: exact.Decorate, options: dict[str, object], seed: int, calls: int) -> str | None:
    alone = wild.Wild(seed, decorate, options).run(calls // 2)
    return alone or wild.Wild(seed, decorate, options).run(calls // 8, threads=4)


def _in_sqlite(module: Any, check: Callable[[Any, str, int, int], str | None], seed: int, calls: int) -> str | None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # An operation on a file takes as long as ten in memory.
        return check(module, f"sqlite:{Path(folder) / 'fuzz.db'}", seed, calls // 10)


def _mapping(module: Any, url: str, seed: int, calls: int) -> str | None:
    return stores.mapping(seed, calls, lambda: module.Cache(backend=url, memory=0, name="fuzz"))


def _function(module: Any, url: str, seed: int, calls: int) -> str | None:
    return stores.function(seed, calls, module.lru_cache(backend=url, memory=0, name="fuzz", version="1"))


def run(check: Check, calls: int, seed: int) -> Iterator[str | None]:
    """Runs programs until there were so many calls; says what is wrong with each."""
    for number in range(max(1, calls // exact.LENGTH)):
        yield check(seed + number, exact.LENGTH)
