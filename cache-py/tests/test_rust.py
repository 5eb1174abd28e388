"""One store for Rust and Python: what one of them has computed, the other finds, through each format and each place."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import memolith

WORKSPACE = Path(__file__).parents[2]
TEXT = "to be or not to be, é日 to"
COUNTS = {"to": 3, "be": 1, "be,": 1, "or": 1, "not": 1, "é日": 1}

NUMBERS = count()


@pytest.fixture(scope="module")
def program() -> str:
    """The example `interop`, built."""
    build = ["cargo", "build", "--example", "interop", "--features", "messagepack,json,cbor,shared"]
    built = subprocess.run(
        [*build, "--message-format", "json"], cwd=WORKSPACE, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    paths = [message["executable"] for message in messages if message.get("executable")]
    assert len(paths) == 1, paths
    return str(paths[0])


@pytest.fixture(params=["sqlite", "shm"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path / 'counts.db'}"
        return
    url = f"shm:interop-{os.getpid()}-{next(NUMBERS)}"
    yield url
    for cache in (_counting(url, codec, []) for codec in ("messagepack", "json", "cbor")):
        cache.cache_clear()


@pytest.fixture(params=["messagepack", "json", "cbor"])
def codec(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _counting(url: str, codec: Any, computed: list[str]) -> Any:
    """What the example does, in Python; notes each text that it computes."""

    def counts(text: str, least: int) -> dict[str, int]:
        computed.append(text)
        words = [word for word in text.split() if len(word) >= least]
        return {word: words.count(word) for word in words}

    # Memory would hide what the store has.
    return memolith.lru_cache(None, backend=url, memory=0, name="count", version="1", codec=codec)(counts)


def _rust(program: str, url: str, codec: str, text: str = TEXT) -> list[str]:
    ended = subprocess.run(
        [program, url, codec, text, "2"], capture_output=True, text=True, timeout=60, check=False, cwd=WORKSPACE
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def _shown(counts: dict[str, int]) -> str:
    return "{" + ", ".join(f'"{word}": {number}' for word, number in sorted(counts.items())) + "}"


def test_python_finds_what_rust_computed(program: str, url: str, codec: str) -> None:
    assert _rust(program, url, codec) == ["computing", _shown(COUNTS)]
    computed: list[str] = []
    counts = _counting(url, codec, computed)
    for call in _spellings(counts):
        assert call() == COUNTS
    assert computed == []
    assert counts.cache_info().misses == 0


def test_rust_finds_what_python_computed(program: str, url: str, codec: str) -> None:
    computed: list[str] = []
    assert _counting(url, codec, computed)(TEXT, least=2) == COUNTS
    assert computed == [TEXT]
    assert _rust(program, url, codec) == [_shown(COUNTS)]


def test_each_sees_what_the_other_removed(program: str, url: str, codec: str) -> None:
    counts = _counting(url, codec, [])
    assert _rust(program, url, codec)[0] == "computing"
    assert counts.invalidate(TEXT, 2)
    assert _rust(program, url, codec)[0] == "computing"
    counts.cache_clear()
    assert _rust(program, url, codec)[0] == "computing"


def test_another_codec_is_another_store(program: str, url: str) -> None:
    assert _rust(program, url, "json")[0] == "computing"
    computed: list[str] = []
    assert _counting(url, "messagepack", computed)(TEXT, 2) == COUNTS
    assert computed == [TEXT]


def _spellings(counts: Any) -> list[Callable[[], object]]:
    """One call, written in several ways: the order of the parameters makes the key."""
    return [lambda: counts(TEXT, 2), lambda: counts(TEXT, least=2), lambda: counts(least=2, text=TEXT)]
