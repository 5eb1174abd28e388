"""Interpreters that end while threads are inside of cached functions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import memolith
import pytest

PROGRAM = """
import sys, threading, time
from memolith import lru_cache

class Key:
    def __hash__(self):
        return 1
    def __eq__(self, other):
        if place == "comparison":
            pause()
        return False

@lru_cache(maxsize=None, **eval(sys.argv[2]))
def function(key):
    if place == "body":
        pause()

def pause():
    inside.set()
    # Ends when the interpreter is at its end, which wants the GIL then.
    time.sleep(0.05)

def run():
    while True:
        function(Key())

class Late:
    def __del__(self, sleep=time.sleep):
        # The last object to go: time for the thread to come back in.
        sleep(0.3)

place, inside = "", threading.Event()
function(Key())
place = sys.argv[1]
sys.late = Late()
threading.Thread(target=run, daemon=True).start()
inside.wait()
print("at the end")
"""


WAYS = [
    ("body", "{}"),
    ("body", "{'single_flight': True}"),
    ("body", "{'cache_if': id}"),
    ("body", "{'backend': 'sqlite:exit.db', 'key': lambda key: time.monotonic_ns()}"),
    ("comparison", "{}"),
    ("comparison", "{'cache_if': id}"),
]


# Before 3.11 CPython has no function for calls that could be guarded.
@pytest.mark.parametrize(("place", "options"), WAYS if sys.version_info >= (3, 11) else WAYS[:1])
def test_a_daemon_thread_inside_does_not_take_the_process_with_it(tmp_path: Path, place: str, options: str) -> None:
    command = [sys.executable, "-c", PROGRAM, place, options]
    environment = {"PYTHONPATH": str(Path(memolith.__file__).parents[1])}
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "at the end\n", "")
