"""What the README shows, runs."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import memolith
from servers import server

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
MIGRATIONS = dict(re.findall(r"^\| ([\w ]+) \| `[^`]+` \| `([^`]+)` \|$", TEXT, re.MULTILINE))
RIVALS = (
    "functools",
    "cachetools",
    "diskcache",
    "joblib",
    "picocache",
    "picocache RedisCache",
    "warp_cache",
    "redis_func_cache",
    "Cacheness",
)

PROGRAM = """
from memolith import lru_cache

calls = []


@decorator
def f(x, verbose=False):
    calls.append(x)
    return x + 1


assert f(1) == f(1) == 2
assert calls == [1], calls
f.cache_clear()
"""


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_a_program_runs_twice(program: str, tmp_path: Path) -> None:
    # As a file: a function that is given by `-c` has no name that another process would find it under.
    path = tmp_path / "program.py"
    path.write_text(program, encoding="utf-8")
    for _ in range(2):
        _run(path)


def test_there_is_a_program_for_each_chapter() -> None:
    assert len(PROGRAMS) >= 8


@pytest.mark.parametrize("rival", RIVALS)
def test_the_line_after_a_migration_caches(rival: str, tmp_path: Path) -> None:
    decorator = MIGRATIONS[rival].replace("shm:app", f"shm:readme-{os.getpid()}")
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.replace("@decorator", decorator), encoding="utf-8")
    _run(path)


def test_every_argument_is_explained() -> None:
    table = TEXT.partition("## Arguments")[2].partition("## What differs")[0]
    explained = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert explained == list(inspect.signature(memolith.lru_cache).parameters)


def _run(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if "redis://localhost" not in text:
        return _end_well(path)
    with server() as it:
        here = text.replace("redis://localhost?", f"{it.url}&").replace("redis://localhost", it.url)
        path.write_text(here, encoding="utf-8")
        _end_well(path)
        path.write_text(text, encoding="utf-8")


def _end_well(path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, path], cwd=path.parent, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0 and not ended.stderr, ended.stderr
