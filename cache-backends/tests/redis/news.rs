//! Whoever watches a space hears what others remove from it, and whenever something may have been missed.

use crate::load::fresh;
use crate::servers::{Server, eventually};
use memolith_backends::Redis;
use memolith_core::{Backend, Cache, Postcard, Record, Space, Timestamp, Watch};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

/// Somebody who counts what they are told.
#[derive(Default)]
struct Ear(AtomicU64);

impl Watch for Ear {
    fn invalidated(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    fn follow(&self, _: &'static AtomicU64) {}
}

impl Ear {
    fn at(redis: &Redis, space: &Space) -> Arc<Ear> {
        let ear = Arc::new(Ear::default());
        let watch: Weak<Ear> = Arc::downgrade(&ear);
        redis.watch(space, watch);
        ear
    }

    fn told(&self) -> u64 {
        self.0.load(SeqCst)
    }

    /// Waits until it was told more often than `before`, and how often that is.
    #[track_caller]
    fn after(&self, before: u64, what: &str) -> u64 {
        eventually(what, || self.told() > before);
        self.told()
    }
}

fn remove(redis: &Redis, space: &Space) {
    let record = Record { value: b"value".to_vec(), expires: Timestamp::NEVER };
    redis.put(space, b"key", &record, Timestamp::from_micros(1)).unwrap();
    assert!(redis.remove(space, b"key").unwrap());
}

#[test]
fn a_removal_is_news_to_others_and_to_none_of_other_spaces() {
    let (url, space, other) = (Server::shared().url(), Space::new(fresh("news")), Space::new(fresh("news")));
    let [ours, theirs] = [(), ()].map(|()| Redis::open(&url).unwrap());
    let (ear, elsewhere, own) = (Ear::at(&theirs, &space), Ear::at(&theirs, &other), Ear::at(&ours, &space));
    let standing = [&ear, &elsewhere, &own].map(|ear| ear.after(0, "the subscription stands"));
    let mut told = standing[0];
    for _ in 0..20 {
        remove(&ours, &space);
        told = ear.after(told, "others hear of a removal");
    }
    assert_eq!(told, standing[0] + 20, "one removal is one message");
    assert_eq!(own.told(), standing[2], "one's own removals are no news: the cache that removes knows");
    assert_eq!(elsewhere.told(), standing[1], "another space");
    redis_clear(&ours, &space);
    ear.after(told, "others hear of a clear");
}

fn redis_clear(redis: &Redis, space: &Space) {
    let record = Record { value: b"value".to_vec(), expires: Timestamp::NEVER };
    redis.put(space, b"key", &record, Timestamp::from_micros(1)).unwrap();
    redis.clear(space).unwrap();
}

#[test]
fn a_second_watcher_and_one_that_has_gone_are_no_trouble() {
    let (url, space) = (Server::shared().url(), Space::new(fresh("news")));
    let [ours, theirs] = [(), ()].map(|()| Redis::open(&url).unwrap());
    let first = Ear::at(&theirs, &space);
    let stood = first.after(0, "the subscription stands");
    let second = Ear::at(&theirs, &space);
    remove(&ours, &space);
    first.after(stood, "the first hears");
    let before = second.after(0, "the second hears");
    drop(first);
    remove(&ours, &space);
    second.after(before, "the second hears although the first has gone");
    drop(second);
    let again = Ear::at(&theirs, &space);
    remove(&ours, &space);
    again.after(0, "a later one hears");
}

#[test]
fn two_caches_of_a_process_are_coherent_at_once() {
    let redis = Arc::new(Redis::open(&Server::shared().url()).unwrap());
    let name = fresh("news");
    let cache = || -> Cache<u64, u64> {
        Cache::builder().maxsize(None).memory(100).backend(Arc::clone(&redis), name.clone(), Postcard).build()
    };
    let (one, other) = (cache(), cache());
    for round in 0..200 {
        one.insert(1, round);
        assert_eq!((one.get(&1), other.get(&1)), (Some(round), Some(round)));
        assert!(one.remove(&1).unwrap());
        // No wait: the word was raised before the removal returned.
        assert_eq!(other.get(&1), None, "in round {round}");
    }
}

#[test]
fn a_server_that_dies_is_heard_of_and_so_is_its_return() {
    let server = Server::start();
    let space = Space::new("news");
    let [ours, theirs] = [(), ()].map(|()| Redis::open(&server.url()).unwrap());
    let ear = Ear::at(&theirs, &space);
    let stood = ear.after(0, "the subscription stands");
    server.kill();
    let lost = ear.after(stood, "the connection was lost");
    assert_eq!(lost, stood + 1, "told once");
    server.restart();
    let back = ear.after(lost, "it is back");
    assert_eq!(back, lost + 1, "told once");
    eventually("the other can remove", || ours.remove(&space, b"key").is_ok());
    remove(&ours, &space);
    ear.after(back, "news flows again");
}

#[test]
fn a_server_that_stops_is_noticed() {
    let server = Server::start();
    let space = Space::new("news");
    let redis = Redis::open(&server.url()).unwrap();
    let ear = Ear::at(&redis, &space);
    let stood = ear.after(0, "the subscription stands");
    let start = Instant::now();
    server.stop();
    let lost = ear.after(stood, "a silent server");
    println!("noticed after {:?}", start.elapsed());
    assert!(start.elapsed() < LONG / 4, "noticed only after {:?}", start.elapsed());
    server.cont();
    ear.after(lost, "it goes on");
}

#[test]
fn a_connection_that_is_cut_is_made_again() {
    let server = Server::start();
    let space = Space::new("news");
    let redis = Redis::open(&server.url()).unwrap();
    let ear = Ear::at(&redis, &space);
    let mut told = ear.after(0, "the subscription stands");
    for _ in 0..5 {
        server.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        told = ear.after(told + 1, "lost and back");
    }
    let start = Instant::now();
    drop(redis);
    eventually("its connections end with it", || server.cli(&["CLIENT", "LIST", "TYPE", "pubsub"]).is_empty());
    assert!(start.elapsed() < LONG / 4, "{:?}", start.elapsed());
}
