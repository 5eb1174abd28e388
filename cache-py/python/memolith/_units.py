"""Durations and sizes as they are written."""

from __future__ import annotations

import re
from datetime import timedelta

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "kb": 10**3, "mb": 10**6, "gb": 10**9}


def seconds(duration: float | str | timedelta | None) -> float | None:
    """A duration in seconds: a number, a timedelta, or text such as "250ms", "5m", "1h", "2d".

    Raises ValueError for other text and TypeError for anything else.
    """
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    if isinstance(duration, str):
        number, unit = _parts(duration)
        if unit not in _SECONDS:
            raise ValueError(f'{duration!r} is no duration, write one such as "250ms", "5m", "1h" or "2d"')
        return number * _SECONDS[unit]
    if duration is None or (isinstance(duration, (int, float)) and not isinstance(duration, bool)):
        return duration
    raise TypeError(f'{duration!r} is no duration, give seconds, a timedelta, or text such as "5m"')


def size(bound: int | str | None) -> int | None:
    """A number of bytes: an int, or text such as "64MiB".

    Raises ValueError for other text and TypeError for anything else.
    """
    if isinstance(bound, str):
        number, unit = _parts(bound)
        if unit.lower() not in _BYTES:
            raise ValueError(f'{bound!r} is no size, write one such as "64MiB"')
        return int(number * _BYTES[unit.lower()])
    if bound is None or (isinstance(bound, int) and not isinstance(bound, bool)):
        return bound
    raise TypeError(f'{bound!r} is no size, give bytes or text such as "64MiB"')


def _parts(text: str) -> tuple[float, str]:
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([A-Za-z]*)\s*", text)
    return (float(found[1]), found[2]) if found else (0.0, "?")
