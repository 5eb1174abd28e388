"""Functions with a backend: their results outlive the process and are shared between processes."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import memolith
import pytest
from memolith import lru_cache

PLACES = ["sqlite", *(["shm"] if sys.platform == "linux" else [])]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A URL of each kind that outlives a process."""
    return f"{request.param}:{tmp_path / 'cache.db'}"


def run(code: str, *args: str) -> str:
    """What a program prints."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), *args], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Body:
    """A function that counts how often it runs."""

    def __init__(self, compute: Callable[..., object]) -> None:
        self.compute = compute
        self.calls: list[object] = []

    def __call__(self, x: object) -> object:
        self.calls.append(x)
        return self.compute(x)


class Shop:
    """An object that says what it is in a key."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __memolith_key__(self) -> str:
        return self.name


def test_memory_gives_the_identical_object(place: str) -> None:
    @lru_cache(backend=place)
    def pair(x: int, y: int = 2) -> list[int]:
        return [x, y]

    first = pair(1)
    assert pair(1) is first
    assert pair(1, y=2) is first
    assert pair(x=1, y=2) is first
    assert pair.cache_info() == (3, 1, 128, 1)


def test_what_a_backend_had_is_one_object_too(place: str) -> None:
    def pair(x: int) -> list[int]:
        return [x]

    kept = lru_cache(backend=place)(pair)(1)
    again = lru_cache(backend=place)(pair)
    found = again(1)
    assert found == kept and found is not kept
    assert again(1) is found
    assert again.cache_info() == (2, 0, 128, 1)
    assert again.cache_info().backend_hits == 1


def test_results_outlive_the_process(place: str, tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(f"""
            from memolith import lru_cache

            @lru_cache(backend={place!r})
            def f(x):
                print("computed")
                return {{"x": x, "all": (1, 2.5, None, b"bytes")}}

            print(f(7), f.cache_info().hits)
            """))
    outputs = [subprocess.run([sys.executable, script], capture_output=True, text=True) for _ in range(2)]
    assert [done.stderr for done in outputs] == ["", ""]
    value = "{'x': 7, 'all': (1, 2.5, None, b'bytes')}"
    assert [done.stdout for done in outputs] == [f"computed\n{value} 0\n", f"{value} 1\n"]


def test_two_processes_share_a_space(place: str) -> None:
    @lru_cache(backend=place, name="shared", version="1")
    def f(x: int) -> int:
        return x * 10

    f(1)
    code = """
        import sys
        from memolith import lru_cache

        @lru_cache(backend=sys.argv[1], name="shared", version="1")
        def f(x):
            return -1

        print(f(1), f(2))
    """
    assert run(code, place) == "10 -1\n"
    assert f(2) == -1


def test_another_edition_of_a_function_has_other_results(place: str) -> None:
    assert lru_cache(backend=place, version="1")(lambda x: 1)(0) == 1
    assert lru_cache(backend=place, version="2")(lambda x: 2)(0) == 2


def test_functions_of_one_name_and_version_do_not_answer_for_each_other(place: str) -> None:
    told: list[Exception] = []
    one = lru_cache(backend=place, version="1", on_error=told.append)(lambda x: "one")
    other = lru_cache(backend=place, version="1", on_error=told.append)(lambda x: "other")
    assert (one(0), other(0), one(0), other(0)) == ("one", "other", "one", "other")
    assert ["give one of them another `name`" in str(error) for error in told] == [True]


class Client:
    """Nothing tells its instances apart but that they are others."""

    def __init__(self, answer: int) -> None:
        self.answer = answer


def test_functions_that_one_has_made_do_not_answer_for_each_other(place: str) -> None:
    def asking(client: Client) -> Any:
        return lru_cache(backend=place, version="1", on_error=lambda error: None)(lambda: client.answer)

    # Each is gone before the next is made, where it may come to lie at the same address.
    assert [asking(Client(answer))() for answer in range(20)] == list(range(20))
    client = Client(20)
    assert [asking(client)() for _ in range(2)] == [20, 20]


