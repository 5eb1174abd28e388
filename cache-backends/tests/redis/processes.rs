//! Several processes before one server: what one takes away the others do not serve, and one computes for all.

use crate::servers::{Cluster, Server, eventually};
use crate::workers::{Worker, heard, job, say};
use memolith_backends::Redis;
use memolith_core::{Cache, Lookup, Postcard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// By when others have heard. Much more than what is measured, for machines that do much else.
const HEARD: Duration = Duration::from_secs(3);

fn cache(url: &str) -> Cache<u64, u64> {
    Cache::builder().maxsize(None).memory(1_000).backend(Redis::open(url).unwrap(), "coherent", Postcard).build()
}

/// Reads, removes and clears as it is told.
fn obey(url: &str) {
    let cache = cache(url);
    say("ready");
    while let Some(order) = heard() {
        let (verb, number) = order.split_once(' ').unwrap_or((&order, "0"));
        let number: u64 = number.parse().unwrap();
        match verb {
            "insert" => cache.insert(number % 100, number),
            "remove" => assert!(cache.remove(&number).unwrap()),
            _ => cache.clear().unwrap(),
        }
        say("done");
    }
}

/// What a worker does to the server is seen here, although the values are in memory.
fn coherent(url: &str, test: &str) {
    let ours = cache(url);
    let mut worker = Worker::start(test, &[url]);
    worker.hear("ready");
    let fill = || {
        eventually("values are served from memory", || {
            (0..10).for_each(|key| ours.insert(key, key));
            let before = ours.info().backend_hits;
            (0..10).all(|key| ours.get(&key) == Some(key)) && ours.info().backend_hits == before
        });
    };
    let seen = |what: &str, done: &dyn Fn() -> bool| {
        let start = Instant::now();
        eventually(what, done);
        let late = start.elapsed();
        println!("{what} after {late:?}");
        assert!(late < HEARD, "{what} only after {late:?}");
    };
    for _ in 0..3 {
        fill();
        worker.tell("remove 3");
        worker.hear("done");
        seen("a removal is seen", &|| ours.get(&3).is_none());
        assert_eq!(ours.get(&4), Some(4), "others are still there, in the backend");
        fill();
        worker.tell("clear");
        worker.hear("done");
        seen("all is gone", &|| (0..10).all(|key| ours.get(&key).is_none()));
        fill();
        // A replacement is an invalidation of what was.
        worker.tell("remove 5");
        worker.hear("done");
        worker.tell("insert 105");
        worker.hear("done");
        seen("a new value is seen", &|| ours.get(&5) == Some(105));
    }
    worker.end();
}

#[test]
fn what_another_process_removes_is_not_served_from_memory() {
    match job() {
        Some(job) => obey(&job[0]),
        None => coherent(&Server::start().url(), "processes::what_another_process_removes_is_not_served_from_memory"),
    }
}

#[test]
fn nor_on_a_cluster() {
    match job() {
        Some(job) => obey(&job[0]),
        None => coherent(&Cluster::start().url(), "processes::nor_on_a_cluster"),
    }
}

/// A put is answered on one connection, and a removal told on another: either may be first.
#[test]
fn what_is_put_after_a_removal_that_is_not_yet_heard_does_not_stay() {
    let (server, cluster) = (Server::start(), Cluster::start());
    for url in [server.url(), format!("{}?stripes=3", cluster.url())] {
        let [ours, theirs, reader] = [(), (), ()].map(|()| cache(&url));
        let keys = 0..500;
        for key in keys.clone() {
            let Lookup::Miss(lease) = ours.lookup(&key) else { panic!("{key} is there") };
            theirs.remove(&key).unwrap();
            lease.fill(key);
        }
        eventually("all is taken back", || keys.clone().all(|key| !reader.contains(&key)));
        assert!(keys.clone().all(|key| ours.get(&key).is_none()), "nor is it in memory");
        // What nobody removes stays.
        keys.clone().for_each(|key| ours.insert(key, key));
        assert!(keys.clone().all(|key| reader.get(&key) == Some(key)));
    }
}

/// News that could not come because the server was away are not missed for ever.
#[test]
fn news_lost_with_a_server_are_made_up_for() {
    let server = Server::start();
    let ours = cache(&server.url());
    for _ in 0..2 {
        eventually("it is in memory", || {
            // What is put in place while a cache begins to listen is not kept.
            ours.insert(1, 1);
            let before = ours.info().backend_hits;
            ours.get(&1) == Some(1) && ours.info().backend_hits == before
        });
        // Its data is gone with it, as if somebody had cleared the space.
        server.restart();
        let start = Instant::now();
        eventually("memory is not believed", || ours.get(&1).is_none());
        println!("memory was dropped after {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    }
}

/// Of the clock that all processes share.
fn micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}

fn claiming(url: &str) -> Cache<u64, u64> {
    let wait = Duration::from_secs(20);
    // A backend that does not answer in time is not waited for, and this machine may have much else to do.
    let redis = Redis::open(&format!("{url}?timeout=5s")).unwrap();
    let told = |error: &memolith_core::Error| say(&format!("has failed: {error}"));
    Cache::builder().maxsize(None).wait(wait).on_error(told).backend(redis, "claimed", Postcard).build()
}

/// Asks for keys as it is told, and says whether it computed them.
fn ask_when_told(url: &str) {
    let cache = claiming(url);
    say("ready");
    while let Some(order) = heard() {
        let (key, body) = order.split_once(' ').unwrap();
        let mut computed = false;
        let value = cache.get_or_insert_with(&key.parse::<u64>().unwrap(), || {
            computed = true;
            say(&format!("computes {}", micros()));
            std::thread::sleep(Duration::from_millis(body.parse().unwrap()));
            u64::from(std::process::id())
        });
        say(&format!("has {value} {computed}"));
    }
}

#[test]
fn one_process_of_three_computes() {
    if let Some(job) = job() {
        return ask_when_told(&job[0]);
    }
    let server = Server::start();
    let test = "processes::one_process_of_three_computes";
    let mut workers: Vec<Worker> = (0..3).map(|_| Worker::start(test, &[&server.url()])).collect();
    workers.iter_mut().for_each(|worker| _ = worker.hear("ready"));
    for key in 0..5 {
        workers.iter_mut().for_each(|worker| worker.tell(&format!("{key} 200")));
        let said: Vec<String> = workers.iter_mut().map(|worker| worker.hear("has ")).collect();
        let computed = said.iter().filter(|said| said.ends_with("true")).count();
        assert_eq!(computed, 1, "{said:?}");
        let value = |said: &str| said.split(' ').next().map(str::to_owned);
        assert!(said.iter().all(|other| value(other) == value(&said[0])), "{said:?}");
    }
    workers.into_iter().for_each(Worker::end);
}

#[test]
fn the_claim_of_a_dead_process_ends() {
    if let Some(job) = job() {
        return ask_when_told(&job[0]);
    }
    let server = Server::start();
    let test = "processes::the_claim_of_a_dead_process_ends";
    let [mut victim, mut heir] = [(), ()].map(|()| Worker::start(test, &[&server.url()]));
    [&mut victim, &mut heir].into_iter().for_each(|worker| _ = worker.hear("ready"));
    victim.tell("1 60000");
    victim.hear("computes");
    heir.tell("1 0");
    // Time for who does not wait to be wrong.
    std::thread::sleep(Duration::from_millis(500));
    let (killed, start) = (micros(), Instant::now());
    victim.kill();
    let computed: u64 = heir.hear("computes ").parse().unwrap();
    assert!(computed >= killed, "it has not waited for the claim of a living process");
    println!("taken over after {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(6), "a claim lasts two seconds: {:?}", start.elapsed());
    heir.end();
}
