"""What checkers make of `Cache` and `open`. Each line says what it expects; nothing here is run."""

from __future__ import annotations

from collections.abc import Iterator

from typing_extensions import assert_type

import memolith
from memolith import Backend, Cache, CacheError, CacheInfo

backend = memolith.open("sqlite:cache.db")
assert_type(backend, Backend)
words: Cache[str, int] = Cache(1_000, backend=backend, ttl="1h", name="words")

assert_type(words.get("a"), int | None)
assert_type(words.get("a", 0), int)
assert_type(words.get("a", "none"), int | str)
assert_type(words["a"], int)
assert_type("a" in words, bool)
assert_type(len(words), int)
assert_type(words.pop("a"), int)
assert_type(words.pop("a", None), int | None)
assert_type(words.add("a", 1, ttl=5), bool)
assert_type(words.incr("a"), int)
assert_type(words.touch("a", "1h"), bool)
assert_type(words.get_or_insert("a", lambda: 1), int)
assert_type(words.get_many(["a", "b"]), dict[str, int])
assert_type(words.get_or_insert_many(["a", "b"], lambda missing: {key: len(key) for key in missing}), dict[str, int])
assert_type(words.info(), CacheInfo)
assert_type(iter(words), Iterator[str])
assert_type(list(words.items()), list[tuple[str, int]])
words["a"] = 1
words.set("a", 1, ttl=0.5, tags=["letters"])
del words["a"]
with words as opened:
    assert_type(opened, Cache[str, int])

words[1] = 1  # type: ignore[index]  # pyright: ignore[reportArgumentType]
words["a"] = "1"  # type: ignore[assignment]  # pyright: ignore[reportArgumentType]
words.get_many([1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
served: Cache[str, int] = Cache(backend=backend, ttl=60, jitter=0.1, early_refresh=2.0, stale="1h")
words.set("a", None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
names: Cache[str, str] = Cache()
names.incr("a")  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

try:
    memolith.open("sqlite:")
except CacheError as error:
    assert_type(error.kind == "busy", bool)
