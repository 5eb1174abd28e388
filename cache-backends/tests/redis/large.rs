//! Batches of values so large that no server could send them together in the time of a call.

use crate::load::{fresh, patient};
use crate::servers::{Cluster, Server};
use memolith_backends::Redis;
use memolith_core::{Backend, Record, Space, Timestamp, Visit};

const VALUES: u8 = 40;
const SIZE: usize = 2 << 20;

fn now() -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000)
}

/// How often the server was asked for values of a space.
fn questions(server: &Server) -> u64 {
    server.calls(&["get", "mget", "hget", "hmget", "hscan"])
}

/// Puts all in one batch, asks for all in one batch, and looks at all.
fn goes_and_comes(redis: impl Fn() -> Redis, maxsize: Option<u64>, questions: impl Fn() -> u64) {
    let mut space = Space::new(fresh("large"));
    space.maxsize = maxsize;
    let record = |key: u8| Record { value: vec![key; SIZE], expires: Timestamp::NEVER };
    let entries: Vec<_> = (0..VALUES).map(|key| (vec![key], record(key))).collect();
    // Each knows nothing of what others have seen.
    let (writer, reader, looker) = (redis(), redis(), redis());
    writer.open(&space).unwrap();
    Backend::put_many(&writer, &space, &entries, now()).unwrap();
    let keys: Vec<&[u8]> = entries.iter().map(|(key, _)| &key[..]).collect();
    // Two of them are as much as a reply should hold, and of a few it must be learned.
    let least = u64::from(VALUES) / 2 - 1;
    for who in [&reader, &writer] {
        let before = questions();
        let found = Backend::get_many(who, &space, &keys, now()).unwrap();
        assert!(found.into_iter().eq(entries.iter().map(|(_, record)| Some(record.clone()))));
        let asked = questions() - before;
        assert!(asked >= least, "{asked} questions for {VALUES} values of {SIZE} bytes, {maxsize:?}");
    }
    let (before, mut shown) = (questions(), 0);
    let visit = &mut |key: &[u8], found: &Record| {
        assert!(*found == record(key[0]));
        shown += 1;
        Visit::Keep
    };
    looker.scan(&space, now(), visit).unwrap();
    assert_eq!(shown, VALUES);
    // A server gives more fields to a page than it is asked for: Valkey 9 all that lie together, which are seven at most.
    let asked = questions() - before;
    assert!(asked >= u64::from(VALUES) / 7, "{asked} pages, {maxsize:?}");
    writer.clear(&space).unwrap();
}

#[test]
fn large_values_of_a_server_go_in_parts() {
    let server = Server::start();
    for maxsize in [None, Some(1_000)] {
        goes_and_comes(|| Redis::open(&patient(&server.url())).unwrap(), maxsize, || questions(&server));
    }
}

#[test]
fn large_values_of_a_cluster_go_in_parts() {
    let cluster = Cluster::start();
    let questions = || cluster.nodes().iter().map(questions).sum();
    goes_and_comes(|| Redis::open(&patient(&cluster.url())).unwrap(), None, questions);
}

/// What is small goes in one go as soon as it is known to be.
#[test]
fn small_values_go_together() {
    let server = Server::start();
    let redis = Redis::open(&patient(&server.url())).unwrap();
    for maxsize in [None, Some(1_000)] {
        let mut space = Space::new(fresh("small"));
        space.maxsize = maxsize;
        redis.open(&space).unwrap();
        let record = |key: u8| Record { value: vec![key; 100], expires: Timestamp::NEVER };
        let entries: Vec<_> = (0..100).map(|key| (vec![key], record(key))).collect();
        Backend::put_many(&redis, &space, &entries, now()).unwrap();
        let (keys, before): (Vec<&[u8]>, _) = (entries.iter().map(|(key, _)| &key[..]).collect(), questions(&server));
        let found = Backend::get_many(&redis, &space, &keys, now()).unwrap();
        assert!(found.iter().all(Option::is_some));
        assert_eq!(questions(&server) - before, 1, "{maxsize:?}");
    }
}
