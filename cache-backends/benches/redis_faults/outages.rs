//! One server that dies, stops, and comes back.

use crate::load::fresh;
use crate::said::{Said, permille, time};
use crate::servers::Server;
use memolith_backends::Redis;
use memolith_core::{Cache, Postcard};
use std::time::{Duration, Instant};

type Numbers = Cache<u64, u64>;

/// What a call may take longer while it is known that there is nobody to ask.
const KNOWN: Duration = Duration::from_millis(5);

pub(crate) fn measure(said: &mut Said) {
    let server = Server::start();
    let redis = Redis::open(&server.url()).unwrap();
    let cache: Numbers = Cache::builder().maxsize(None).memory(0).backend(redis, fresh("outage"), Postcard).build();
    until_used(&cache);

    server.kill();
    until_known(&cache);
    let calls = if said.quick { 1_000 } else { 20_000 };
    let mut times: Vec<Duration> = (0..calls).map(|key| call(&cache, key)).collect();
    let (median, p99) = (permille(&mut times, 500), permille(&mut times, 990));
    said.row("a call while the server is known to be dead, median", time(median), "");
    said.row("the same, 99 of 100", time(p99), "5 ms");
    server.restart();
    said.row("used again after it answers", time(until_used(&cache)), "");

    server.stop();
    let (until, slowest) = until_known(&cache);
    said.row("a server that swallows everything: until it is left alone", time(until), "");
    said.row("the slowest call meanwhile", time(slowest), "");
    server.cont();
    said.row("used again after it goes on", time(until_used(&cache)), "");
}

/// How long a call takes that finds nothing, and stores nothing.
fn call(cache: &Numbers, key: u64) -> Duration {
    let start = Instant::now();
    assert_eq!(cache.get_or_insert_with(&(key % 100), || key % 100), key % 100);
    start.elapsed()
}

/// Until a hundred calls in a row are quick, and the slowest call.
fn until_known(cache: &Numbers) -> (Duration, Duration) {
    let (start, mut known, mut slowest) = (Instant::now(), Duration::ZERO, Duration::ZERO);
    let mut quick = 0;
    while quick < 100 {
        let took = call(cache, 1_000_000);
        slowest = slowest.max(took);
        if took < KNOWN {
            quick += 1;
        } else {
            (quick, known) = (0, start.elapsed());
        }
    }
    (known, slowest)
}

fn until_used(cache: &Numbers) -> Duration {
    let start = Instant::now();
    loop {
        let before = cache.info().backend_hits;
        if cache.get_or_insert_with(&0, || 0) == 0 && cache.info().backend_hits > before {
            return start.elapsed();
        }
        assert!(start.elapsed() < Duration::from_secs(30), "the server is not used any more");
    }
}
