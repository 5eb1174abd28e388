"""What checkers make of scopes. Each line says what it expects; nothing here is run."""

from __future__ import annotations

from typing_extensions import assert_type

from memolith import Cache, CacheMiss, Scope, ScopeStats, lru_cache


@lru_cache
def area(shape: str) -> float:
    return float(len(shape))


class Shelf:
    @lru_cache(maxsize=None)
    def book(self, number: int) -> str:
        return str(number)


def within(cache: Cache[str, int]) -> None:
    with Scope() as scope:
        assert_type(scope, Scope)
    assert_type(scope.stats(), ScopeStats)
    assert_type(scope.stats().hits, int)
    with Scope("read_only", only=area), Scope("enabled", only=[area, cache, Shelf().book, Shelf.book]):
        try:
            area("disc")
        except CacheMiss as miss:
            assert_type(miss, CacheMiss)
    Scope(only=cache)
    Scope("off")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Scope(only=len)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    scope.stats().hits = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
