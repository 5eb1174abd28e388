//! Three masters and their replicas, under callers that check every value.

use crate::load::{Load, Memory, fresh, patient};
use crate::said::{Said, permille, time};
use crate::servers::{Cluster, Server, eventually};
use memolith_backends::Redis;
use memolith_core::{Backend, Record, Space, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(10);

pub(crate) fn measure(said: &mut Said) {
    let kills = if said.quick { 2 } else { 10 };
    let cluster = Cluster::start();
    let redis = Arc::new(Redis::open(&cluster.url()).unwrap());
    let load = Load::with(&cluster.url(), None, Memory::Late);
    let (mut late, mut calls, mut slowest) = (Vec::new(), 0, Duration::ZERO);
    for round in 0..kills {
        let slot = [100, 8_000, 16_000][round % 3];
        late.push(after(&redis, || cluster.owner(slot).kill(), || cluster.accepts(slot)));
        load.go_on(100);
        let felt = load.felt();
        (calls, slowest) = (calls + felt.calls, slowest.max(felt.slowest));
        cluster.restore();
    }
    load.until_used(LONG);
    // A caller that fails or gets what it should not ends the program.
    load.end();
    said.row(&format!("{kills} masters killed, {calls} calls under way: failed, wrong"), "0, 0", "0, 0");
    said.row("writes accepted after the cluster accepts some, median", time(permille(&mut late, 500)), "");
    said.row("the same, longest", time(permille(&mut late, 1_000)), "1 s");
    said.row("the slowest call", time(slowest), "");
    stopped(said, &cluster, &redis);
    moved(said, &cluster);
}

fn stopped(said: &mut Said, cluster: &Cluster, redis: &Arc<Redis>) {
    let slot = 8_000;
    let victim: &Server = cluster.owner(slot);
    let late = after(redis, || victim.stop(), || cluster.accepts(slot));
    said.row("a master stopped: writes accepted after the cluster accepts some", time(late), "1 s");
    victim.cont();
    cluster.settle();
}

fn moved(said: &mut Said, cluster: &Cluster) {
    let load = Load::with(&patient(&cluster.url()), None, Memory::Exact);
    let masters = cluster.masters();
    load.felt();
    cluster.reshard(masters[0], masters[1], 2_000);
    let mut felt = load.felt();
    felt.calls = felt.calls.max(1);
    cluster.settle();
    load.until_used(LONG);
    let errors = load.end().count();
    said.row(&format!("2,000 slots moved, {} calls under way: errors", felt.calls), errors.to_string(), "0");
    said.row("the same, 99 of 100 calls", time(felt.p99), "");
}

/// After `fault`, how much later than any write all of ours are accepted, in spaces on all masters.
fn after(redis: &Arc<Redis>, fault: impl FnOnce(), accepts: impl Fn() -> bool) -> Duration {
    fault();
    let record = Record { value: b"value".to_vec(), expires: Timestamp::NEVER };
    let ours: Vec<_> = (0..16)
        .map(|_| {
            let (redis, record) = (Arc::clone(redis), record.clone());
            std::thread::spawn(move || {
                let (space, now) = (Space::new(fresh("probe")), Timestamp::from_micros(1));
                eventually("our write is accepted", || redis.put(&space, b"key", &record, now).is_ok());
                Instant::now()
            })
        })
        .collect();
    eventually("the servers accept writes", accepts);
    let theirs = Instant::now();
    let ours = ours.into_iter().map(|thread| thread.join().unwrap().saturating_duration_since(theirs));
    ours.max().unwrap_or_default()
}
