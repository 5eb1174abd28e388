//! Puts that need no script, because room for them was lent: bounds hold all the same.

use crate::servers::{Cluster, Server, eventually};
use memolith_backends::Redis;
use memolith_core::{Backend, Policy, Record, Result, Space, Timestamp};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
/// The smallest space in which room is lent, eight places at a time.
const MOST: u64 = 1_024;

fn redis(server: &Server) -> Redis {
    Redis::open(&format!("{}?timeout=5s", server.url())).unwrap()
}

fn space(policy: Policy) -> Space {
    let mut space = Space::new("f");
    (space.maxsize, space.policy) = (Some(MOST), policy);
    space
}

fn try_put(redis: &Redis, space: &Space, number: u64) -> Result<()> {
    let bytes = number.to_string().into_bytes();
    redis.put(space, &bytes, &Record { value: bytes.clone(), expires: Timestamp::NEVER }, NOW)
}

fn put(redis: &Redis, space: &Space, number: u64) {
    try_put(redis, space, number).unwrap();
}

fn is_there(redis: &Redis, space: &Space, number: u64) -> bool {
    let bytes = number.to_string().into_bytes();
    let found = redis.get(space, &bytes, NOW).unwrap();
    assert!(found.as_ref().is_none_or(|record| record.value == bytes), "{number}");
    found.is_some()
}

fn count(server: &Server, what: &[&str]) -> u64 {
    server.cli(what).parse().unwrap()
}

/// How many places the server has written down as lent.
fn lent(server: &Server) -> u64 {
    server.cli(&["HVALS", "memolith:{f}:l"]).lines().map(|count| count.parse::<u64>().unwrap()).sum()
}

/// How many scripts were run since the figures were reset.
fn scripts(server: &Server) -> u64 {
    server.calls(&["eval", "evalsha"])
}

#[test]
fn few_puts_need_a_script_and_the_newest_stay() {
    let server = Server::start();
    for policy in [Policy::Lru, Policy::Fifo] {
        server.cli(&["FLUSHALL"]);
        let (redis, space) = (redis(&server), space(policy));
        redis.open(&space).unwrap();
        (0..MOST).for_each(|number| put(&redis, &space, number));
        assert!((0..MOST).all(|number| is_there(&redis, &space, number)), "all fit, {policy:?}");
        server.cli(&["CONFIG", "RESETSTAT"]);
        for number in MOST..3 * MOST {
            put(&redis, &space, number);
        }
        let scripts = scripts(&server);
        assert!(scripts < MOST, "{scripts} scripts for {} puts, {policy:?}", 2 * MOST);
        let left: Vec<u64> = (0..3 * MOST).filter(|number| is_there(&redis, &space, *number)).collect();
        assert!((MOST - 8..=MOST).contains(&(left.len() as u64)), "{} are left, {policy:?}", left.len());
        assert_eq!(left, (3 * MOST - left.len() as u64..3 * MOST).collect::<Vec<_>>(), "{policy:?}");
    }
}

#[test]
fn what_expires_needs_few_scripts_too_and_the_server_forgets_it() {
    let server = Server::start();
    let (redis, space) = (redis(&server), space(Policy::Lru));
    redis.open(&space).unwrap();
    let hour = Timestamp::from_micros(NOW.as_micros() + 3_600_000_000);
    let put = |number: u64, expires| {
        let bytes = number.to_string().into_bytes();
        redis.put(&space, &bytes, &Record { value: bytes.clone(), expires }, NOW).unwrap();
    };
    put(0, hour);
    server.cli(&["CONFIG", "RESETSTAT"]);
    (1..2 * MOST).for_each(|number| put(number, hour));
    assert!(scripts(&server) < MOST / 2, "{} scripts", scripts(&server));
    let left = (0..2 * MOST).filter(|number| is_there(&redis, &space, *number)).count();
    assert!((MOST as usize - 8..=MOST as usize).contains(&left), "{left}");
    // Before Redis 7.4 and Valkey 9 no server could.
    if server.cli(&["COMMAND", "INFO", "HPEXPIRE"]).contains("write") {
        let left = |number: u64| {
            let field = format!("k{number}");
            server.cli(&["HPTTL", "memolith:{f}:v", "FIELDS", "1", &field]).parse::<i64>().unwrap()
        };
        let all = 2 * MOST - 500..2 * MOST;
        assert!(all.clone().all(|number| (3_500_000..=3_600_000).contains(&left(number))));
        all.clone().for_each(|number| put(number, Timestamp::NEVER));
        assert!(all.clone().all(|number| left(number) == -1), "what is put anew lives for ever");
        all.clone().for_each(|number| put(number, Timestamp::from_micros(NOW.as_micros() + 1_000)));
        eventually("the server has forgotten them", || all.clone().all(|number| left(number) == -2));
    }
}

