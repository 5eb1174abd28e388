//! One computation of a key at a time, and nobody who waits in vain.

use crate::load::fresh;
use crate::servers::{Cluster, Server};
use memolith_backends::Redis;
use memolith_core::{Backend, Cache, Claim, Postcard, Space};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

fn redis(ttl: &str) -> Redis {
    // With time enough also where the machine does much else.
    Redis::open(&format!("{}?claim_ttl={ttl}&timeout=10s", Server::shared().url())).unwrap()
}

#[test]
fn claims_keep_what_every_backend_promises() {
    memolith_core::conformance::claims(&redis("2s"));
}

#[test]
fn and_so_they_do_on_a_cluster() {
    let cluster = Cluster::start();
    let redis = |parameters| Redis::open(&format!("{}?timeout=10s{parameters}", cluster.url())).unwrap();
    memolith_core::conformance::claims(&redis(""));
    memolith_core::conformance::claims(&redis("&stripes=7"));
}

#[test]
fn a_claim_lasts_longer_than_its_time() {
    let (redis, space) = (redis("500ms"), Space::new(fresh("claims")));
    let held = redis.claim(&space, b"key", Duration::ZERO).unwrap().unwrap();
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        assert!(redis.claim(&space, b"key", Duration::from_millis(50)).unwrap().is_none(), "it is renewed");
    }
    drop(held);
    drop(free(&redis, &space));
}

/// A server that says nothing costs those on it their claims, and nobody else.
#[test]
fn a_claim_is_renewed_while_another_server_is_silent() {
    let cluster = Cluster::start();
    let open = || Redis::open(&format!("{}?claim_ttl=600ms&timeout=3s", cluster.url())).unwrap();
    let (redis, other) = (open(), open());
    let node = |space: &Space| {
        let slot = cluster.nodes()[0].cli(&["CLUSTER", "KEYSLOT", &format!("{{{}}}", space.name)]);
        cluster.owner(slot.parse().unwrap())
    };
    let spaces: Vec<_> = (0..20).map(|number| Space::new(format!("claims{number}"))).collect();
    let silent = node(&spaces[0]);
    let ours = spaces.iter().find(|space| node(space).port() != silent.port()).unwrap();
    let _lost = redis.claim(&spaces[0], b"key", Duration::ZERO).unwrap().unwrap();
    let _held = redis.claim(ours, b"key", Duration::ZERO).unwrap().unwrap();
    silent.stop();
    // A second after that the cluster notices, and for a while no node serves anybody.
    let end = Instant::now() + Duration::from_millis(950);
    while Instant::now() < end {
        assert!(!matches!(other.claim(ours, b"key", Duration::ZERO), Ok(Some(_))), "it is renewed");
        std::thread::sleep(Duration::from_millis(20));
    }
    silent.cont();
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
    let ours = free(&redis, &space);
    let waited = start.elapsed();
    assert!((Duration::from_millis(200)..LONG / 4).contains(&waited), "its time was waited for: {waited:?}");
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

/// A thread and a task.
#[test]
fn who_waits_asks_hardly_anything() {
    let server = Server::start();
    let cache = || -> Cache<u64, u64> {
        let redis = Redis::open(&format!("{}?timeout=5s", server.url())).unwrap();
        Cache::builder().maxsize(None).memory(0).wait(LONG).backend(redis, "asked", Postcard).build()
    };
    let (ours, thread, task) = (cache(), cache(), cache());
    // What scripts do counts as well, so GET is not looked at.
    let commands = ["eval", "evalsha", "subscribe", "unsubscribe"];
    let mut before = 0;
    std::thread::scope(|scope| {
        let (begins, has_begun) = channel();
        let ours = &ours;
        let computing = scope.spawn(move || {
            ours.get_or_insert_with(&1, || {
                begins.send(()).unwrap();
                std::thread::sleep(Duration::from_secs(3));
                7
            })
        });
        has_begun.recv().unwrap();
        before = server.calls(&commands);
        let waiting = scope.spawn(|| thread.get_or_insert_with(&1, || 8));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(task.get_or_insert_async(&1, async || 9)), 7);
        assert_eq!((waiting.join().unwrap(), computing.join().unwrap()), (7, 7));
    });
    let asked = server.calls(&commands) - before;
    println!("{asked} commands of one who computes for 3 s and two who wait");
    assert!(asked < 30, "{asked} commands of one who computes for 3 s and two who wait");
}

#[test]
fn long_keys_are_told_apart() {
    let (redis, space) = (redis("60s"), Space::new(fresh("claims")));
    let keys = [vec![b'a'; 5_000], [&[b'a'; 4_999][..], b"b"].concat(), vec![b'a'; 64], vec![b'a'; 65], vec![]];
    let claims: Vec<_> = keys.iter().map(|key| redis.claim(&space, key, Duration::ZERO).unwrap().unwrap()).collect();
    assert!(keys.iter().all(|key| redis.claim(&space, key, Duration::ZERO).unwrap().is_none()));
    drop(claims);
}

#[test]
fn tasks_wait_without_threads_of_their_own() {
    let (redis, space) = (redis("2s"), Space::new(fresh("claims")));
    let held = redis.claim(&space, b"key", Duration::ZERO).unwrap().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let claim = |wait| redis.as_async().unwrap().claim(&space, b"key", wait).unwrap();
        let start = Instant::now();
        assert!(claim(Duration::from_millis(100)).await.unwrap().is_none());
        assert!((Duration::from_millis(90)..LONG).contains(&start.elapsed()), "{:?}", start.elapsed());
        // All wait on this one thread, which lets go of the claim in between.
        let release = async { drop(held) };
        let waits = (0..20).map(|_| claim(LONG)).collect::<Vec<_>>();
        let start = Instant::now();
        let mut waiting = waits.into_iter().map(Some).collect::<Vec<_>>();
        let mut release = std::pin::pin!(release);
        let mut released = false;
        std::future::poll_fn(|context| {
            for place in &mut waiting {
                if place.as_mut().is_some_and(|wait| wait.as_mut().poll(context).is_ready()) {
                    *place = None;
                }
            }
            if !released {
                released = release.as_mut().poll(context).is_ready();
            }
            if waiting.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert!(start.elapsed() < LONG / 2, "{:?}", start.elapsed());
    });
    drop(free(&redis, &space));
}

#[test]
fn a_claim_that_is_cancelled_is_left_behind_by_nobody() {
    let (redis, space) = (redis("60s"), Space::new(fresh("claims")));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..50 {
        let mut claim = redis.as_async().unwrap().claim(&space, b"key", LONG).unwrap();
        // It is on its way to the server, or there.
        let _ = claim.as_mut().poll(&mut context);
        drop(claim);
    }
    drop(free(&redis, &space));
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
