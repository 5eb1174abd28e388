//! A hundred keys at once.

use crate::server::Server;
use crate::{Rows, bare_key, fill, fill_bare, opened, rows};
use compare::{Contender, Measure, Options, Race, Report, Role, Uniform};
use memolith::Policy;

const KEYS: usize = 10_000;
const BATCH: usize = 100;

pub(crate) fn race(report: &mut Report, options: &Options, server: &Server) {
    let redis = opened(server);
    let bounds =
        [("plain", None), ("Lru", Some(Policy::Lru)), ("Fifo", Some(Policy::Fifo)), ("Lfu", Some(Policy::Lfu))];
    let caches = bounds.map(|(name, policy)| {
        let cache = rows(&redis, &format!("batches {name}"), policy.map(|policy| (2 * KEYS, policy)));
        fill(&cache, 0..KEYS as u64);
        (name, cache)
    });
    fill_bare(server, 0..KEYS as u64);
    let mut contenders = vec![
        Contender::single("redis crate, 100 GET in a pipeline", Role::Floor, pipelines(server)),
        Contender::single("redis crate, MGET", Role::Other, groups(server)),
    ];
    contenders.extend(
        caches.iter().map(|(name, cache)| Contender::single(format!("memolith, {name}"), Role::Ours, batches(cache))),
    );
    let standings = Race::new(Measure::Together, options).run(contenders);
    let note = "Goal: at most 1.3 of the bare pipeline. Nanoseconds are those of a batch.";
    let title = "get_or_insert_many of 100 keys that are there";
    report.plotted(title, note, (&standings.table(), &standings.chart("ns per batch")));
}

fn batch(keys: &mut Uniform) -> Vec<u64> {
    keys.take(BATCH).collect()
}

fn pipelines(server: &Server) -> impl FnMut(u64) + Send + 'static {
    let (mut connection, mut keys) = (server.bare(), Uniform::new(KEYS, 1));
    move |times| {
        for _ in 0..times {
            let mut pipe = redis::pipe();
            batch(&mut keys).into_iter().for_each(|key| _ = pipe.get(bare_key(key)));
            let found: Vec<String> = pipe.query(&mut connection).expect("the server answers");
            assert_eq!(found.len(), BATCH);
        }
    }
}

fn groups(server: &Server) -> impl FnMut(u64) + Send + 'static {
    let (mut connection, mut keys) = (server.bare(), Uniform::new(KEYS, 1));
    move |times| {
        for _ in 0..times {
            let names: Vec<String> = batch(&mut keys).into_iter().map(bare_key).collect();
            let found: Vec<String> = redis::cmd("MGET").arg(names).query(&mut connection).expect("the server answers");
            assert_eq!(found.len(), BATCH);
        }
    }
}

fn batches(cache: &Rows) -> impl FnMut(u64) + Send + '_ {
    let mut keys = Uniform::new(KEYS, 1);
    move |times| {
        for _ in 0..times {
            let found = cache.get_or_insert_many(&batch(&mut keys), |missing| panic!("{} are missing", missing.len()));
            assert_eq!(found.len(), BATCH);
        }
    }
}