HOLDER = """
import sqlite3, sys

other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


def test_what_is_dropped_lets_other_threads_run_while_it_writes(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    f = lru_cache(backend=f"sqlite:{path}", version="1", writes="behind")(lambda x: x)
    f(0)
    f.flush()
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdin and holder.stdout and holder.stdout.readline() == b"held\n"
        let_go, never = holder.stdin.close, threading.Event()
        order: list[str] = []

        def beside() -> None:
            # Several turns, as one comes anyway when the other thread is through.
            for _ in range(10):
                never.wait(0.001)
            order.append("ran")
            let_go()

        f(1)
        thread = threading.Thread(target=beside)
        thread.start()
        del f
        order.append("dropped")
        thread.join()
    assert order == ["ran", "dropped"]


class Constant:
    """A codec, which may refer to anything."""

    def encode(self, value: object) -> bytes:
        return b""

    def decode(self, data: bytes) -> int:
        return 1


def test_cycles_through_defaults_and_codecs_are_collected(place: str) -> None:
    def through_default() -> Any:
        box: list[object] = []
        f = lru_cache(backend=place, version="1", skip=["box"])(lambda x, box=box: x)
        box.append(f)
        return f

    def through_codec() -> Any:
        codec: Any = Constant()
        codec.user = f = lru_cache(backend=place, version="2", codec=codec)(lambda x: 1)
        return f

    def through_codec_of_a_mapping() -> Any:
        codec: Any = Constant()
        codec.user = cache = memolith.Cache(backend=place, codec=codec)
        return cache

    for make in (through_default, through_codec):
        function = make()
        assert function(1) == 1
        gone = weakref.ref(function)
        del function
        gc.collect()
        assert gone() is None
    gone = weakref.ref(through_codec_of_a_mapping())
    gc.collect()
    assert gone() is None


def test_one_of_many_threads_computes(place: str) -> None:
    began, go_on = threading.Event(), threading.Event()

    def compute(x: object) -> object:
        began.set()
        assert go_on.wait(60)
        return [x]

    body = Body(compute)
    f = lru_cache(backend=place, version="1")(body)
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(f(5))) for _ in range(8)]
    threads[0].start()
    assert began.wait(60)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join()
    assert body.calls == [5]
    assert len({id(result) for result in results}) == 1
    info = f.cache_info()
    assert (info.hits, info.misses) == (7, 1)


def test_without_single_flight_nobody_waits(place: str) -> None:
    both = threading.Barrier(2)

    def compute(x: object) -> object:
        both.wait(60)
        return x

    body = Body(compute)
    f = lru_cache(backend=place, version="1", single_flight=False)(body)
    threads = [threading.Thread(target=f, args=(1,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert body.calls == [1, 1]
    assert f(1) == 1
    assert f.cache_info()[:2] == (1, 2)


def test_an_exception_is_raised_and_not_kept(place: str) -> None:
    def compute(x: object) -> object:
        if len(body.calls) == 1:
            raise LookupError("planned")
        return x

    body = Body(compute)
    f = lru_cache(backend=place, version="1")(body)
    with pytest.raises(LookupError, match="planned"):
        f(1)
    assert f(1) == 1
    assert f.cache_info() == (0, 2, 128, 1)


def test_a_leader_that_fails_hands_over(place: str) -> None:
    began, go_on = threading.Event(), threading.Event()

    def compute(x: object) -> object:
        if len(body.calls) > 1:
            return x
        began.set()
        assert go_on.wait(60)
        raise LookupError("planned")

    body = Body(compute)
    f = lru_cache(backend=place, version="1")(body)
    outcomes: list[object] = []

    def call() -> None:
        try:
            outcomes.append(f(1))
        except LookupError:
            outcomes.append("raised")

    threads = [threading.Thread(target=call) for _ in range(5)]
    threads[0].start()
    assert began.wait(60)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["1", "1", "1", "1", "raised"]
    assert body.calls == [1, 1]


def test_recursion_through_the_function(place: str) -> None:
    @lru_cache(maxsize=None, backend=place)
    def fib(n: int) -> int:
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(80) == 23416728348467685
    info = fib.cache_info()
    assert info.misses == 81 and info.hits == 78


def test_a_call_that_asks_for_itself_does_not_wait_for_itself(place: str) -> None:
    def compute(x: object) -> object:
        return f(x) if len(body.calls) == 1 else "inner"

    body = Body(compute)
    f = lru_cache(backend=place, version="1")(body)
    assert f(1) == "inner"
    assert body.calls == [1, 1]


def test_wrong_arguments_raise_what_the_function_says(place: str) -> None:
    @lru_cache(backend=place)
    def f(x: int) -> int:
        return x

    with pytest.raises(TypeError, match=r"f\(\) takes 1 positional argument but 2 were given"):
        f(1, 2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="canonical form"):
        f(object())  # type: ignore[arg-type]
    assert f.cache_info() == (0, 0, 128, 0)


def test_get_and_invalidate(place: str) -> None:
    body = Body(lambda x: [x])
    f = lru_cache(backend=place, version="1")(body)
    assert f.get(1) is None
    assert f(1) == [1]
    assert f.get(1) == [1]
    assert f.invalidate(1) is True
    assert f.invalidate(1) is False
    assert f(1) == [1]
    assert body.calls == [1, 1]
    f.cache_clear()
    assert f.cache_info() == (0, 0, 128, 0)
    assert f(1) == [1]
    assert body.calls == [1, 1, 1]


def test_memory_can_be_off(place: str) -> None:
    f = lru_cache(backend=place, memory=0)(lambda x: [x])
    first = f(1)
    second = f(1)
    assert first == second and first is not second
    assert f.cache_info() == (1, 1, 128, 1)


def test_maxsize_zero_computes_always(place: str) -> None:
    body = Body(lambda x: x)
    f = lru_cache(maxsize=0, backend=place, version="1")(body)
    assert [f(1), f(1)] == [1, 1]
    assert body.calls == [1, 1]
    assert f.cache_info() == (0, 2, 0, 0)


def test_the_bound_holds_in_the_backend(place: str) -> None:
    f = lru_cache(maxsize=3, backend=place)(lambda x: x)
    assert [f(x) for x in range(10)] == list(range(10))
    assert f.cache_info().currsize <= 3


def test_key_skip_and_typed(place: str) -> None:
    by_name = lru_cache(backend=place, name="by_name", version="1", key=lambda user, log: user["name"])(
        lambda user, log: user["age"]
    )
    assert by_name({"name": "a", "age": 1}, print) == 1
    assert by_name({"name": "a", "age": 2}, object()) == 1

    def add(x: int, log: object) -> int:
        return x + 1

    skipping = lru_cache(backend=place, skip=["log"])(add)
    assert skipping(1, object()) == skipping(1, log=object()) == 2
    assert skipping.cache_info().hits == 1

    untyped = lru_cache(backend=place, name="untyped", version="1")(repr)
    assert [untyped(1), untyped(1.0), untyped(True)] == ["1", "1", "1"]
    typed = lru_cache(typed=True, backend=place, name="typed", version="1")(repr)
    assert [typed(1), typed(1.0), typed(True)] == ["1", "1.0", "True"]


def test_cache_if_declines(place: str) -> None:
    body = Body(lambda x: x)
    f = lru_cache(backend=place, version="1", cache_if=lambda value: value is not None)(body)
    assert [f(None), f(None), f(1), f(1)] == [None, None, 1, 1]
    assert body.calls == [None, None, 1]


def test_none_is_a_value(place: str) -> None:
    body = Body(lambda x: None)
    for _ in range(2):
        assert lru_cache(backend=place, version="1", name="none")(body)(1) is None
    assert body.calls == [1]


def test_an_opened_backend_serves_several_functions(place: str) -> None:
    backend = memolith.open(place)
    assert repr(backend) == f"memolith.open({place!r})".replace("'", '"')
    one = lru_cache(backend=backend)(lambda x: x + 1)
    other = lru_cache(backend=backend)(lambda x: x + 2)
    assert [one(1), other(1), one(1), other(1)] == [2, 3, 2, 3]
    backend.flush()


def test_writes_behind_are_flushed(place: str) -> None:
    def double(x: int) -> int:
        return x * 2

    f = lru_cache(backend=place, writes="behind")(double)
    assert [f(x) for x in range(50)] == [x * 2 for x in range(50)]
    f.flush()
    read = lru_cache(backend=place)(double)
    assert [read(x) for x in range(50)] == [x * 2 for x in range(50)]
    assert read.cache_info().backend_hits == 50
    code = """
        import sys
        from memolith import lru_cache

        @lru_cache(maxsize=None, backend=sys.argv[1], writes="behind", name="at_exit", version="1")
        def f(x):
            return x

        print([f(x) for x in range(100)] == list(range(100)))
    """
    assert run(code, place) == "True\n"
    seen = lru_cache(maxsize=None, backend=place, name="at_exit", version="1")(lambda x: -1)
    assert [seen(x) for x in range(100)] == list(range(100))


INTERRUPTED = """
    import sys, threading
    from memolith import lru_cache

    began, go_on = threading.Event(), threading.Event()

    @lru_cache(backend=sys.argv[1], version="1")
    def f(x):
        began.set()
        go_on.wait()
        return x

    leader = threading.Thread(target=f, args=(1,))
    leader.start()
    began.wait()
    try:
        print("waiting", flush=True)
        f(1)
    except KeyboardInterrupt:
        print("left", flush=True)
    go_on.set()
    leader.join()
    print(f(1), f.cache_info()[:2], flush=True)
