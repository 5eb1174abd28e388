//! Tags on a server.

use crate::servers::Server;
use memolith_backends::Redis;
use memolith_core::{Backend, TagState};
use std::time::Duration;

#[test]
fn the_clock_moves_and_each_tag_knows_when() {
    let server = Server::start();
    let (one, other) = (Redis::open(&server.url()).unwrap(), Redis::open(&server.url()).unwrap());
    let long = vec![b'x'; 500];
    let tags: [&[u8]; 4] = [b"a", b"b", &long, b""];
    let first = one.tags(&tags).unwrap();
    assert_eq!((first.clock, &first.invalidated[..]), (0, &[0, 0, 0, 0][..]));
    let TagState { epoch, clock, .. } = other.invalidate_tags(&[b"b", &long]).unwrap();
    assert!(epoch == first.epoch && clock > 1_700_000_000_000_000, "the clock is the time at least: {clock}");
    let second = one.invalidate_tags(&[b"b"]).unwrap().clock;
    assert!(second > clock);
    let now = one.tags(&tags).unwrap();
    assert_eq!(now, TagState { epoch, clock: second, invalidated: vec![0, second, clock, 0] });
    assert_eq!(other.tags(&[]).unwrap().clock, second);
    // As a server whose clock is ahead has left it.
    let ahead = second + 1_000_000_000;
    server.cli(&["HSET", "memolith:tags", "c", &ahead.to_string()]);
    assert_eq!(one.invalidate_tags(&[]).unwrap().clock, ahead + 1);
    let apart = Redis::open(&format!("{}?prefix=apart", server.url())).unwrap();
    assert_ne!(apart.tags(&[]).unwrap().epoch, epoch);
}

#[test]
fn what_is_lost_is_another_epoch() {
    let server = Server::start();
    let redis = Redis::open(&server.url()).unwrap();
    let mut epochs = vec![redis.invalidate_tags(&[b"a"]).unwrap().epoch];
    for harm in [&["FLUSHALL"][..], &["SET", "memolith:tags", "foreign"], &["DEL", "memolith:tags"]] {
        server.cli(harm);
        let state = redis.tags(&[b"a"]).unwrap();
        assert_eq!(state.invalidated, [0]);
        epochs.push(state.epoch);
        server.cli(harm);
        epochs.push(redis.invalidate_tags(&[b"a"]).unwrap().epoch);
    }
    epochs.sort_unstable();
    epochs.dedup();
    assert_eq!(epochs.len(), 7, "each loss is told from all others: {epochs:?}");
}

/// As after a start from a dump, or at a replica that has taken over: the last invalidations may not be there.
#[test]
fn another_run_of_a_server_is_another_epoch() {
    let server = Server::start();
    let redis = Redis::open(&server.url()).unwrap();
    let before = redis.invalidate_tags(&[b"a"]).unwrap();
    assert_eq!(redis.tags(&[b"a"]).unwrap(), before);
    server.cli(&["HSET", "memolith:tags", "r", "that of another server"]);
    let after = redis.tags(&[b"a"]).unwrap();
    assert!(after.epoch != before.epoch && after.clock == before.clock);
    assert_eq!(redis.tags(&[b"a"]).unwrap(), after);
    server.cli(&["HSET", "memolith:tags", "r", "that of another server"]);
    let last = redis.invalidate_tags(&[b"a"]).unwrap();
    assert!(![before.epoch, after.epoch].contains(&last.epoch) && last.clock > before.clock);
}

/// A user who may not ask about the server: then its runs are one, and what holds among them does.
#[test]
fn a_server_may_keep_its_run_to_itself() {
    let server = Server::start();
    server.cli(&["ACL", "SETUSER", "default", "-info"]);
    let redis = Redis::open(&server.url()).unwrap();
    let state = redis.invalidate_tags(&[b"a"]).unwrap();
    assert_eq!(redis.tags(&[b"a"]).unwrap(), state);
}

#[test]
fn more_than_a_million_tags_are_another_epoch() {
    let server = Server::start();
    let redis = Redis::open(&format!("{}?timeout=5s", server.url())).unwrap();
    let before = redis.invalidate_tags(&[b"a"]).unwrap();
    let script = "for i = 1, 1000000 do redis.call('HSET', KEYS[1], 't:' .. i, 1) end return 'OK'";
    // Longer than the client of the tests waits for a reply.
    server.connect().unwrap().send(&["EVAL", script, "1", "memolith:tags"]).unwrap();
    crate::servers::eventually("the tags are there", || {
        std::thread::sleep(Duration::from_millis(50));
        server.try_cli(&["HLEN", "memolith:tags"]).is_ok_and(|length| length.parse() == Ok(1_000_004))
    });
    let after = redis.invalidate_tags(&[b"b"]).unwrap();
    assert_ne!(after.epoch, before.epoch);
    assert_eq!(server.cli(&["HLEN", "memolith:tags"]), "4");
    assert_eq!(redis.tags(&[b"a", b"b"]).unwrap().invalidated, [0, after.clock]);
}

/// What was tagged at a clock that nobody remembers would be believed when the clock comes there again.
#[test]
fn the_clock_of_who_takes_over_is_later_than_all_it_has_not_heard_of() {
    let server = Server::start();
    let redis = Redis::open(&server.url()).unwrap();
    redis.invalidate_tags(&[b"a"]).unwrap();
    assert_eq!(server.cli(&["COPY", "memolith:tags", "replica"]), "1");
    let forgotten = redis.invalidate_tags(&[b"a"]).unwrap();
    assert_eq!(server.cli(&["RENAME", "replica", "memolith:tags"]), "OK");
    let next = redis.invalidate_tags(&[b"a"]).unwrap();
    assert!(next.epoch != forgotten.epoch || next.clock > forgotten.clock, "{forgotten:?}, then {next:?}");
    // What is no number is mended.
    assert_eq!(server.cli(&["HSET", "memolith:tags", "c", "garbage"]), "0");
    assert!(redis.invalidate_tags(&[b"a"]).unwrap().clock > next.clock);
}
