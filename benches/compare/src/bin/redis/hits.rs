//! Finding, and not finding, one key at a time.

use crate::server::Server;
use crate::{Rows, bare_key, fill, fill_bare, opened, rows, value};
use compare::{Contender, Measure, Options, Race, Report, Role, Standings, Uniform};
use memolith::{Cache, Policy, Postcard};

const KEYS: usize = 10_000;
pub(crate) const BARE: &str = "redis crate, GET";

pub(crate) fn races(report: &mut Report, options: &Options, server: &Server) {
    let redis = opened(server);
    let bounds = [("plain", None)].into_iter().chain(
        [("Lru", Policy::Lru), ("Fifo", Policy::Fifo), ("Lfu", Policy::Lfu)]
            .map(|(name, policy)| (name, Some((2 * KEYS, policy)))),
    );
    let caches: Vec<(&str, Rows)> =
        bounds.map(|(name, bound)| (name, rows(&redis, &format!("hits {name}"), bound))).collect();
    fill_bare(server, 0..KEYS as u64);
    caches.iter().for_each(|(_, cache)| fill(cache, 0..KEYS as u64));
    let bare = Contender::single(BARE, Role::Floor, bare_gets(server, 0));
    let ours = caches.iter().map(|(name, cache)| {
        Contender::single(format!("memolith, {name}"), Role::Ours, gets(cache, 0, |found| assert!(found.is_some())))
    });
    let standings = race(options, [bare].into_iter().chain(ours).collect());
    let title = "get, memory = 0, 10,000 keys, values of 64 B";
    let note = "Goal: at most 1.15 of the bare `GET`. `plain` is a space without bounds, the others have a `maxsize`.";
    report.plotted(title, note, (&standings.table(), &standings.chart("ns per get")));

    let (name, cache) = &caches[0];
    let (lru, tracked) = &caches[1];
    let miss = |found: Option<String>| assert!(found.is_none());
    let standings = race(
        options,
        vec![
            Contender::single(BARE, Role::Floor, bare_gets(server, KEYS as u64)),
            Contender::single(format!("memolith, {name}"), Role::Ours, gets(cache, KEYS as u64, miss)),
            Contender::single(format!("memolith, {lru}"), Role::Ours, gets(tracked, KEYS as u64, miss)),
        ],
    );
    report.plotted("get of a key that is not there", "", (&standings.table(), &standings.chart("ns per get")));
    in_memory(report, options, server);
}

/// What it costs a hit in memory that other machines may remove it.
fn in_memory(report: &mut Report, options: &Options, server: &Server) {
    let local: Rows = Cache::builder().maxsize(KEYS * 2).build();
    let far: Rows =
        Cache::builder().maxsize(KEYS * 2).memory(KEYS * 2).backend(opened(server), "hits near", Postcard).build();
    // What is stored while a cache begins to listen is not kept in memory: the second time is.
    for key in (0..KEYS as u64).chain(0..KEYS as u64) {
        [&local, &far].iter().for_each(|cache| _ = cache.get_or_insert_with(&key, || value(key)));
    }
    let found = |found: Option<String>| assert!(found.is_some());
    let standings = Race::new(Measure::Cpu, options).run(vec![
        Contender::single("no backend", Role::Floor, gets(&local, 0, found)),
        Contender::single("in front of Redis", Role::Ours, gets(&far, 0, found)),
    ]);
    let note = "Goal: at most 2 ns for looking whether anybody has removed anything.";
    report.plotted("get, a hit in memory", note, (&standings.table(), &standings.chart("ns per get")));
}

fn race(options: &Options, contenders: Vec<Contender<'_>>) -> Standings {
    Race::new(Measure::Together, options).run(contenders)
}

/// Keys are drawn from `first` on.
fn bare_gets(server: &Server, first: u64) -> impl FnMut(u64) + Send + 'static {
    let (mut connection, mut keys) = (server.bare(), Uniform::new(KEYS, 1));
    move |times| {
        for key in keys.by_ref().take(times as usize) {
            let found: Option<Vec<u8>> =
                redis::cmd("GET").arg(bare_key(first + key)).query(&mut connection).expect("the server answers");
            assert_eq!(found.is_some(), first == 0);
        }
    }
}

fn gets<'a>(cache: &'a Cache<u64, String>, first: u64, check: fn(Option<String>)) -> impl FnMut(u64) + Send + 'a {
    let mut keys = Uniform::new(KEYS, 1);
    move |times| keys.by_ref().take(times as usize).for_each(|key| check(cache.get(&(first + key))))
}
