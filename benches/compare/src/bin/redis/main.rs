//! Redis through the whole stack, next to the client that others use, on a server of its own.
//!
//! `redis [hits|puts|batches|threads|tasks|python]...`: these parts alone. It needs `redis-server`, or the program that
//! `MEMOLITH_VALKEY_SERVER` names.

mod batches;
mod crowd;
mod hits;
mod puts;
mod python;
mod server;

use compare::{Options, Report, Theme};
use memolith::backends::Redis;
use memolith::{Cache, CacheBuilder, Policy, Postcard};
use server::Server;
use std::sync::Arc;

/// What all parts store: keys of 8 bytes, values of 64.
type Rows = Cache<u64, String>;

type Part = fn(&mut Report, &Options, &Server);

const PARTS: [(&str, Part); 6] = [
    ("hits", hits::races),
    ("puts", puts::race),
    ("batches", batches::race),
    ("threads", crowd::of_threads),
    ("tasks", crowd::of_tasks),
    ("python", python::race),
];

fn main() {
    let names = PARTS.map(|(name, _)| name);
    let options = Theme { name: "redis", parts: &names, takes_dir: false }.options();
    let server = Server::start();
    let mut report = Report::new("redis", &options);
    for (name, part) in PARTS {
        if options.wants(name) {
            part(&mut report, &options, &server);
        }
    }
    report.save();
}

/// A cache that asks the server each time, named so that nobody else has its entries.
fn rows(redis: &Arc<Redis>, name: &str, bound: Option<(usize, Policy)>) -> Rows {
    let builder: CacheBuilder<u64, String> = Cache::builder().memory(0);
    let builder = match bound {
        None => builder.maxsize(None),
        Some((maxsize, policy)) => builder.maxsize(maxsize).policy(policy),
    };
    builder.backend(Arc::clone(redis), name, Postcard).build()
}

/// Puts the values of `keys` into it. What is put while it begins to hear what others remove does not stay.
fn fill(cache: &Rows, keys: std::ops::Range<u64>) {
    let keys: Vec<u64> = keys.collect();
    while cache.get_many(&keys).contains(&None) {
        cache.get_or_insert_many(&keys, |missing| missing.iter().map(|key| value(**key)).collect());
    }
}

/// Puts them where the others look for them.
fn fill_bare(server: &Server, keys: std::ops::Range<u64>) {
    let mut pipe = redis::pipe();
    keys.for_each(|key| _ = pipe.set(bare_key(key), value(key)).ignore());
    pipe.exec(&mut server.bare()).expect("the server takes them");
}

fn value(key: u64) -> String {
    format!("{key:064}")
}

/// As long as the keys of ours on the server.
fn bare_key(key: u64) -> String {
    format!("memolith:{{bare}}:k:{key:08}")
}

/// A time-out with which a machine that is busy loses nothing, on both sides alike.
fn opened(server: &Server) -> Arc<Redis> {
    let url = format!("{}?timeout=5s", server.url());
    Arc::new(Redis::open(&url).expect("the url is one"))
}
