//! One computation of a key at a time, and nobody who waits in vain.

use crate::load::fresh;
use crate::servers::Server;
use memolith_backends::Redis;
use memolith_core::{Backend, Claim, Space};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

fn redis(ttl: &str) -> Redis {
    Redis::open(&format!("{}?claim_ttl={ttl}", Server::shared().url())).unwrap()
}

#[test]
fn claims_keep_what_every_backend_promises() {
    memolith_core::conformance::claims(&redis("2s"));
}

#[test]
fn a_claim_lasts_longer_than_its_time() {
    let (redis, space) = (redis("120ms"), Space::new(fresh("claims")));
    let held = redis.claim(&space, b"key", Duration::ZERO).unwrap().unwrap();
    let end = Instant::now() + Duration::from_secs(1);
    while Instant::now() < end {
        assert!(redis.claim(&space, b"key", Duration::from_millis(50)).unwrap().is_none(), "it is renewed");
    }
    drop(held);
    free(&redis, &space);
}

/// Waits until the key is free, which is when a claim that was dropped was let go of in the background.
#[track_caller]
fn free(redis: &Redis, space: &Space) -> Claim {
    let end = Instant::now() + LONG;
    loop {
        match redis.claim(space, b"key", Duration::from_secs(10)).unwrap() {
            Some(claim) => return claim,
            None => assert!(Instant::now() < end, "the key is not free"),
        }
    }
}

/// A claim that nobody renews, like that of a process that was killed.
#[test]
fn a_dead_claimant_is_gone_with_its_time() {
    let (redis, space) = (redis("300ms"), Space::new(fresh("claims")));
    let held = redis.claim(&space, b"key", Duration::ZERO).unwrap().unwrap();
    let keys = Server::shared().cli(&["KEYS", &format!("memolith:{{{}}}:c:*", space.name)]);
    let key = keys.trim();
    assert_eq!(Server::shared().cli(&["SET", key, "another", "PX", "300"]), "OK");
    let start = Instant::now();
    assert!(redis.claim(&space, b"key", Duration::from_secs(10)).unwrap().is_none(), "another has it");
    let waited = start.elapsed();
    assert!((Duration::from_millis(200)..LONG / 4).contains(&waited), "its time was waited for: {waited:?}");
    let ours = free(&redis, &space);
    drop(held);
    drop(ours);
}

#[test]
fn what_is_let_go_of_by_one_that_lost_it_stays_with_its_holder() {
    let (redis, space) = (redis("2s"), Space::new(fresh("claims")));
    let held = redis.claim(&space, b"key", Duration::ZERO).unwrap().unwrap();
    let pattern = format!("memolith:{{{}}}:c:*", space.name);
    let key = Server::shared().cli(&["KEYS", &pattern]);
    Server::shared().cli(&["SET", key.trim(), "another", "PX", "60000"]);
    drop(held);
    assert!(redis.claim(&space, b"key", Duration::from_millis(200)).unwrap().is_none());
    assert_eq!(Server::shared().cli(&["GET", key.trim()]), "another");
}

#[test]
fn who_waits_is_let_go_at_once() {
    let (redis, space) = (redis("60s"), Space::new(fresh("claims")));
    let mut longest = Duration::ZERO;
    for _ in 0..10 {
        let held = free(&redis, &space);
        let (begins, has_begun) = channel();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                begins.send(()).unwrap();
                assert!(redis.claim(&space, b"key", LONG).unwrap().is_none(), "look first");
                Instant::now()
            });
            has_begun.recv().unwrap();
            std::thread::sleep(Duration::from_millis(20));
            let start = Instant::now();
            drop(held);
            longest = longest.max(waiter.join().unwrap().saturating_duration_since(start));
        });
    }
    println!("let go after {longest:?} at most");
    assert!(longest < LONG / 4, "{longest:?}");
}

#[test]
fn a_server_that_is_gone_holds_up_nobody() {
    let server = Server::start();
    let redis = Redis::open(&server.url()).unwrap();
    let space = Space::new("claims");
    let held = redis.claim(&space, b"key", Duration::ZERO).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| redis.claim(&space, b"key", LONG));
        std::thread::sleep(Duration::from_millis(50));
        let start = Instant::now();
        server.kill();
        let _ = waiter.join().unwrap();
        assert!(start.elapsed() < LONG / 4, "waited for {:?}", start.elapsed());
    });
    let start = Instant::now();
    drop(held);
    assert!(start.elapsed() < Duration::from_millis(100), "letting go does not wait");
    assert!(redis.claim(&space, b"key", LONG).is_err());
}
