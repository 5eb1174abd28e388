//! Servers that lose what they were given, all at once, bit by bit, or refuse more: misses, nothing worse.

use crate::load::{BACK, Load, Memory, ask, deaf, patient, value, version};
use crate::servers::Server;
use memolith_core::ErrorKind;

/// Each with and without a bound, which the backend keeps in two different ways.
const BOUNDS: [Option<usize>; 2] = [None, Some(2_000)];

#[test]
fn what_is_flushed_is_computed_again() {
    let server = Server::start();
    for maxsize in BOUNDS {
        let load = Load::with(&patient(&server.url()), maxsize, Memory::Exact);
        for how in ["SYNC", "ASYNC", "SYNC", "ASYNC", "SYNC"] {
            assert_eq!(server.cli(&["FLUSHALL", how]), "OK");
            load.go_on(200);
            load.until_used(BACK);
        }
        assert_eq!(load.end().texts(), Vec::<String>::new(), "to have lost everything is no fault");
    }
}

#[test]
fn forgotten_scripts_are_loaded_again() {
    let server = Server::start();
    for maxsize in BOUNDS {
        let load = Load::with(&patient(&server.url()), maxsize, Memory::Exact);
        for _ in 0..5 {
            assert_eq!(server.cli(&["SCRIPT", "FLUSH"]), "OK");
            load.go_on(100);
        }
        load.until_used(BACK);
        assert_eq!(load.end().texts(), Vec::<String>::new(), "to have lost the scripts is no fault");
    }
}

#[test]
fn a_server_that_evicts_is_never_wrong() {
    for maxsize in BOUNDS {
        // Valkey frees in the background what it evicts, and refuses what is put meanwhile.
        let server = Server::with(&["--maxmemory-policy", "allkeys-lru", "--lazyfree-lazy-eviction", "no"]);
        // Servers differ in what they need for themselves.
        let most = (server.info("used_memory") + (1 << 20)).to_string();
        assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory", &most]), "OK");
        let (cache, faults) = deaf(&patient(&server.url()), maxsize);
        let mut had = 0;
        for _ in 0..2 {
            ask(&cache, 0..6_000, 0);
            had += ask(&cache, 5_900..6_000, 0);
        }
        assert!(server.info("evicted_keys") > 0, "nothing was evicted, and nothing tested");
        assert!(had > 0, "the newest are there");
        assert!(maxsize.is_none_or(|maxsize| cache.len() <= maxsize), "{} entries", cache.len());
        // Half of an entry may have left: what is removed is gone all the same.
        for key in 5_000..5_100 {
            cache.remove(&key).unwrap();
        }
        assert_eq!(ask(&cache, 5_000..5_100, 1), 0);
        assert!(faults.texts().is_empty(), "{:#?}", faults.texts());
    }
}

#[test]
fn a_server_that_is_full_keeps_no_old_values() {
    for maxsize in [None, Some(100_000)] {
        let server = Server::with(&["--maxmemory", "2mb", "--maxmemory-policy", "noeviction"]);
        let (cache, faults) = deaf(&patient(&server.url()), maxsize);
        ask(&cache, 0..50, 0);
        assert_eq!(ask(&cache, 0..50, 0), 50);
        ask(&cache, 1_000..6_000, 0);
        assert!(faults.has(ErrorKind::Unavailable), "it was not full: {:#?}", faults.texts());
        for key in 0..50 {
            cache.insert(key, value(key, 1));
        }
        for key in 0..50 {
            let found = cache.get(&key).map(|bytes| version(key, &bytes));
            assert_ne!(found, Some(0), "key {key} has a value that was replaced");
        }
        ask(&cache, 0..50, 1);
        assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
        ask(&cache, 0..50, 1);
        assert_eq!(ask(&cache, 0..50, 1), 50, "there is room again");
    }
}
