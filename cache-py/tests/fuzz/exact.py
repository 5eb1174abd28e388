"""The same random program on a cache, on `functools.lru_cache` and on a model of plain dicts: no difference at all.

What is compared after each step: which computation's result came back (by its serial number), or the exception and its
text; how often keys were hashed; all counters, now and then; and at the end the number of objects that are still alive.
"""

from __future__ import annotations

import functools
import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable
from random import Random
from typing import Any, NamedTuple

from fuzz.keys import Call, Counted, World

Decorate = Callable[..., Callable[[Callable[..., object]], Any]]

LENGTH = 1_000
"""Steps of one program."""


class Kept(Counted):
    """A result: it knows when it was computed."""

    def __init__(self, serial: int) -> None:
        super().__init__()
        self.serial = serial


class Program:
    """A random sequence of steps, which does not depend on what comes of them."""

    def __init__(self, seed: int, length: int = LENGTH) -> None:
        random = Random(seed)
        self.seed = seed
        self.maxsize = random.choice((None, 0, 1, 2, 3, 5, 8, 16, 64, 128, 500))
        self.typed = random.random() < 0.3
        pool = [Call(random) for _ in range(random.choice((4, 20, 100, 400)))]
        self.steps = [_step(random, pool) for _ in range(length)]


class Step(NamedTuple):
    """What is done, and to which call."""

    action: str
    call: Call


def _step(random: Random, pool: list[Call]) -> Step:
    actions = {
        "call": 900,
        "call that fails": 30,
        "call among raising keys": 30,
        "call that looks": 20,
        "call that recurs": 20,
        "info": 20,
        "collect": 1,
        "clear": 2,
    }
    return Step(random.choices(list(actions), list(actions.values()))[0], random.choice(pool))


def trace(program: Program, decorate: Decorate) -> list[object]:
    """What a cache does with a program, step by step."""
    gc.collect()
    before = Counted.alive
    events = _Run(program, decorate).events()
    gc.collect()
    return [*events, ("alive", Counted.alive - before)]


class _Run:
    def __init__(self, program: Program, decorate: Decorate) -> None:
        self.program = program
        self.world = World()
        self.serial = 0
        self.fails = False
        self.recurs: Call | None = None
        self.cached = decorate(maxsize=program.maxsize, typed=program.typed)(self.compute)

    def compute(self, *_args: object, **_kwargs: object) -> object:
        self.serial += 1
        serial = self.serial
        if self.fails:
            raise LookupError(f"computation {serial}")
        if self.recurs is not None:
            call, self.recurs = self.recurs, None
            self.ask(call)
        return Kept(serial) if serial % 10 else None

    def ask(self, call: Call) -> object:
        args, kwargs = call.made(self.world)
        try:
            value = self.cached(*args, **kwargs)
        except Exception as error:
            return type(error).__name__, str(error)
        return value.serial if isinstance(value, Kept) else value

    def events(self) -> list[object]:
        steps = self.program.steps
        events = [self.event(step, steps[-position]) for position, step in enumerate(steps)]
        self.cached.cache_clear()
        return [*events, tuple(self.cached.cache_info())]

    def event(self, step: Step, other: Step) -> object:
        world, before = self.world, self.world.hashes
        match step.action:
            case "info":
                return tuple(self.cached.cache_info())
            case "clear":
                return self.cached.cache_clear()
            case "collect":
                # Most of what is alive in the process is none of this program's.
                gc.collect(1)
                return None
            case "call that fails":
                self.fails = True
            case "call among raising keys":
                world.raises = True
            case "call that looks":
                world.calls_back = self.cached.cache_info
            case "call that recurs":
                self.recurs = other.call
        came = self.ask(step.call)
        self.fails, self.recurs = False, None
        world.raises, world.calls_back = False, None
        return came, world.hashes - before, self.serial


class _Model:
    """An exact LRU cache of plain dicts."""

    def __init__(self, function: Callable[..., object], maxsize: int | None, typed: bool) -> None:
        self.function, self.maxsize, self.typed = function, maxsize, typed
        self.cache_clear()

    def cache_clear(self) -> None:
        self.entries: OrderedDict[Hashable, object] = OrderedDict()
        self.hits = self.misses = 0

    def cache_info(self) -> tuple[int, int, int | None, int]:
        return self.hits, self.misses, self.maxsize, len(self.entries)

    def __call__(self, *args: object, **kwargs: object) -> object:
        if self.maxsize == 0:
            self.misses += 1
            return self.function(*args, **kwargs)
        # What the arguments are as a key is functools' own definition.
        key = functools._make_key(args, kwargs, self.typed)
        missing = object()
        value = self.entries.get(key, missing)
        if value is not missing:
            self.hits += 1
            self.entries.move_to_end(key)
            return value
        self.misses += 1
        value = self.function(*args, **kwargs)
        # The function may have computed the same while it recurred: what is there first, stays.
        if self.maxsize is not None and key in self.entries:
            return value
        self.entries[key] = value
        if self.maxsize is not None and len(self.entries) > self.maxsize:
            self.entries.popitem(last=False)
        return value


def model(maxsize: int | None, typed: bool) -> Callable[[Callable[..., object]], _Model]:
    """The model as a decorator."""
    return lambda function: _Model(function, maxsize, typed)


def difference(seed: int, subject: Decorate, length: int = LENGTH) -> str | None:
    """Runs one program on a cache, on functools and on the model: the first difference, or `None`."""
    program = Program(seed, length)
    found = trace(program, subject)
    for name, judge in (("functools", functools.lru_cache), ("the model", model)):
        expected = trace(program, judge)
        for position, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
            if ours == theirs:
                continue
            action = program.steps[position].action if position < len(program.steps) else "end"
            return (
                f"seed {seed}, maxsize {program.maxsize}, typed {program.typed}, step {position} ({action}): "
                f"{ours!r}, but {name} {theirs!r}"
            )
    return None