#[test]
fn in_a_large_space_uses_are_counted_without_a_script() {
    let server = Server::start();
    let (redis, space) = (redis(&server), space(Policy::Lfu));
    redis.open(&space).unwrap();
    (0..MOST).for_each(|number| put(&redis, &space, number));
    server.cli(&["CONFIG", "RESETSTAT"]);
    assert!((0..10).all(|_| is_there(&redis, &space, 7)), "one use after the other");
    let keys: Vec<Vec<u8>> = (0..100u64).map(|number| number.to_string().into_bytes()).collect();
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    assert!(redis.get_many(&space, &keys, NOW).unwrap().iter().all(Option::is_some), "a hundred at once");
    assert_eq!(scripts(&server), 0);
    let uses = |number: u64| server.cli(&["ZSCORE", "memolith:{f}:s", &format!("k{number}")]).parse::<f64>().unwrap();
    assert_eq!([7, 8, 200].map(|number| uses(number).floor()), [12.0, 2.0, 1.0]);
    // A score that was lost is made anew by the script.
    server.cli(&["ZREM", "memolith:{f}:s", "k8"]);
    assert!(is_there(&redis, &space, 8));
    assert_eq!(uses(8).floor(), 1.0);
    assert!((1..=2).contains(&scripts(&server)), "once more if the server has not seen the script");
    (MOST..3 * MOST).for_each(|number| put(&redis, &space, number));
    assert!(scripts(&server) < MOST);
    assert!((0..8).chain(9..100).all(|number| is_there(&redis, &space, number)), "they were used more often");
    assert!(redis.len(&space).unwrap() <= MOST);
}

#[test]
fn what_was_put_from_here_needs_no_note_of_its_first_use() {
    let server = Server::start();
    let mut space = space(Policy::Lru);
    space.maxsize = Some(100_000);
    let (one, other) = (redis(&server), redis(&server));
    [&one, &other].iter().for_each(|redis| redis.open(&space).unwrap());
    (0..200).for_each(|number| put(&one, &space, number));
    for (redis, noted) in [(&one, 0..100), (&other, 200..201)] {
        server.cli(&["CONFIG", "RESETSTAT"]);
        assert!((0..200).all(|number| is_there(redis, &space, number)));
        let told = server.calls(&["zadd"]);
        assert!(noted.contains(&told), "{told} uses were noted");
    }
}

#[test]
fn of_many_uses_the_server_is_told_some_together() {
    let server = Server::start();
    let (redis, space) = (redis(&server), space(Policy::Lfu));
    redis.open(&space).unwrap();
    (0..100).for_each(|number| put(&redis, &space, number));
    server.cli(&["CONFIG", "RESETSTAT"]);
    let uses = |number: u64| server.cli(&["ZSCORE", "memolith:{f}:s", &format!("k{number}")]).parse::<f64>().unwrap();
    for used in 1..=600_u32 {
        assert!(is_there(&redis, &space, 7));
        if used.is_power_of_two() {
            let known = uses(7) - 1.0;
            assert!(
                known <= f64::from(used) + 1.0 && known >= (f64::from(used) - 1.0) * 2.0 / 3.0,
                "{known} of {used}"
            );
        }
    }
    let keys: Vec<Vec<u8>> = (0..100u64).map(|number| number.to_string().into_bytes()).collect();
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    for _ in 0..30 {
        assert!(redis.get_many(&space, &keys, NOW).unwrap().iter().all(Option::is_some));
    }
    assert!(keys.iter().all(|key| uses(std::str::from_utf8(key).unwrap().parse().unwrap()) >= 20.0));
    let told = server.calls(&["zadd"]);
    assert!(told < 1_000, "told {told} times of 3,600 uses");
    assert_eq!(scripts(&server), 0);
    // What is put anew is counted anew, however often it was used before.
    put(&redis, &space, 7);
    assert!(is_there(&redis, &space, 7) && uses(7).floor() == 2.0);
}

#[test]
fn who_is_lent_nothing_puts_all_the_same_and_once() {
    let server = Server::start();
    let space = space(Policy::Lru);
    let first = redis(&server);
    // The server learns the script.
    put(&first, &space, 0);
    // Eight of them have all that may be lent, a sixteenth.
    let redis: Vec<Redis> = (0..10).map(|_| redis(&server)).collect();
    for (number, redis) in (1..).zip(&redis) {
        redis.open(&space).unwrap();
        server.cli(&["CONFIG", "RESETSTAT"]);
        put(redis, &space, number);
        assert_eq!(scripts(&server), 1, "process {number}");
    }
    assert!((0..=10).all(|number| is_there(&first, &space, number)));
    assert_eq!(lent(&server), MOST / 16);
}

