"""Durations and sizes as people write them."""

from __future__ import annotations

import re
from datetime import timedelta

_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def seconds(duration: float | str | timedelta | None) -> float | None:
    """A duration in seconds: a number of them, a `timedelta`, or text such as `"250ms"`, `"5m"`, `"1h"`, `"2d"`.

    Raises ValueError for text that is none, TypeError for other objects.
    """
    if duration is None:
        return None
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    if isinstance(duration, str):
        return _scaled(duration, _SECONDS, 'a duration such as "250ms", "5m" or "1h"')
    return float(duration)


def lifetime(duration: float | str | timedelta | None) -> float | None:
    """As `seconds`, of which there are more than none; None for no end of its own.

    Raises ValueError where there are not, and as `seconds` does.
    """
    life = seconds(duration)
    if life is None or life > 0:
        return life
    raise ValueError(f"`ttl` must be more than 0 seconds, not {duration!r}")


def size(bytes: int | str | None) -> int | None:
    """A size in bytes: a number of them, or text such as `"64MiB"` or `"2GB"`.

    Raises ValueError for text that is none.
    """
    if bytes is None or not isinstance(bytes, str):
        return bytes
    return int(_scaled(bytes, _BYTES, 'a size such as "64MiB"'))


def _scaled(text: str, units: dict[str, float] | dict[str, int], wanted: str) -> float:
    found = _NUMBER.fullmatch(text)
    unit = units.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise ValueError(f"{text!r} is not {wanted}")
    return float(found[1]) * unit