"""


def test_keyboard_interrupt_leaves_a_wait_for_a_thread(place: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED), place], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        child.send_signal(signal.SIGINT)
        assert child.stdout.read() == "left\n1 (1, 1)\n"
        assert child.wait(60) == 0


if sys.platform == "linux":  # A shared map keeps claims, and other systems have none.

    def test_one_of_several_processes_computes_and_a_waiting_one_can_leave(tmp_path: Path) -> None:
        code = """
            import sys
            from memolith import lru_cache

            @lru_cache(backend=sys.argv[1], version="1", name="claimed", wait=600)
            def f(x):
                print("computing", flush=True)
                return sys.stdin.readline()

            try:
                print("asking", flush=True)
                print(repr(f(1)), flush=True)
            except KeyboardInterrupt:
                print("left", flush=True)
        """
        place = f"shm:{tmp_path / 'region'}"

        def start() -> subprocess.Popen[str]:
            command = [sys.executable, "-c", textwrap.dedent(code), place]
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert child.stdout is not None
            assert child.stdout.readline() == "asking\n"
            return child

        leader = start()
        assert leader.stdout is not None and leader.stdin is not None
        assert leader.stdout.readline() == "computing\n"
        waiting, leaving = start(), start()
        leaving.send_signal(signal.SIGINT)
        assert leaving.communicate(timeout=60)[0] == "left\n"
        leader.stdin.write("value\n")
        leader.stdin.flush()
        assert leader.communicate(timeout=60)[0] == "'value\\n'\n"
        assert waiting.communicate(timeout=60)[0] == "'value\\n'\n"


if hasattr(os, "fork"):

    def test_a_fork_goes_on(place: str) -> None:
        code = """
            import os, sys
            from memolith import lru_cache

            @lru_cache(backend=sys.argv[1], version="1", name="forked")
            def f(x):
                return x * 2

            f(1)
            child = os.fork()
            if child == 0:
                os._exit(0 if [f(1), f(2)] == [2, 4] else 1)
            print(os.waitpid(child, 0)[1], f(1), f(2))
        """
        assert run(code, place) == "0 2 4\n"


def test_method_results_are_kept_by_the_object_s_own_key(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Priced(Shop):
        @lru_cache(backend=place, version="1", name="shop")
        def price(self, item: str) -> list[str]:
            return [self.name, item]

    Priced.__qualname__ = "Priced"
    monkeypatch.setitem(globals(), "Priced", Priced)
    assert Priced("a").price("x") is Priced("a").price("x")
    assert Priced("b").price("x") == ["b", "x"]
