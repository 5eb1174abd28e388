//! Servers that do not let us, and what they and we say about it.

use crate::load::{Faults, Values, ask, cache, deaf};
use crate::servers::{Server, eventually};
use memolith_backends::Redis;
use memolith_backends::redis::Sessions;
use memolith_core::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

/// What no message may hold.
const MARKER: &str = "marker-7f3a";

/// Calls are right although nothing is kept, and what is reported is of `kind`, says one of `words`, and no secret.
fn refused(cache: &Values, faults: &Arc<Faults>, kind: ErrorKind, words: &[&str]) {
    assert_eq!(ask(cache, 0..3, 0) + ask(cache, 0..3, 0), 0);
    let texts = faults.texts();
    assert!(faults.has(kind), "{texts:#?}");
    assert!(texts.iter().any(|text| words.iter().any(|word| text.contains(word))), "{texts:#?}");
    assert!(!texts.iter().any(|text| text.contains(MARKER)), "{texts:#?}");
    assert!(!format!("{cache:?}").contains(MARKER));
}

#[test]
fn a_wrong_password() {
    let server = Server::with(&["--requirepass", "right"]);
    for login in [format!(":{MARKER}@"), format!("{MARKER}:{MARKER}@"), String::new()] {
        for maxsize in [None, Some(10)] {
            let redis = Redis::open(&format!("redis://{login}{}", server.address())).unwrap();
            assert!(!format!("{redis:?}").contains(MARKER));
            let (cache, faults) = cache(redis, maxsize);
            refused(&cache, &faults, ErrorKind::Config, &["WRONGPASS", "NOAUTH", "password"]);
        }
    }
}

/// After a few calls a server that refuses us is left alone as one that is away is, and is not taken for one.
#[test]
fn why_it_is_refused_is_said_as_long_as_it_is() {
    let (locked, open) = (Server::with(&["--requirepass", "right"]), Server::start());
    let (locked, nobody) = (locked.address(), "127.0.0.1:1");
    let urls = [
        (format!("redis://:{MARKER}@{locked}"), "password"),
        (format!("redis://{}/99", open.address()), "database"),
        (format!("redis+cluster://:{MARKER}@{locked},{nobody}"), "password"),
        (format!("redis+cluster://{}", open.address()), "redis://"),
        (format!("redis+sentinel://{locked},{nobody}/name?sentinel_password={MARKER}"), "password"),
    ];
    for (url, word) in urls {
        let before = if url.contains('?') { '&' } else { '?' };
        let (cache, faults) = cache(Redis::open(&format!("{url}{before}timeout=10s")).unwrap(), None);
        ask(&cache, 0..20, 0);
        assert!(!faults.has(ErrorKind::Unavailable), "{url}: {:#?}", faults.texts());
        refused(&cache, &faults, ErrorKind::Config, &[word]);
    }
}

#[test]
fn a_right_password_is_used_and_not_shown() {
    let server = Server::with(&["--requirepass", MARKER]);
    let before = format!("{:?}", Redis::open(&server.url()).unwrap());
    let (cache, faults) = deaf(&server.url(), None);
    assert_eq!((ask(&cache, 0..10, 0), ask(&cache, 0..10, 0)), (0, 10));
    server.kill();
    ask(&cache, 0..10, 0);
    let texts = faults.texts();
    assert!(!texts.is_empty());
    let all = format!("{before} {cache:?} {texts:?}");
    assert!(!all.contains(MARKER), "{all}");
}

#[test]
fn a_user_who_may_not() {
    let server = Server::start();
    let rule = format!(">{MARKER}");
    assert_eq!(server.cli(&["ACL", "SETUSER", "reader", "on", &rule, "~other:*", "&*", "+@all"]), "OK");
    for maxsize in [None, Some(10)] {
        let (cache, faults) = cache(Redis::open(&format!("redis://reader:{MARKER}@{}", server.address())), maxsize);
        refused(&cache, &faults, ErrorKind::Config, &["NOPERM", "permission"]);
    }
}

#[test]
fn urls_that_are_wrong_are_not_repeated() {
    let urls = [
        "redis://user:MARKER@host:port",
        "redis://user:MARKER@host:99999/",
        "redis://:MARKER@[::1/0",
        "redis://MARKER:MARKER@host/not-a-number",
        "redis://:MARKER@host/0?timeout=MARKER",
        "redis://:MARKER@host/0?MARKER=1",
        "redis://:MARKER%zz@host",
        "redis+cluster://:MARKER@",
        "redis+sentinel://:MARKER@host:1",
        "redis+unix://",
        "redis+MARKER://host",
        "rediss+nonsense://:MARKER@host",
        "valkey://:MARKER@ho st/",
        "redis://:MARKER@host:1:2",
        "MARKER",
        "",
    ];
    for url in urls {
        let url = url.replace("MARKER", MARKER);
        let error = Redis::open(&url).expect_err(&url);
        assert_eq!(error.kind(), ErrorKind::Config, "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains(MARKER), "{url}: {error}");
    }
}

#[test]
fn a_replica_is_read_and_refuses_writes() {
    let primary = Server::in_a_directory(&["--repl-diskless-sync-delay", "0"]);
    let port = primary.port().to_string();
    let replica = Server::in_a_directory(&["--replicaof", "127.0.0.1", &port]);
    eventually("it is in sync", || {
        replica.try_cli(&["INFO", "replication"]).is_ok_and(|info| info.contains("master_link_status:up"))
    });
    for maxsize in [None, Some(10)] {
        let (cache, faults) = cache(Redis::open(&replica.url()).unwrap(), maxsize);
        refused(&cache, &faults, ErrorKind::Unavailable, &["READONLY", "read only", "replica"]);
    }
}

#[test]
fn a_server_without_scripts_says_what_is_missing() {
    let missing = ["--rename-command", "EVAL", "", "--rename-command", "EVALSHA", "", "--rename-command", "SCRIPT", ""];
    let server = Server::with(&missing);
    let (bounded, faults) = cache(Redis::open(&server.url()).unwrap(), Some(10));
    refused(&bounded, &faults, ErrorKind::Unsupported, &["EVAL"]);
    // Without a bound no script is needed to get and to put.
    let (unbounded, _) = deaf(&server.url(), None);
    assert_eq!((ask(&unbounded, 0..10, 0), ask(&unbounded, 0..10, 0)), (0, 10));
    for key in 0..10 {
        let _ = unbounded.remove(&key);
    }
    assert_eq!(ask(&unbounded, 0..10, 1), 0, "what was removed is not served, removed there or not");
}

#[test]
fn a_command_that_is_unknown_is_not_told_with_what_it_was_to_store() {
    let server = Server::with(&["--rename-command", "SET", ""]);
    let redis = Redis::open(&server.url()).unwrap();
    let error = Sessions::new(&redis, "name", Duration::from_secs(60)).create(MARKER.as_bytes()).unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("unknown command") && !text.contains(MARKER) && !text.contains("session"), "{text}");
}
