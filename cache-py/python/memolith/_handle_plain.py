"""Handlers of types of the standard library: dates, decimals, fractions, UUIDs, paths, ranges."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any
from uuid import UUID

from ._memolith import _decode, _encode


class _Plain:
    """A type that is made of plain parts."""

    def __init__(self, a_type: type, parts: Callable[[Any], Any], whole: Callable[[Any], Any]) -> None:
        self.name = f"{a_type.__module__}.{a_type.__qualname__}"
        self.types = [a_type]
        self._parts = parts
        self._whole = whole

    def encode(self, value: Any) -> Any:
        """The parts in the native form; NotImplemented if they are not plain."""
        parts = self._parts(value)
        return parts if parts is NotImplemented else _encode(parts)

    def decode(self, buffer: Any) -> Any:
        """The value of these parts."""
        return self._whole(_decode(bytes(buffer)))


def _zone(zone: dt.tzinfo | None) -> Any:
    """A time zone as plain data: none, a fixed offset, or a name of the tz database."""
    if zone is None:
        return None
    if zone is dt.timezone.utc:
        return "utc"
    if type(zone) is dt.timezone:
        # What it is pickled with tells a given name from a made one, so that both come back as they were.
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return [_delta(offset), *name]
    zoneinfo = sys.modules.get("zoneinfo")
    key: str | None = getattr(zone, "key", None) if zoneinfo and type(zone) is zoneinfo.ZoneInfo else None
    return NotImplemented if key is None else ("tz", key)


def _zone_of(data: Any) -> dt.tzinfo | None:
    if data is None:
        return None
    if data == "utc":
        return dt.timezone.utc
    if isinstance(data, list):
        return dt.timezone(_delta_of(data[0]), *data[1:])
    from zoneinfo import ZoneInfo

    return ZoneInfo(data[1])


def _delta(value: dt.timedelta) -> tuple[int, int, int]:
    return (value.days, value.seconds, value.microseconds)


def _delta_of(parts: tuple[int, int, int]) -> dt.timedelta:
    return dt.timedelta(*parts)


def _time(value: dt.time) -> Any:
    if (zone := _zone(value.tzinfo)) is NotImplemented:
        return NotImplemented
    return (value.hour, value.minute, value.second, value.microsecond, value.fold, zone)


def _time_of(parts: Any) -> dt.time:
    hour, minute, second, microsecond, fold, zone = parts
    return dt.time(hour, minute, second, microsecond, _zone_of(zone), fold=fold)


def _datetime(value: dt.datetime) -> Any:
    zone = None if value.tzinfo is None else _zone(value.tzinfo)
    if zone is NotImplemented:
        return NotImplemented
    time = (value.hour, value.minute, value.second, value.microsecond, value.fold, zone)
    return (value.year, value.month, value.day, *time)


def _datetime_of(parts: Any) -> dt.datetime:
    year, month, day, hour, minute, second, microsecond, fold, zone = parts
    tzinfo = None if zone is None else _zone_of(zone)
    return dt.datetime(year, month, day, hour, minute, second, microsecond, tzinfo, fold=fold)


def _timezone(value: dt.timezone) -> Any:
    return _zone(value)


def _path(a_type: type) -> _Plain:
    return _Plain(a_type, str, a_type)


HANDLERS = [
    _Plain(dt.datetime, _datetime, _datetime_of),
    _Plain(dt.date, lambda value: (value.year, value.month, value.day), lambda parts: dt.date(*parts)),
    _Plain(dt.time, _time, _time_of),
    _Plain(dt.timedelta, _delta, _delta_of),
    _Plain(dt.timezone, _timezone, _zone_of),
    _Plain(Decimal, str, Decimal),
    _Plain(Fraction, lambda value: (value.numerator, value.denominator), lambda parts: Fraction(*parts)),
    _Plain(UUID, lambda value: value.bytes, lambda data: UUID(bytes=data)),
    _Plain(range, lambda value: (value.start, value.stop, value.step), lambda parts: range(*parts)),
    *(_path(a_type) for a_type in (PurePosixPath, PureWindowsPath)),
    # The paths of the other system cannot be made here.
    _path(WindowsPath if sys.platform == "win32" else PosixPath),
]