#[test]
fn one_is_lent_a_part_of_a_space_and_not_much() {
    let server = Server::start();
    let redis = redis(&server);
    for (most, places) in [(MOST - 1, 0), (MOST, 8), (4 * MOST, 32), (8 * MOST, 64), (1_000 * MOST, 64)] {
        let mut space = space(Policy::Lru);
        space.maxsize = Some(most);
        server.cli(&["FLUSHALL"]);
        redis.open(&space).unwrap();
        // The first asks on no connection that it knows, and a second may have learned what time it is.
        (0..3).for_each(|number| put(&redis, &space, number));
        assert_eq!(lent(&server), places, "of {most}");
    }
    server.cli(&["FLUSHALL"]);
    let patient = Redis::open(&format!("{}?timeout=6s", server.url())).unwrap();
    patient.open(&space(Policy::Lru)).unwrap();
    (0..3).for_each(|number| put(&patient, &space(Policy::Lru), number));
    assert_eq!(lent(&server), 0, "a command may be answered after its place was lent to others");
}

/// Periods are of eight seconds, and what was lent in the last two is kept free.
#[test]
fn what_was_lent_long_ago_is_room_again() {
    for (ago, held) in [(0, MOST - 64..=MOST - 48), (3, MOST - 16..=MOST)] {
        let server = Server::start();
        let (redis, space) = (redis(&server), space(Policy::Lru));
        redis.open(&space).unwrap();
        let seconds: u64 = server.cli(&["TIME"]).lines().next().unwrap().parse().unwrap();
        let period = ((seconds / 8 - ago) << 20).to_string();
        server.cli(&["HSET", "memolith:{f}:l", &period, "48"]);
        (0..MOST + 64).for_each(|number| put(&redis, &space, number));
        let len = redis.len(&space).unwrap();
        assert!(held.contains(&len), "{len} after {ago} periods");
    }
}

/// A script may name no key there that is not where its slot is.
#[test]
fn a_cluster_lends_nothing() {
    let cluster = Cluster::start();
    let redis = Redis::open(&format!("{}?timeout=5s", cluster.url())).unwrap();
    let space = space(Policy::Lru);
    redis.open(&space).unwrap();
    (0..100).for_each(|number| put(&redis, &space, number));
    assert!((0..100).all(|number| is_there(&redis, &space, number)));
    let keys = |node: &&Server| node.cli(&["KEYS", "*"]);
    assert!(cluster.masters().iter().all(|node| !keys(node).contains("}:l")));
}

#[test]
fn a_bound_holds_when_the_server_forgets_what_was_lent() {
    let server = Server::start();
    let (one, other, space) = (redis(&server), redis(&server), space(Policy::Lru));
    [&one, &other].iter().for_each(|redis| redis.open(&space).unwrap());
    (0..2 * MOST).for_each(|number| put(&one, &space, number));
    assert_eq!(server.cli(&["TTL", "memolith:{f}:l"]), "-1", "what has an end is evicted first");
    for round in 1..20 {
        // The first of them asks, and the others have no time to find out.
        (0..3).for_each(|number| put(&one, &space, round * 10_000 + number));
        server.cli(&["DEL", "memolith:{f}:l"]);
        (100..120).for_each(|number| put(&other, &space, round * 10_000 + number));
        (3..10).for_each(|number| put(&one, &space, round * 10_000 + number));
        let values = count(&server, &["HLEN", "memolith:{f}:v"]);
        assert!((MOST - 2 * MOST / 16..=MOST).contains(&values), "{values} in round {round}");
    }
}

#[test]
fn what_was_forgotten_is_not_given_back() {
    let server = Server::start();
    let (one, other, space) = (redis(&server), redis(&server), space(Policy::Lru));
    [&one, &other].iter().for_each(|redis| redis.open(&space).unwrap());
    (0..100).for_each(|number| put(&one, &space, number));
    server.cli(&["DEL", "memolith:{f}:l"]);
    put(&other, &space, 100);
    // It has filled what it was lent before, and asks again.
    (200..210).for_each(|number| put(&one, &space, number));
    assert_eq!(lent(&server), 16, "eight places for each");
}

