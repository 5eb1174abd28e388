//! Spaces on a server, beside naive models, and with what others do to their keys.

use crate::servers::{Connection, Server};
use memolith_backends::Redis;
use memolith_core::{Backend, ErrorKind, Policy, Record, Space, Timestamp};
use std::collections::HashMap;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// Patient, because the machine may be busy with other tests.
fn redis(server: &Server, parameters: &str) -> Redis {
    Redis::open(&format!("{}?timeout=5s&{parameters}", server.url())).unwrap()
}

fn bounded(name: &str, maxsize: u64) -> Space {
    let mut space = Space::new(name);
    space.maxsize = Some(maxsize);
    space
}

fn record(value: impl Into<Vec<u8>>) -> Record {
    Record { value: value.into(), expires: Timestamp::NEVER }
}

fn key(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

fn fill(redis: &Redis, space: &Space, numbers: std::ops::Range<u64>) {
    let entries: Vec<(Vec<u8>, Record)> = numbers.map(|number| (key(number), record(key(number)))).collect();
    redis.put_many(space, &entries, NOW).unwrap();
}

fn value(redis: &Redis, space: &Space, number: u64) -> Option<Vec<u8>> {
    redis.get(space, &key(number), NOW).unwrap().map(|record| record.value)
}

#[test]
fn a_space_shrinks_from_30_000_to_10() {
    let server = Server::start();
    for policy in [Policy::Lru, Policy::Mru, Policy::Lfu, Policy::Random] {
        let redis = redis(&server, "");
        let name = format!("{policy:?}");
        let mut space = bounded(&name, 100_000);
        space.policy = policy;
        redis.open(&space).unwrap();
        fill(&redis, &space, 0..30_000);
        assert_eq!(redis.len(&space).unwrap(), 30_000);
        space.maxsize = Some(10);
        redis.open(&space).unwrap();
        assert_eq!(redis.len(&space).unwrap(), 10, "{policy:?}");
        let left = match policy {
            Policy::Lru => 29_990..30_000,
            Policy::Mru => 0..10,
            _ => continue,
        };
        assert!(left.clone().all(|number| value(&redis, &space, number).is_some()), "{policy:?}: {left:?} are left");
    }
}

/// A process that was told of no other bound than its own: its puts evict by it, each a part.
/// In a large space not each use is noted; those that would leave otherwise are.
#[test]
fn entries_in_use_stay_while_others_come_and_go() {
    const HOT: u64 = 100;
    let server = Server::start();
    let (redis, space) = (redis(&server, ""), bounded("busy", 1_500));
    redis.open(&space).unwrap();
    fill(&redis, &space, 0..1_500);
    let hot: Vec<Vec<u8>> = (0..HOT).map(key).collect();
    let hot: Vec<&[u8]> = hot.iter().map(Vec::as_slice).collect();
    for round in 15..150 {
        // Both ways of asking.
        let found = redis.get_many(&space, &hot[..50], NOW).unwrap();
        assert!(found.iter().all(Option::is_some), "in round {round}");
        assert!((50..HOT).all(|number| value(&redis, &space, number).is_some()), "in round {round}");
        fill(&redis, &space, round * 100..(round + 1) * 100);
    }
    assert_eq!(redis.len(&space).unwrap(), 1_500);
    server.cli(&["CONFIG", "RESETSTAT"]);
    (0..10_000).for_each(|at| assert!(value(&redis, &space, at % HOT).is_some()));
    let notes = server.calls(&["zadd"]);
    assert!(notes < 9_000, "{notes} of 10,000 uses were noted");
}

#[test]
fn a_put_keeps_the_bound_of_its_process() {
    let server = Server::start();
    let (large, small) = (redis(&server, ""), redis(&server, ""));
    fill(&large, &bounded("f", 100_000), 0..30_000);
    let space = bounded("f", 10);
    let lengths = [0, 1, 2, 3].map(|number| {
        small.put(&space, &key(100_000 + number), &record(*b"v"), NOW).unwrap();
        small.len(&space).unwrap()
    });
    assert_eq!(lengths, [20_001, 10_002, 10, 10]);
    assert!((100_000..100_004).all(|number| value(&small, &space, number).is_some()), "the newest are there");
    large.put(&bounded("f", 100_000), b"more", &record(*b"v"), NOW).unwrap();
    assert_eq!(large.len(&space).unwrap(), 11);
}

/// Operations by chance, and damage by chance: what is got is what was put last, or nothing; no bound is exceeded.
#[test]
fn whatever_is_done_to_the_keys_values_are_right_and_bounds_hold() {
    let server = Server::start();
    let mut cli = server.connect().unwrap();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for (number, parameters) in ["", "scores=sequence", "space_ttl=1h&sliding=yes", ""].into_iter().enumerate() {
        for policy in [Policy::Lru, Policy::Mru, Policy::Fifo, Policy::Lfu, Policy::Random] {
            let redis = redis(&server, parameters);
            let mut space = bounded(&format!("{policy:?}-{number}"), 8);
            space.policy = policy;
            space.max_bytes = (number == 3).then_some(200);
            redis.open(&space).unwrap();
            let mut last: HashMap<u64, Option<Vec<u8>>> = HashMap::new();
            for step in 0..400u64 {
                let mut draw = |bound: u64| {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    seed % bound
                };
                let one = draw(20);
                match draw(12) {
                    0..5 => {
                        let bytes = vec![step as u8; draw(30) as usize];
                        redis.put(&space, &key(one), &record(bytes.clone()), NOW).unwrap();
                        assert_eq!(value(&redis, &space, one), Some(bytes.clone()), "what was put just now");
                        last.insert(one, Some(bytes));
                    }
                    5..9 => {
                        let got = value(&redis, &space, one);
                        assert!(got.is_none() || Some(&got) == last.get(&one), "{got:?} of {one}, step {step}");
                    }
                    9 => {
                        redis.remove(&space, &key(one)).unwrap();
                        last.insert(one, None);
                        assert_eq!(value(&redis, &space, one), None, "what was removed just now");
                    }
                    10 => {
                        spoil(&mut cli, &space.name, (draw(9), one));
                        continue;
                    }
                    _ => drop(redis.get_many(&space, &[&key(one), &key(one), &key(one + 1)], NOW).unwrap()),
                }
                if redis.put(&space, b"0", &record(*b"v"), NOW).is_ok() {
                    last.insert(0, Some(b"v".to_vec()));
                    assert!(redis.len(&space).unwrap() <= 8, "step {step}, {space:?}");
                }
            }
            // All is mended: the bound is used again, by what was put last.
            redis.open(&space).unwrap();
            for one in 100..120 {
                redis.put(&space, &key(one), &record(key(one)), NOW).unwrap();
            }
            assert_eq!(redis.len(&space).unwrap(), 8, "{space:?}");
        }
    }
}

/// Takes or plants half an entry, or all, or puts keys of another type in the place of ours.
fn spoil(cli: &mut Connection, name: &str, (how, one): (u64, u64)) {
    let [scores, values] = ["s", "v"].map(|end| format!("memolith:{{{name}}}:{end}"));
    let field = format!("k{one}");
    let mut call = |command: &[&str]| drop(cli.call(command).unwrap());
    match how {
        0 => call(&["ZREM", &scores, &field]),
        1 => call(&["HDEL", &values, &field]),
        2 => call(&["DEL", &scores]),
        3 => call(&["DEL", &values]),
        4 => call(&["FLUSHALL"]),
        5 => (0..12).for_each(|i| call(&["ZADD", &scores, &i.to_string(), &format!("kghost{i}")])),
        6 => (0..12).for_each(|i| call(&["HSET", &values, &format!("korphan{i}"), "a value without a score"])),
        7 => {
            call(&["SET", &scores, "foreign"]);
            // Until a put mends it, nothing can be said to be there.
            call(&["DEL", &values]);
        }
        _ => {
            call(&["DEL", &values]);
            call(&["RPUSH", &values, "foreign"]);
            call(&["DEL", &values]);
        }
    }
}

#[test]
fn a_score_without_a_value_makes_no_room() {
    let server = Server::start();
    let (redis, space) = (redis(&server, ""), bounded("halves", 10));
    redis.open(&space).unwrap();
    fill(&redis, &space, 0..10);
    let oldest = server.cli(&["ZRANGE", "memolith:{halves}:s", "0", "0"]);
    assert_eq!(server.cli(&["HDEL", "memolith:{halves}:v", &oldest]), "1");
    // As many values as scores, but not of the same.
    assert_eq!(server.cli(&["HSET", "memolith:{halves}:v", "stranger", "value"]), "1");
    redis.put(&space, &key(10), &record(key(10)), NOW).unwrap();
    let held: u64 = server.cli(&["HLEN", "memolith:{halves}:v"]).parse().unwrap();
    assert!(held <= 10, "{held} of 10");
    assert_eq!(value(&redis, &space, 10), Some(key(10)));
}

#[test]
fn keys_of_a_foreign_type_are_mended_by_the_next_put() {
    let server = Server::start();
    let (redis, space, plain) = (redis(&server, ""), bounded("f", 5), Space::new("f"));
    for end in ["s", "v"] {
        fill(&redis, &space, 0..5);
        let name = format!("memolith:{{f}}:{end}");
        server.cli(&["DEL", &name]);
        server.cli(&["RPUSH", &name, "foreign"]);
        let got = redis.get(&space, b"1", NOW);
        assert!(got.is_err_and(|error| error.kind() == ErrorKind::Damaged) || end == "s");
        redis.put(&space, b"1", &record(*b"new"), NOW).unwrap();
        assert_eq!(value(&redis, &space, 1), Some(b"new".to_vec()));
        assert!(redis.len(&space).unwrap() <= 5);
    }
    server.cli(&["RPUSH", "memolith:{f}:k:1", "foreign"]);
    assert_eq!(redis.get(&plain, b"1", NOW).unwrap_err().kind(), ErrorKind::Damaged);
    assert_eq!(redis.get_many(&plain, &[b"1", b"2"], NOW).unwrap(), [None, None]);
    redis.put(&plain, b"1", &record(*b"new"), NOW).unwrap();
    assert_eq!(value(&redis, &plain, 1), Some(b"new".to_vec()));
}

#[test]
fn a_function_that_is_given_a_bound_or_loses_it_meets_nothing_of_before() {
    let server = Server::start();
    let (redis, plain, tracked) = (redis(&server, ""), Space::new("f"), bounded("f", 100));
    redis.open(&plain).unwrap();
    fill(&redis, &plain, 0..10);
    redis.open(&tracked).unwrap();
    redis.put(&tracked, b"1", &record(*b"newer"), NOW).unwrap();
    // A process that knows no bound still has the old entries: what is removed is gone for all, whoever removes it.
    assert_eq!(value(&redis, &plain, 1), None, "another value was put");
    assert!(redis.remove(&tracked, b"2").unwrap());
    assert_eq!(value(&redis, &plain, 2), None);
    assert!(redis.remove(&plain, b"1").unwrap());
    assert_eq!(value(&redis, &tracked, 1), None);
    assert_eq!(value(&redis, &plain, 3), Some(b"3".to_vec()));
    redis.clear(&tracked).unwrap();
    assert_eq!((redis.len(&plain).unwrap(), redis.len(&tracked).unwrap()), (0, 0));
    fill(&redis, &tracked, 0..10);
    redis.open(&plain).unwrap();
    assert_eq!(redis.len(&tracked).unwrap(), 0, "the values would be old when the bound comes back");
}

#[test]
fn another_policy_goes_on_with_the_entries_of_the_one_before() {
    let server = Server::start();
    let redis = redis(&server, "");
    let policies = [Policy::Lru, Policy::Lfu, Policy::Random, Policy::Mru, Policy::Lfu, Policy::Fifo, Policy::Random];
    let mut space = bounded("f", 10);
    for (round, policy) in (0u64..).zip(policies) {
        space.policy = policy;
        redis.open(&space).unwrap();
        assert_eq!(redis.len(&space).unwrap(), if round == 0 { 0 } else { 10 });
        let numbers = round * 100..round * 100 + 10;
        numbers.clone().for_each(|number| redis.put(&space, &key(number), &record(key(number)), NOW).unwrap());
        let left = numbers.filter(|number| value(&redis, &space, *number).is_some()).count();
        // Of what was there before nobody looks younger than what comes, but for what is used last and leaves first.
        assert!(left == 10 || matches!(policy, Policy::Mru | Policy::Random), "{left} of 10 are left, {policy:?}");
    }
}

#[test]
fn a_space_forgets_all_at_its_time() {
    let server = Server::start();
    for (parameters, sliding) in [("space_ttl=1h", false), ("space_ttl=1h&sliding=yes", true)] {
        let redis = redis(&server, &format!("prefix={sliding}&{parameters}"));
        let space = Space::new("f");
        redis.open(&space).unwrap();
        let ttl = |end: &str| server.cli(&["PTTL", &format!("{sliding}:{{f}}:{end}")]).parse::<i64>().unwrap();
        let shorten = || ["s", "v"].map(|end| server.cli(&["PEXPIRE", &format!("{sliding}:{{f}}:{end}"), "60000"]));
        fill(&redis, &space, 0..3);
        assert!(["s", "v"].map(ttl).iter().all(|left| (3_500_000..=3_600_000).contains(left)));
        shorten();
        assert!(value(&redis, &space, 1).is_some());
        assert!(["s", "v"].map(ttl).iter().all(|left| (*left > 60_000) == sliding), "a hit");
        shorten();
        fill(&redis, &space, 3..5);
        assert!(["s", "v"].map(ttl).iter().all(|left| (*left > 60_000) == sliding), "a put");
    }
}

#[test]
fn functions_that_share_a_pair_share_its_bound_and_nothing_else() {
    let server = Server::start();
    let redis = redis(&server, "scope=shared");
    let spaces = ["f", "g", "f*"].map(|name| bounded(name, 30));
    for space in &spaces {
        redis.open(space).unwrap();
        fill(&redis, space, 0..20);
    }
    let lengths = || spaces.each_ref().map(|space| redis.len(space).unwrap());
    assert_eq!(lengths(), [0, 10, 20], "the oldest left, whoever had put them");
    redis.clear(&spaces[1]).unwrap();
    assert_eq!(lengths(), [0, 0, 20]);
    assert_eq!((value(&redis, &spaces[2], 3), value(&redis, &spaces[1], 15)), (Some(b"3".to_vec()), None));
}

#[test]
fn stripes_share_the_bound_and_refuse_one_that_is_too_small() {
    let server = Server::start();
    let redis = redis(&server, "stripes=4");
    let space = bounded("f", 43);
    redis.open(&space).unwrap();
    fill(&redis, &space, 0..1_000);
    assert_eq!(redis.len(&space).unwrap(), 40, "each of four has ten");
    assert_eq!(redis.open(&bounded("f", 3)).unwrap_err().kind(), ErrorKind::Unsupported);
    let keys: Vec<Vec<u8>> = (0..1_000).map(key).collect();
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    let found = redis.get_many(&space, &keys, NOW).unwrap();
    let right = |(key, record): (&&[u8], &Option<Record>)| record.as_ref().is_none_or(|record| record.value == *key);
    assert!(keys.iter().zip(&found).all(right));
    assert_eq!(found.iter().flatten().count(), 40);
}

#[test]
fn a_batch_is_in_order_whatever_can_be_kept_of_it() {
    let server = Server::start();
    let redis = redis(&server, "");
    let mut space = Space::new("f");
    space.max_bytes = Some(100);
    let (small, large) = (record(vec![1; 10]), record(vec![2; 200]));
    let dead = Record { value: vec![3], expires: NOW };
    let batch = |records: &[&Record]| {
        let entries: Vec<_> = records.iter().map(|record| (b"key".to_vec(), Record::clone(record))).collect();
        redis.put_many(&space, &entries, NOW).unwrap();
        redis.get(&space, b"key", NOW).unwrap()
    };
    assert_eq!(batch(&[&small]), Some(small.clone()));
    assert_eq!(batch(&[&small, &large]), None);
    assert_eq!(batch(&[&large, &small]), Some(small.clone()));
    assert_eq!(batch(&[&small, &dead]), None);
    assert_eq!(batch(&[&dead, &small, &large, &small]), Some(small.clone()));
}

#[test]
fn what_expires_is_left_to_the_server_as_well() {
    let server = Server::start();
    let redis = redis(&server, "");
    let space = Space::new("f");
    let expiring = Record { value: b"v".to_vec(), expires: Timestamp::from_micros(NOW.as_micros() + 60_000_500) };
    redis.put(&space, b"1", &expiring, NOW).unwrap();
    let left: u64 = server.cli(&["PTTL", "memolith:{f}:k:1"]).parse().unwrap();
    assert!((55_000..=60_001).contains(&left), "{left}");
    // One that has expired in a tracked space leaves when it is met.
    let space = bounded("g", 10);
    redis.put(&space, b"1", &expiring, NOW).unwrap();
    assert_eq!(redis.get(&space, b"1", expiring.expires).unwrap(), None);
    assert_eq!(redis.len(&space).unwrap(), 0);
}

/// A program of before, which knows no bound of bytes, may go on while the next one is rolled out.
#[test]
fn entries_that_nobody_weighed_cost_the_server_no_look_at_all_others() {
    let server = Server::start();
    let redis = redis(&server, "timeout=20s");
    let counted = bounded("weighed", 1_000_000);
    let mut weighed = counted.clone();
    weighed.max_bytes = Some(1 << 30);
    let entries: Vec<_> = (0..100_000).map(|number| (key(number), record([7; 100]))).collect();
    redis.put_many(&counted, &entries, NOW).unwrap();
    let put = |space: &Space, number| {
        redis.put(space, &key(number), &record("value"), NOW).unwrap();
        server.calls(&["hscan"])
    };
    let all = put(&weighed, 1_000_000);
    assert!(all > 0, "the first one weighs all");
    for number in 0..10 {
        put(&counted, 2_000_000 + number);
        assert_eq!(put(&weighed, 3_000_000 + number), all);
    }
}

#[test]
fn a_batch_of_large_values_is_put_in_parts_that_a_call_has_time_for() {
    let server = Server::start();
    let redis = redis(&server, "timeout=500ms");
    for space in [Space::new("large"), bounded("large", 1_000)] {
        let entries: Vec<_> = (0..60).map(|number| (key(number), record(vec![7; 4 << 20]))).collect();
        redis.put_many(&space, &entries, NOW).unwrap();
        assert!((0..60).all(|number| value(&redis, &space, number).is_some_and(|value| value.len() == 4 << 20)));
        redis.clear(&space).unwrap();
    }
}
