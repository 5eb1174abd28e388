//! What others put in the place of our keys: misses, and what is wrong is mended.

use crate::load::{Values, ask, deaf, patient};
use crate::servers::Server;

/// With and without a bound: one key for all entries, or one for each.
const BOUNDS: [Option<usize>; 2] = [None, Some(100)];

/// A cache with ten entries on a server of its own.
fn ten(maxsize: Option<usize>) -> (Server, Values) {
    let server = Server::start();
    let (cache, _) = deaf(&patient(&server.url()), maxsize);
    assert_eq!((ask(&cache, 0..10, 0), ask(&cache, 0..10, 0)), (0, 10));
    (server, cache)
}

/// Runs `script` for `k`, each key there is, or the one of the keys in order.
fn spoil(server: &Server, only: Option<usize>, script: &str) {
    let which = only.map_or("true".into(), |at| format!("i == {}", at + 1));
    let script = format!(
        "local keys = redis.call('KEYS', '*') table.sort(keys) \
         for i, k in ipairs(keys) do if {which} then local t = redis.call('TYPE', k).ok {script} end end return 'OK'"
    );
    assert_eq!(server.cli(&["EVAL", &script, "0"]), "OK");
}

/// Calls go on being right; what was done is undone by `mend` at the latest.
fn stands(server: &Server, cache: &Values, what: &str) {
    for _ in 0..3 {
        ask(cache, 0..10, 0);
    }
    // Entries that were not there before as well.
    ask(cache, 10..20, 0);
    for key in 0..5 {
        let _ = cache.remove(&key);
    }
    ask(cache, 0..5, 1);
    ask(cache, 0..5, 1);
    let cleared = cache.clear();
    if cleared.is_err() {
        assert_eq!(server.cli(&["FLUSHALL"]), "OK");
    }
    ask(cache, 0..10, 2);
    assert_eq!(ask(cache, 0..10, 2), 10, "{what} is gone, and the server is used; clear said {cleared:?}");
}

#[test]
fn keys_of_another_type() {
    let types = [
        "redis.call('RPUSH', k, 'x')",
        "redis.call('SET', k, 'x')",
        "redis.call('HSET', k, 'x', 'x')",
        "redis.call('SADD', k, 'x')",
        "redis.call('ZADD', k, '1', 'x')",
        "redis.call('XADD', k, '*', 'x', 'x')",
    ];
    for maxsize in BOUNDS {
        for (number, script) in types.into_iter().enumerate() {
            for only in [None, Some(0), Some(1)] {
                let (server, cache) = ten(maxsize);
                spoil(&server, only, &format!("redis.call('DEL', k) {script}"));
                stands(&server, &cache, &format!("type {number} in place of {only:?}, bound {maxsize:?}"));
            }
        }
    }
}

#[test]
fn values_that_are_garbage() {
    let garbage = [
        "''",
        "'x'",
        "string.rep('x', 7)",
        "string.rep('\\0', 8)",
        "string.rep('\\255', 8)",
        "string.rep('\\255', 9)",
        "string.rep('\\255', 100)",
        "string.rep('\\0', 100)",
        "string.sub(v, 1, 8)",
        "string.sub(v, 1, 9)",
        "string.sub(v, 1, -2)",
        "string.sub(v, 2)",
        "v .. 'x'",
        "string.sub(v, 1, -2) .. string.char((string.byte(v, -1) + 1) % 256)",
        "string.sub(v, 1, 12) .. string.char((string.byte(v, 13) + 1) % 256) .. string.sub(v, 14)",
    ];
    for maxsize in BOUNDS {
        for garbage in garbage {
            let (server, cache) = ten(maxsize);
            let script = format!(
                "if t == 'string' then local v = redis.call('GET', k) redis.call('SET', k, {garbage}) end \
                 if t == 'hash' then for _, f in ipairs(redis.call('HKEYS', k)) do \
                 local v = redis.call('HGET', k, f) redis.call('HSET', k, f, {garbage}) end end"
            );
            spoil(&server, None, &script);
            ask(&cache, 0..10, 0);
            assert_eq!(ask(&cache, 0..10, 0), 10, "{garbage} was written over, bound {maxsize:?}");
            stands(&server, &cache, garbage);
        }
    }
}

#[test]
fn halves_of_entries() {
    let halves = [
        "redis.call('DEL', k)",
        "if t == 'zset' then for n = 1, 500 do redis.call('ZADD', k, n, 'orphan' .. n) end end",
        "if t == 'zset' then redis.call('ZPOPMIN', k, 5) end",
        "if t == 'zset' then for _, m in ipairs(redis.call('ZRANGE', k, 0, -1)) do redis.call('ZADD', k, '+inf', m) end end",
        "if t == 'zset' then for _, m in ipairs(redis.call('ZRANGE', k, 0, -1)) do redis.call('ZADD', k, '-inf', m) end end",
        "if t == 'hash' then for n = 1, 500 do redis.call('HSET', k, 'orphan' .. n, 'x') end end",
        "if t == 'hash' then redis.call('HDEL', k, redis.call('HKEYS', k)[1]) end",
    ];
    for half in halves {
        for only in [None, Some(0), Some(1)] {
            let (server, cache) = ten(Some(100));
            spoil(&server, only, half);
            ask(&cache, 0..10, 0);
            assert_eq!(ask(&cache, 0..10, 0), 10, "{half}: what is asked for is there again");
            ask(&cache, 0..1_000, 0);
            let len = cache.len();
            assert!(len <= 100, "{half}: {len} entries where 100 are allowed");
            assert_eq!(ask(&cache, 950..1_000, 0), 50, "{half}: and the newest are among them");
            stands(&server, &cache, half);
        }
    }
}
