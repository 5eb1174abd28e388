//! Whoever watches a space hears what others remove from it, and whenever something may have been missed.

use crate::load::fresh;
use crate::servers::{Cluster, Sentinels, Server, eventually};
use memolith_backends::Redis;
use memolith_core::{Backend, Cache, Postcard, Record, Space, Timestamp, Watch};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

/// Somebody who counts what they are told.
#[derive(Default)]
pub(crate) struct Ear(AtomicU64, AtomicU64);

impl Watch for Ear {
    fn invalidated(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    fn taken_back(&self) {
        self.1.fetch_add(1, SeqCst);
    }

    fn follow(&self, _: &'static AtomicU64) {}
}

impl Ear {
    pub(crate) fn at(redis: &Redis, space: &Space) -> Arc<Ear> {
        let ear = Arc::new(Ear::default());
        let watch: Weak<Ear> = Arc::downgrade(&ear);
        redis.watch(space, watch);
        ear
    }

    fn told(&self) -> u64 {
        self.0.load(SeqCst)
    }

    /// How often it was told that something was taken back.
    pub(crate) fn taken_back(&self) -> u64 {
        self.1.load(SeqCst)
    }

    /// Waits until it was told more often than `before`, and how often that is.
    #[track_caller]
    pub(crate) fn after(&self, before: u64, what: &str) -> u64 {
        eventually(what, || self.told() > before);
        self.told()
    }
}

/// With time enough also where the machine does much else.
fn open(url: &str) -> Redis {
    Redis::open(&format!("{url}?timeout=5s")).unwrap()
}

fn remove(redis: &Redis, space: &Space) {
    let record = Record { value: b"value".to_vec(), expires: Timestamp::NEVER };
    redis.put(space, b"key", &record, Timestamp::from_micros(1)).unwrap();
    assert!(redis.remove(space, b"key").unwrap());
}

#[test]
fn a_removal_is_news_to_others_and_to_none_of_other_spaces() {
    let (url, space, other) = (Server::shared().url(), Space::new(fresh("news")), Space::new(fresh("news")));
    let [ours, theirs] = [(), ()].map(|()| open(&url));
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

/// Told apart from removals, whether it is still there or not, whatever form it has; what has come in its place stays.
#[test]
fn what_is_taken_back_is_news_to_readers_alone() {
    let (url, space) = (Server::shared().url(), Space::new(fresh("news")));
    let bounded = {
        let mut space = Space::new(fresh("news"));
        space.maxsize = Some(10);
        space
    };
    let [ours, theirs] = [(), ()].map(|()| open(&url));
    let record = |value: &[u8]| Record { value: value.to_vec(), expires: Timestamp::NEVER };
    for space in [space, bounded] {
        ours.open(&space).unwrap();
        let (ear, own) = (Ear::at(&theirs, &space), Ear::at(&ours, &space));
        let (standing, own_standing) = (ear.after(0, "the subscription stands"), own.after(0, "one's own"));
        let put = |value: &[u8]| ours.put(&space, b"key", &record(value), Timestamp::from_micros(1)).unwrap();
        let there = || ours.get(&space, b"key", Timestamp::from_micros(1)).unwrap();
        put(b"value");
        assert!(ours.take_back(&space, b"key", Some(&record(b"value"))).unwrap());
        assert_eq!(there(), None);
        put(b"later");
        assert!(!ours.take_back(&space, b"key", Some(&record(b"value"))).unwrap());
        assert_eq!(there(), Some(record(b"later")));
        eventually("others hear of both", || ear.taken_back() == 2);
        assert_eq!((ear.told(), own.told(), own.taken_back()), (standing, own_standing, 0));
    }
}

/// What a put and a removal that cross leave is taken back, and whoever here has read it meanwhile drops it as well.
#[test]
fn what_is_taken_back_because_of_news_is_news_here_too() {
    let (url, space) = (Server::shared().url(), Space::new(fresh("news")));
    let [ours, theirs] = [(), ()].map(|()| open(&url));
    let ears = [Ear::at(&ours, &space), Ear::at(&ours, &space)];
    ears.iter().for_each(|ear| _ = ear.after(0, "the subscription stands"));
    let record = Record { value: b"value".to_vec(), expires: Timestamp::NEVER };
    let over = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let end = Instant::now() + LONG * 2;
            while over.load(SeqCst) == 0 && Instant::now() < end {
                theirs.remove(&space, b"key").unwrap();
            }
        });
        eventually("a put and a removal cross", || {
            ours.put(&space, b"key", &record, Timestamp::from_micros(1)).unwrap();
            ears.iter().all(|ear| ear.taken_back() > 0)
        });
        over.store(1, SeqCst);
    });
}

