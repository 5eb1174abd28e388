//! Storing one entry at a time.

use crate::server::Server;
use crate::{Rows, bare_key, fill, opened, rows, value};
use compare::{Contender, Fresh, Measure, Options, Race, Report, Role, Uniform};
use memolith::Policy;

const KEYS: usize = 10_000;

pub(crate) fn race(report: &mut Report, options: &Options, server: &Server) {
    let redis = opened(server);
    let cache = |name: &str, bound| rows(&redis, &format!("puts {name}"), bound);
    let plain = cache("plain", None);
    let full: Vec<(&str, Rows)> = [("Lru", Policy::Lru), ("Fifo", Policy::Fifo), ("Lfu", Policy::Lfu)]
        .into_iter()
        .map(|(name, policy)| (name, cache(name, Some((KEYS, policy)))))
        .collect();
    let known = cache("known", Some((2 * KEYS, Policy::Lru)));
    for cache in full.iter().map(|(_, cache)| cache).chain([&known]) {
        fill(cache, 0..KEYS as u64);
    }
    let (mut connection, mut keys) = (server.bare(), Uniform::new(KEYS, 1));
    let bare = Contender::single("redis crate, SET", Role::Floor, move |times| {
        for key in keys.by_ref().take(times as usize) {
            let set = redis::cmd("SET").arg(bare_key(key)).arg(value(key)).exec(&mut connection);
            set.expect("the server answers");
        }
    });
    let mut keys = [Uniform::new(KEYS, 2), Uniform::new(KEYS, 3)];
    let [of_plain, of_known] = &mut keys;
    let mut contenders = vec![
        bare,
        Contender::single("memolith, plain", Role::Ours, |times| put(&plain, of_plain.take(times as usize))),
        Contender::single("memolith, Lru, a key that is there", Role::Ours, |times| {
            put(&known, of_known.take(times as usize));
        }),
    ];
    contenders.extend(full.iter().map(|(name, cache)| {
        let mut fresh = Fresh::new(7);
        Contender::single(format!("memolith, {name}, one comes, one leaves"), Role::Ours, move |times| {
            put(cache, fresh.by_ref().take(times as usize));
        })
    }));
    let standings = Race::new(Measure::Together, options).run(contenders);
    let note = "Goal: with eviction at most 1.5 of the bare `SET`. All but `plain` have a `maxsize`.";
    let title = "put of values of 64 B, each acknowledged";
    report.plotted(title, note, (&standings.table(), &standings.chart("ns per put")));
}

fn put(cache: &Rows, keys: impl Iterator<Item = u64>) {
    keys.for_each(|key| cache.insert(key, value(key)));
}
