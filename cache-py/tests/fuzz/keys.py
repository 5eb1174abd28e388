"""Arguments that caches get wrong: recipes of them, since each cache under test gets objects of its own."""

from __future__ import annotations

import enum
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from random import Random

Recipe = Callable[["World"], object]

NAN = float("nan")


class World:
    """What the keys of one run of a program can do: raise when compared or hashed, and call back."""

    def __init__(self) -> None:
        self.raises = False
        self.calls_back: Callable[[], object] | None = None
        self.hashes = 0
        self.depth = 0

    def called_back(self) -> None:
        """Does what a key does in its `__eq__` and `__hash__`; not for ever."""
        if self.calls_back is None or self.depth > 2:
            return
        self.depth += 1
        try:
            self.calls_back()
        finally:
            self.depth -= 1


class Counted:
    """Objects whose number is known, to see that none is leaked."""

    alive = 0

    def __init__(self) -> None:
        Counted.alive += 1

    def __del__(self) -> None:
        Counted.alive -= 1


class Colliding(Counted):
    """Many hashes are the same; equal by value."""

    def __init__(self, value: int) -> None:
        super().__init__()
        self.value = value

    def __hash__(self) -> int:
        return self.value % 3

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Colliding) and self.value == other.value


class Nasty(Counted):
    """Raises or calls back in `__eq__`, as its world says; equal by value, and hashed by it alone."""

    def __init__(self, world: World, value: int) -> None:
        super().__init__()
        self.world, self.value = world, value

    def __hash__(self) -> int:
        self.world.hashes += 1
        return hash(("nasty", self.value))

    def __eq__(self, other: object) -> bool:
        if self.world.raises:
            raise ArithmeticError(f"comparison of {self.value}")
        self.world.called_back()
        return isinstance(other, Nasty) and self.value == other.value


class Unhashing(Nasty):
    """Raises or calls back in `__hash__`."""

    def __hash__(self) -> int:
        if self.world.raises:
            raise ArithmeticError(f"hash of {self.value}")
        self.world.called_back()
        return hash(("unhashing", self.value))


class Dying(Counted):
    """Calls back when it is dropped."""

    def __init__(self, world: World, value: int) -> None:
        super().__init__()
        self.world, self.value = world, value

    def __hash__(self) -> int:
        return hash(("dying", self.value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dying) and self.value == other.value

    def __del__(self) -> None:
        super().__del__()
        self.world.called_back()


class Text(str):
    """A str that is no exact one."""


class Number(int):
    """An int that is no exact one."""


class Colour(enum.IntEnum):
    """Equal to ints."""

    RED = 1
    GREEN = 2


def _fresh(text: str) -> str:
    """An object of its own, even for one letter."""
    return "".join(list(text + " "))[:-1]


def recipe(random: Random) -> Recipe:
    """How to make a random argument. What it makes in two worlds is equal, and hashed alike."""
    n = random.randrange(6)
    big = random.randrange(3) + (1 << random.choice((8, 30, 60, 61, 62, 63, 64, 200)))
    makers: tuple[Recipe, ...] = (
        lambda _: n,
        lambda _: n - 3,
        lambda _: int(str(big)),
        lambda _: -int(str(big)),
        lambda _: n > 2,
        lambda _: float(n),
        lambda _: n + 0.5,
        lambda _: -0.0,
        lambda _: complex(n),
        lambda _: Decimal(n),
        lambda _: Fraction(n, 1),
        lambda _: Number(n),
        lambda _: Colour(n % 2 + 1),
        lambda _: _fresh(f"key {n}"),
        lambda _: "ab"[n % 2],
        lambda _: str(n),
        lambda _: "é\udc80日" + str(n),
        lambda _: Text(f"key {n}"),
        lambda _: f"key {n}".encode(),
        lambda _: None,
        lambda _: NAN,
        lambda _: float("nan"),
        lambda _: (n,),
        lambda _: (n, str(n), (n, (float(n), None))),
        lambda _: (),
        lambda _: frozenset((n, str(n))),
        lambda _: range(n),
        lambda _: type(n) if n % 2 else Ellipsis,
        lambda _: Colliding(n),
        lambda _: (Colliding(n), n % 2),
        lambda world: Nasty(world, n),
        lambda world: Nasty(world, n),
        lambda world: (Nasty(world, n), 1),
        lambda world: Unhashing(world, n),
        lambda world: Dying(world, n),
        lambda _: [n],
        lambda _: (n, {}),
    )
    return random.choice(makers)


class Call:
    """A call's arguments, as recipes."""

    def __init__(self, random: Random) -> None:
        shapes = {"one": 50, "two": 15, "none": 3, "many": 4, "named": 12, "both": 12, "odd names": 4}
        shape = random.choices(list(shapes), list(shapes.values()))[0]
        numbers = {"one": 1, "two": 2, "many": random.randrange(3, 9), "both": random.randrange(1, 3)}
        self.args = [recipe(random) for _ in range(numbers.get(shape, 0))]
        named = random.sample(("a", "k", "key", "value", "x" * 40), random.randrange(1, 4))
        self.kwargs: dict[str, Recipe] = {}
        if shape in ("named", "both"):
            self.kwargs = {name: recipe(random) for name in named}
        elif shape == "odd names":
            self.kwargs = {Text(name): recipe(random) for name in named}

    def made(self, world: World) -> tuple[tuple[object, ...], dict[str, object]]:
        """The arguments, new ones."""
        kwargs = {name: make(world) for name, make in self.kwargs.items()}
        return tuple(make(world) for make in self.args), kwargs