#[test]
fn what_is_there_is_put_again_without_room() {
    let server = Server::start();
    let (redis, space) = (redis(&server), space(Policy::Lru));
    redis.open(&space).unwrap();
    (0..MOST / 2).for_each(|number| put(&redis, &space, number));
    server.cli(&["CONFIG", "RESETSTAT"]);
    (0..4 * MOST).for_each(|number| put(&redis, &space, number % (MOST / 2)));
    let scripts = scripts(&server);
    assert!(scripts < MOST, "{scripts} scripts for {} puts", 4 * MOST);
    assert_eq!(redis.len(&space).unwrap(), MOST / 2);
}

/// What was lent under the bound of before is not filled any more.
#[test]
fn a_bound_that_is_lowered_holds_at_once() {
    let server = Server::start();
    let (redis, lowered) = (redis(&server), space(Policy::Lru));
    let mut raised = space(Policy::Lru);
    raised.maxsize = Some(8 * MOST);
    let mut numbers = 0..;
    let mut put_some =
        |space: &Space, count| numbers.by_ref().take(count).for_each(|number| put(&redis, space, number));
    for round in 0..10 {
        redis.open(&raised).unwrap();
        put_some(&raised, MOST as usize);
        redis.open(&lowered).unwrap();
        for _ in 0..20 {
            put_some(&lowered, 1);
            let held = redis.len(&lowered).unwrap();
            assert!(held <= MOST, "{held} of {MOST} in round {round}");
        }
    }
}

/// Some that know nothing of each other, with several threads each, that lose their connections now and then.
#[test]
fn a_bound_holds_whoever_puts_at_the_same_time() {
    let server = Server::start();
    let redis = [redis(&server), redis(&server), redis(&server)];
    let space = space(Policy::Lru);
    redis.iter().for_each(|redis| redis.open(&space).unwrap());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let space = &space;
        let workers: Vec<_> = (0..6u64)
            .map(|worker| {
                let redis = &redis[worker as usize % 3];
                scope.spawn(move || {
                    for number in 0..1_500 {
                        // A connection may be cut as often as a call tries.
                        let _ = try_put(redis, space, worker * 10_000 + number);
                        match number % 97 {
                            1 => drop(redis.remove(space, (worker * 10_000 + number / 2).to_string().as_bytes())),
                            2 => drop(try_put(redis, space, worker * 10_000 + number / 3)),
                            _ => {}
                        }
                    }
                })
            })
            .collect();
        let mut looks = 0;
        while workers.iter().any(|worker| !worker.is_finished()) {
            let values = count(&server, &["HLEN", "memolith:{f}:v"]);
            let scores = count(&server, &["ZCARD", "memolith:{f}:s"]);
            if values.max(scores) > MOST {
                over.store(true, Relaxed);
                println!("{values} values, {scores} scores");
            }
            looks += 1;
            if looks % 200 == 0 {
                server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
            }
        }
    });
    assert!(!over.load(Relaxed), "there were more than {MOST}");
    let held = redis[0].len(&space).unwrap();
    assert!((MOST * 15 / 16..=MOST).contains(&held), "{held} of {MOST}");
}

#[test]
fn what_others_do_to_the_keys_is_mended() {
    let server = Server::start();
    let (redis, space) = (redis(&server), space(Policy::Lru));
    redis.open(&space).unwrap();
    (0..2 * MOST).for_each(|number| put(&redis, &space, number));
    let spoilt: [&[&str]; 5] = [
        &["DEL", "memolith:{f}:s"],
        &["DEL", "memolith:{f}:v"],
        &["DEL", "memolith:{f}:l"],
        &["HSET", "memolith:{f}:l", "1", "foreign"],
        &["FLUSHALL"],
    ];
    for (round, command) in (1u64..).zip(spoilt) {
        server.cli(command);
        let numbers = round * 10_000..round * 10_000 + 2 * MOST;
        numbers.clone().for_each(|number| {
            put(&redis, &space, number);
            assert!(is_there(&redis, &space, number), "{command:?}");
        });
        let held = redis.len(&space).unwrap();
        // Where nothing says how much is lent, it may be a sixteenth.
        assert!((MOST * 15 / 16 - 16..=MOST).contains(&held), "{held} of {MOST} after {command:?}");
    }
    for key in ["memolith:{f}:s", "memolith:{f}:v", "memolith:{f}:l"] {
        server.cli(&["DEL", key]);
        server.cli(&["RPUSH", key, "foreign"]);
        (0..100).for_each(|number| put(&redis, &space, number));
        assert!((0..100).all(|number| is_there(&redis, &space, number)), "{key}");
        assert!(redis.len(&space).unwrap() <= MOST, "{key}");
    }
}
