"""Calls a function cached by redis_func_cache as often as it is told on its input, and says when it is done."""

import random
import sys

import redis
from redis_func_cache import LruTPolicy, RedisFuncCache

port, keys = int(sys.argv[1]), int(sys.argv[2])
client = redis.Redis(port=port)


def cached(name: str, maxsize: int):
    @RedisFuncCache(name, LruTPolicy(), client=client, maxsize=maxsize)
    def value(key: int) -> str:
        return f"{key:064}"

    return value


hit, put = cached("hits", 2 * keys), cached("puts", keys)
for key in range(keys):
    hit(key), put(-key)
draw, fresh = random.Random(1), keys
print("ready", flush=True)
for line in sys.stdin:
    what, times = line.split()
    if what == "hit":
        for key in draw.choices(range(keys), k=int(times)):
            hit(key)
    else:
        for key in range(fresh, fresh + int(times)):
            put(key)
        fresh += int(times)
    print("done", flush=True)