fn redis_clear(redis: &Redis, space: &Space) {
    let record = Record { value: b"value".to_vec(), expires: Timestamp::NEVER };
    redis.put(space, b"key", &record, Timestamp::from_micros(1)).unwrap();
    redis.clear(space).unwrap();
}

/// However soon the server answers, and however late who asked goes on.
#[test]
fn each_watcher_is_told_that_news_are_heard() {
    let watch = || {
        let redis = open(&Server::shared().url());
        for _ in 0..200 {
            Ear::at(&redis, &Space::new(fresh("news"))).after(0, "the subscription stands");
        }
    };
    std::thread::scope(|scope| (0..8).for_each(|_| _ = scope.spawn(watch)));
}

#[test]
fn a_second_watcher_and_one_that_has_gone_are_no_trouble() {
    let (url, space) = (Server::shared().url(), Space::new(fresh("news")));
    let [ours, theirs] = [(), ()].map(|()| open(&url));
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

/// A program that is called for one value and ends has kept it.
#[test]
fn the_first_value_is_kept() {
    let url = Server::shared().url();
    for round in 0..20 {
        let name = fresh("news");
        let cache = || -> Cache<u64, u64> {
            let builder = Cache::builder().maxsize(None).memory(100);
            // Every other carries tags, whose news is another channel.
            let builder = if round % 2 == 0 { builder } else { builder.tags(|_, _| ["tag"]) };
            builder.backend(open(&url), name.clone(), Postcard).build()
        };
        let compute = || {
            std::thread::sleep(Duration::from_millis(20));
            7
        };
        assert_eq!(cache().get_or_insert_with(&1, compute), 7);
        assert_eq!(cache().get(&1), Some(7), "the server has it");
    }
}

#[test]
fn a_watcher_that_panics_spoils_it_for_nobody() {
    struct Bomb;
    impl Watch for Bomb {
        fn invalidated(&self) {
            panic!("planned");
        }
        fn follow(&self, _: &'static AtomicU64) {}
    }
    let (url, space) = (Server::shared().url(), Space::new(fresh("news")));
    let [ours, theirs] = [(), ()].map(|()| open(&url));
    let bomb: Arc<dyn Watch> = Arc::new(Bomb);
    theirs.watch(&space, Arc::downgrade(&bomb));
    let other = Space::new(fresh("news"));
    let ear = Ear::at(&theirs, &other);
    let mut told = ear.after(0, "the subscription stands");
    for _ in 0..3 {
        remove(&ours, &space);
        remove(&ours, &other);
        told = ear.after(told, "others hear all the same");
    }
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
    let [ours, theirs] = [(), ()].map(|()| open(&server.url()));
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

/// Who may not listen is served all the same, and does not keep the server busy with asking again.
#[test]
fn a_user_who_may_not_listen_hears_nothing() {
    let server = Server::start();
    assert_eq!(server.cli(&["ACL", "SETUSER", "deaf", "on", ">x", "~*", "+@all", "resetchannels"]), "OK");
    let url = server.url().replace("redis://", "redis://deaf:x@");
    let (redis, space) = (Redis::open(&url).unwrap(), Space::new("news"));
    let ear = Ear::at(&redis, &space);
    let record = Record { value: b"value".to_vec(), expires: Timestamp::NEVER };
    redis.put(&space, b"key", &record, Timestamp::from_micros(1)).unwrap();
    assert!(redis.claim(&space, b"key", Duration::ZERO).unwrap().is_some());
    eventually("it has tried", || server.info("total_connections_received") > 2);
    let before = server.info("total_connections_received");
    std::thread::sleep(Duration::from_secs(1));
    let tried = server.info("total_connections_received") - before;
    assert!(tried < 5, "{tried} connections in a second, one or two of which are ours");
    assert!(ear.told() <= 2, "memory is dropped now and then, and not all the time");
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

/// Removes by `redis` until that was news to `ear`.
fn heard(redis: &Redis, space: &Space, ear: &Ear) {
    eventually("a removal is heard of", || {
        let before = ear.told();
        if redis.remove(space, b"key").is_err() {
            return false;
        }
        let end = Instant::now() + Duration::from_millis(200);
        while ear.told() == before && Instant::now() < end {
            std::thread::yield_now();
        }
        ear.told() > before
    });
}

/// What one cache removes the other does not serve for long, whatever is cut in between.
#[test]
fn no_removal_is_missed_while_connections_are_cut() {
    let server = Server::start();
    let [one, other] = [(), ()].map(|()| -> Cache<u64, u64> {
        Cache::builder().maxsize(None).memory(100).backend(open(&server.url()), "news", Postcard).build()
    });
    let end = Instant::now() + Duration::from_secs(3);
    let mut rounds = 0;
    while Instant::now() < end {
        rounds += 1;
        eventually("it is there", || {
            // What is written while a connection is lost is not kept, as others may have removed it unheard.
            one.insert(1, rounds);
            other.get(&1) == Some(rounds)
        });
        if rounds % 3 == 0 {
            server.cli(&["CLIENT", "KILL", "TYPE", if rounds % 2 == 0 { "pubsub" } else { "normal" }]);
        }
        assert!(one.remove(&1).is_ok());
        eventually("it is gone", || other.get(&1).is_none());
    }
    println!("{rounds} rounds");
}

/// The slot of a space's channel.
fn slot(server: &Server, space: &Space) -> u16 {
    server.cli(&["CLUSTER", "KEYSLOT", &format!("memolith:{{{}}}:n", space.name)]).parse().unwrap()
}

#[test]
fn a_replica_that_takes_over_tells() {
    let cluster = Cluster::start();
    let spaces: Vec<_> = (0..6).map(|n| Space::new(format!("news{n}"))).collect();
    let [ours, theirs] = [(), ()].map(|()| open(&cluster.url()));
    let ears: Vec<_> = spaces.iter().map(|space| Ear::at(&theirs, space)).collect();
    ears.iter().for_each(|ear| _ = ear.after(0, "the subscription stands"));
    let killed = cluster.owner(slot(&cluster.nodes()[0], &spaces[0]));
    let before = ears[0].told();
    killed.kill();
    ears[0].after(before, "the connection was lost");
    for (space, ear) in spaces.iter().zip(&ears) {
        heard(&ours, space, ear);
        heard(&ours, space, ear);
    }
}

#[test]
fn a_slot_that_moves_tells_where_it_has_gone() {
    let cluster = Cluster::start();
    let space = Space::new("news");
    let [ours, theirs] = [(), ()].map(|()| open(&cluster.url()));
    let ear = Ear::at(&theirs, &space);
    ear.after(0, "the subscription stands");
    let slot = slot(&cluster.nodes()[0], &space);
    for _ in 0..3 {
        remove(&ours, &space);
        let from = cluster.owner(slot).port();
        let to = *cluster.masters().iter().find(|master| master.port() != from).unwrap();
        let before = ear.told();
        cluster.move_slot(slot, to, || ());
        ear.after(before, "a message may be lost meanwhile");
        heard(&ours, &space, &ear);
        cluster.settle();
    }
}

/// Where there are no channels of shards the messages reach all servers.
#[test]
fn a_cluster_of_before_version_seven_tells() {
    let cluster = Cluster::with(&["--rename-command", "SSUBSCRIBE", "", "--rename-command", "SPUBLISH", ""]);
    let space = Space::new("news");
    let [ours, theirs] = [(), ()].map(|()| open(&cluster.url()));
    let ear = Ear::at(&theirs, &space);
    let mut told = ear.after(0, "the subscription stands");
    for _ in 0..5 {
        remove(&ours, &space);
        told = ear.after(told, "others hear of a removal");
    }
}

#[test]
fn a_primary_that_sentinels_choose_tells() {
    let sentinels = Sentinels::start();
    let space = Space::new("news");
    let [ours, theirs] = [(), ()].map(|()| open(&sentinels.url()));
    let ear = Ear::at(&theirs, &space);
    let before = ear.after(0, "the subscription stands");
    sentinels.primary().kill();
    ear.after(before, "the connection was lost");
    heard(&ours, &space, &ear);
    heard(&ours, &space, &ear);
}

#[test]
fn who_may_not_listen_forgets_now_and_then() {
    let server = Server::start();
    assert_eq!(server.cli(&["ACL", "SETUSER", "deaf", "on", ">word", "~*", "+@all", "resetchannels"]), "OK");
    let [deaf, other] = [format!("redis://deaf:word@{}", server.address()), server.url()].map(|url| {
        let redis = Arc::new(Redis::open(&format!("{url}?timeout=5s")).unwrap());
        Cache::<u64, u64>::builder().maxsize(None).memory(100).backend(redis, "heard", Postcard).build()
    });
    other.insert(1, 1);
    eventually("it is in memory", || deaf.get(&1) == Some(1));
    assert!(other.remove(&1).unwrap());
    eventually("it is gone", || deaf.get(&1).is_none());
}
