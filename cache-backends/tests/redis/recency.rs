//! Entries in use stay, however unevenly others come.

use crate::servers::Server;
use memolith_backends::Redis;
use memolith_core::{Backend, Policy, Record, Space, Timestamp};
use std::ops::Range;
use std::thread;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
/// The smallest space in which not each use is noted.
const MOST: u64 = 1_024;
const HOT: u64 = 100;

fn put(redis: &Redis, space: &Space, numbers: Range<u64>) {
    let record = Record { value: b"value".to_vec(), expires: Timestamp::NEVER };
    let entries: Vec<_> = numbers.map(|number| (number.to_le_bytes().to_vec(), record.clone())).collect();
    redis.put_many(space, &entries, NOW).unwrap();
}

/// Some that are very old say nothing of how many are younger than those in use.
#[test]
fn entries_in_use_stay_when_many_come_at_once_after_a_quiet_time() {
    let server = Server::start();
    let redis = [(); 2].map(|()| Redis::open(&format!("{}?timeout=5s", server.url())).unwrap());
    let [user, other] = &redis;
    let mut space = Space::new("f");
    (space.maxsize, space.policy) = (Some(MOST), Policy::Lru);
    redis.iter().for_each(|redis| redis.open(&space).unwrap());
    put(user, &space, 0..HOT);
    for old in 0..20 {
        server.cli(&["HSET", "memolith:{f}:v", &format!("old{old}"), "a long time ago"]);
        server.cli(&["ZADD", "memolith:{f}:s", "1000000", &format!("old{old}")]);
    }
    for burst in 1..100 {
        for number in 0..HOT {
            let found = user.get(&space, &number.to_le_bytes(), NOW).unwrap();
            assert!(found.is_some(), "{number} has left, though it was just used");
        }
        put(other, &space, burst * 1_000..burst * 1_000 + if burst <= 17 { 50 } else { 10 });
    }
}

/// Threads that learn at the same time what the order is mistake no reply for another.
#[test]
fn threads_that_ask_for_many_over_several_stripes_get_what_is_there() {
    let server = Server::start();
    let redis = Redis::open(&format!("{}?timeout=5s&stripes=4", server.url())).unwrap();
    let mut space = Space::new("f");
    (space.maxsize, space.policy) = (Some(8 * MOST), Policy::Lru);
    redis.open(&space).unwrap();
    put(&redis, &space, 0..HOT);
    let keys: Vec<[u8; 8]> = (0..8u64).map(u64::to_le_bytes).collect();
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    let ask = || {
        for _ in 0..3_000 {
            let found = redis.get_many(&space, &keys, NOW).unwrap();
            assert!(found.iter().flatten().all(|record| record.value == b"value"), "{found:?}");
            assert!(found.iter().all(Option::is_some), "{found:?}");
        }
    };
    thread::scope(|scope| (0..8).for_each(|_| _ = scope.spawn(ask)));
}
