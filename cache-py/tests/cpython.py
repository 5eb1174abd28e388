"""CPython's own tests of `functools.lru_cache` and `functools.cache`, with memolith's in their place.

    python cpython.py [--subject memolith|functools] [NAME..]

They come from the running interpreter's library (`test.test_functools`), and each runs in a process of its own. Names
are words such as `TestLRUC.test_lru`, or parts of them; without any, all run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import unittest
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

LIMIT = 300
"""Seconds that one test may take."""

CLASSES = ("TestLRUC", "TestLRUPy", "TestCache")


class Result(NamedTuple):
    """What came of one test: `passed`, `skipped` or `failed`, and what it said."""

    name: str
    outcome: str
    said: str


def names(subject: str = "memolith") -> list[str]:
    """The tests that there are, as `Class.test`.

    Raises:
        LookupError: the interpreter's library has no tests, and the message names the package that has them; or the
            subject cannot be imported.
    """
    listed = _worker(subject, "--list")
    if listed.returncode != 0 and "No module named 'test" not in listed.stderr:
        raise LookupError(f"{subject} cannot be tested\n{listed.stderr}")
    if listed.returncode != 0:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise LookupError(
            f"{sys.executable} cannot import test.test_functools, "
            f"install its tests with `apt-get install libpython{version}-testsuite`\n{listed.stderr}"
        )
    found: list[str] = json.loads(listed.stdout.splitlines()[-1])
    return found


def run(name: str, subject: str = "memolith") -> Result:
    """Runs one test in a process of its own."""
    try:
        ended = _worker(subject, "--one", name)
    except subprocess.TimeoutExpired:
        return Result(name, "failed", f"no end within {LIMIT} s")
    lines = ended.stdout.splitlines()
    if ended.returncode == 0 and lines and lines[-1] in ("passed", "skipped"):
        return Result(name, lines[-1], ended.stderr)
    return Result(name, "failed", f"exit {ended.returncode}\n{ended.stdout}{ended.stderr}")


def _worker(subject: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, os.path.abspath(__file__), "--subject", subject, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)


def _replaced(subject: str) -> Any:
    """`test.test_functools`, whose two copies of functools have the subject's `lru_cache` and `cache`."""
    replacement: Any = importlib.import_module(subject)
    import_helper: Any = importlib.import_module("test.support.import_helper")
    import_fresh = import_helper.import_fresh_module

    def import_replaced(name: str, *rest: object, **options: object) -> object:
        module = import_fresh(name, *rest, **options)
        if name == "functools" and module is not None:
            module.lru_cache, module.cache = replacement.lru_cache, replacement.cache
        return module

    import_helper.import_fresh_module = import_replaced
    functools: Any = importlib.import_module("functools")
    functools.lru_cache, functools.cache = replacement.lru_cache, replacement.cache
    # Its functions are pickled by the name of their module.
    tests: Any = importlib.import_module("test.test_functools")
    # The library has it as a mixin that no test case uses.
    tests.TestCache = type("TestCache", (tests.TestCache, unittest.TestCase), {"module": tests.c_functools})
    return tests


def _list(subject: str) -> None:
    tests = _replaced(subject)
    loader = unittest.TestLoader()
    found = [f"{name}.{test}" for name in CLASSES for test in loader.getTestCaseNames(getattr(tests, name))]
    print(json.dumps(found))


def _one(subject: str, name: str) -> None:
    tests = _replaced(subject)
    case, _, method = name.partition(".")
    result = unittest.TextTestRunner(verbosity=2).run(getattr(tests, case)(method))
    if result.testsRun != 1 or not result.wasSuccessful():
        sys.exit(1)
    print("skipped" if result.skipped else "passed")


def _main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="tests, or parts of their names")
    parser.add_argument("--subject", default="memolith", help="the module whose lru_cache and cache are tested")
    parser.add_argument("--one", metavar="TEST", help="run this test here")
    parser.add_argument("--list", action="store_true", help="say which tests there are")
    told = parser.parse_args()
    if told.list:
        return _list(told.subject)
    if told.one:
        return _one(told.subject, told.one)
    wanted = [name for name in names(told.subject) if not told.names or any(part in name for part in told.names)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda name: run(name, told.subject), wanted))
    for result in results:
        print(f"{result.outcome:<8}{result.name}")
        if result.outcome == "failed":
            print(result.said)
    counts = Counter(result.outcome for result in results)
    print(", ".join(f"{counts[outcome]} {outcome}" for outcome in ("passed", "skipped", "failed")))
    sys.exit(counts["failed"] > 0 or not results)


if __name__ == "__main__":
    # The functions that the tests pickle are found as `test.test_functools`, not here.
    _main()
