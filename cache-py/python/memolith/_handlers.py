"""Handlers: how values that are no built-in types become bytes. One registry serves every cache."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ._native import Native

__all__ = ["handlers", "register_handler", "unregister_handler"]


class _Entry(NamedTuple):
    name: str
    priority: int
    handler: Any
    types: frozenset[type] | None
    handles: Callable[[Any], bool] | None
    encode: Callable[..., Any]
    decode: Callable[[Any], Any]
    takes_settings: bool


class _Registry(NamedTuple):
    """A snapshot that is replaced as a whole, so that readers need no lock."""

    entries: tuple[_Entry, ...] = ()
    by_name: Mapping[str, _Entry] = MappingProxyType({})
    by_type: Mapping[type, tuple[_Entry, ...]] = MappingProxyType({})
    others: tuple[_Entry, ...] = ()


_lock = threading.Lock()
_registry = _Registry()


def register_handler(handler: Any, *, priority: int = 0, name: str | None = None) -> None:
    """Lets every cache store values of another type.

    `handler` is an object with `encode(value)`, which returns bytes or a list of buffers; `decode(buffer)`, which gets
    them in one piece (`bytes`, or `bytearray` with `Native(writable=True)`); and `types`, the exact types it takes, or
    `handles(value)`, which says whether it takes a value. A class is called without arguments to make one. `encode` may
    return `NotImplemented`: then others are asked.

    `name`, or the handler's attribute `name`, is stored with the bytes and finds the handler again. A handler replaces
    the former of its name. Those of a higher priority are asked first, among equals the one registered first; the
    handlers of the package have -100.

    Raises TypeError for an object that lacks one of these.
    """
    if isinstance(handler, type):
        handler = handler()
    name = name if name is not None else getattr(handler, "name", None)
    if not isinstance(name, str) or not name:
        raise TypeError("a handler needs a name that is stored with its values: give it an attribute `name`")
    encode, decode = getattr(handler, "encode", None), getattr(handler, "decode", None)
    if not callable(encode) or not callable(decode):
        raise TypeError(f"handler {name!r} needs the methods `encode` and `decode`")
    types, handles = getattr(handler, "types", None), getattr(handler, "handles", None)
    if types is None and not callable(handles):
        raise TypeError(f"handler {name!r} needs `types`, a list of types, or a method `handles`")
    entry = _Entry(
        name=name,
        priority=priority,
        handler=handler,
        types=None if types is None else frozenset(types),
        handles=handles if callable(handles) else None,
        encode=encode,
        decode=decode,
        takes_settings=bool(getattr(handler, "takes_settings", False)),
    )
    _replace(lambda entries: [*(old for old in entries if old.name != name), entry])


def unregister_handler(name: str) -> None:
    """Forgets the handler called `name`. Values it has stored are computed anew.

    Raises KeyError if there is none.
    """

    def without(entries: tuple[_Entry, ...]) -> list[_Entry]:
        left = [entry for entry in entries if entry.name != name]
        if len(left) == len(entries):
            raise KeyError(name)
        return left

    _replace(without)


def handlers() -> dict[str, Any]:
    """The handlers by name, in the order in which they are asked."""
    return {entry.name: entry.handler for entry in _registry.entries}


def encode(value: Any, settings: Native | None) -> tuple[str, list[Any]] | None:
    """The name of the handler that takes `value`, and its buffers; None if nobody does."""
    registry = _registry
    for entry in registry.by_type.get(type(value), registry.others):
        if entry.handles is not None and not entry.handles(value):
            continue
        data = entry.encode(value, settings or _DEFAULTS) if entry.takes_settings else entry.encode(value)
        if data is not NotImplemented:
            return entry.name, list(data) if isinstance(data, (list, tuple)) else [data]
    return None


def decode(name: str, buffer: bytes | bytearray) -> Any:
    """What the handler called `name` makes of `buffer`.

    Raises ValueError if there is none, or if it raises itself.
    """
    entry = _registry.by_name.get(name)
    if entry is None:
        raise ValueError(f"there is no handler {name!r} for the stored value, register it before the first call")
    try:
        return entry.decode(buffer)
    except ValueError:
        raise
    except Exception as error:
        # Whatever bytes do to a library: for the cache it is a value that does not come back.
        raise ValueError(f"handler {name!r} does not read the stored value, clear the cache") from error


def _replace(change: Callable[[tuple[_Entry, ...]], list[_Entry]]) -> None:
    """Puts a new snapshot in place of that which it was made from. Hashes of types run outside of the lock."""
    global _registry
    while True:
        seen = _registry
        new = _snapshot(change(seen.entries))
        with _lock:
            if _registry is seen:
                _registry = new
                return


def _snapshot(entries: Iterable[_Entry]) -> _Registry:
    ordered = tuple(sorted(entries, key=lambda entry: -entry.priority))
    types = {a_type for entry in ordered for a_type in entry.types or ()}
    return _Registry(
        entries=ordered,
        by_name=MappingProxyType({entry.name: entry for entry in ordered}),
        by_type=MappingProxyType({a_type: tuple(e for e in ordered if _may_take(e, a_type)) for a_type in types}),
        others=tuple(entry for entry in ordered if entry.types is None),
    )


def _may_take(entry: _Entry, a_type: type) -> bool:
    return entry.types is None or a_type in entry.types


_DEFAULTS = Native()


def _register_own() -> None:
    from . import _handle_arrow, _handle_numpy, _handle_pandas, _handle_plain, _handle_polars

    for module in (_handle_plain, _handle_numpy, _handle_pandas, _handle_polars, _handle_arrow):
        for handler in module.HANDLERS:
            register_handler(handler, priority=-100)


_register_own()
