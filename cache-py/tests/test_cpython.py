"""CPython's own tests of `lru_cache` and `cache` pass with memolith's."""

from __future__ import annotations

import cpython
import pytest

try:
    NAMES = cpython.names()
    MISSING = ""
except LookupError as error:
    # Without a name nothing would run, and nothing would fail.
    NAMES = ["tests of the interpreter"]
    MISSING = str(error)


@pytest.mark.parametrize("name", NAMES)
def test_the_interpreters_own(name: str) -> None:
    assert not MISSING, MISSING
    result = cpython.run(name)
    assert result.outcome == "passed", result.said


def test_none_is_left_out() -> None:
    assert not MISSING, MISSING
    classes = {name.partition(".")[0] for name in NAMES}
    assert classes == set(cpython.CLASSES)
    assert sum("threaded" in name for name in NAMES) >= 4
    assert sum("reentrancy" in name for name in NAMES) >= 2
