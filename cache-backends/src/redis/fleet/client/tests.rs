//! What callers see while servers redirect, refuse and die.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::Client;
use super::fake::{Fake, Say, error, ok, text};
use crate::redis::fleet::slots::slot_of;
use crate::redis::server::node::wait;
use crate::redis::settings::options::Options;
use crate::redis::settings::target::{Login, Target, Topology};
use crate::redis::wire::reply::Reply;
use crate::redis::wire::request::{Request, Route};
use memolith_core::{ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Long enough for a machine that does much else.
const PATIENT: Duration = Duration::from_secs(5);
/// For what ends because the time is over.
const BRIEF: Duration = Duration::from_millis(250);

fn client(topology: Topology, timeout: Duration) -> Client {
    let target = Target { topology, login: Login::default(), sentinel_login: Login::default() };
    Client::new(target, &Options { timeout, ..Options::default() })
}

pub(super) fn cluster(seeds: &[&Fake]) -> Client {
    cluster_within(PATIENT, seeds)
}

pub(super) fn cluster_within(timeout: Duration, seeds: &[&Fake]) -> Client {
    client(Topology::Cluster(seeds.iter().map(|fake| fake.address()).collect()), timeout)
}

fn single(server: &Fake) -> Client {
    client(Topology::Single(server.address()), PATIENT)
}

pub(super) fn sentinel(sentinels: &[&Fake]) -> Client {
    let sentinels = sentinels.iter().map(|fake| fake.address()).collect();
    client(Topology::Sentinel { name: "cache".to_owned(), sentinels }, PATIENT)
}

fn get(key: &str) -> Request {
    Request::new("GET", Route::Slot(slot_of(key.as_bytes()))).arg(key)
}

pub(super) fn call(client: &Client, key: &str) -> Result<String> {
    wait(client.call(get(key))).map(told)
}

fn told(reply: Reply) -> String {
    match reply {
        Reply::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
        reply => format!("{reply:?}"),
    }
}

/// A table that gives each range of slots to the server at a port, which is its id as well.
pub(super) fn table(ranges: &[(u16, u16, u16)]) -> Say {
    let range = |&(first, last, port): &(u16, u16, u16)| {
        let (id, length) = (port, port.to_string().len());
        format!("*3\r\n:{first}\r\n:{last}\r\n*3\r\n$9\r\n127.0.0.1\r\n:{port}\r\n${length}\r\n{id}\r\n")
    };
    Say::Bytes(format!("*{}\r\n{}", ranges.len(), ranges.iter().map(range).collect::<String>()))
}

pub(super) fn all_at(fake: &Fake) -> Say {
    table(&[(0, 16_383, fake.port())])
}

/// Answers questions for the table with `table`, and all else by `script`.
fn member(fake: &Fake, table: Say, script: impl FnMut(&str) -> Say + Send + 'static) {
    dated(fake, (table, error("NOPERM no epochs")), script);
}

/// As [`member`], and tells epochs.
pub(super) fn dated(fake: &Fake, told: (Say, Say), mut script: impl FnMut(&str) -> Say + Send + 'static) {
    let (table, nodes) = told;
    fake.say(move |command| match command {
        "CLUSTER SLOTS" => table.clone(),
        "CLUSTER NODES" => nodes.clone(),
        "PING" => ok(),
        command => script(command),
    });
}

#[track_caller]
fn eventually(mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < end, "not within 10 s");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn who_was_redirected_goes_there_at_once_the_next_time() {
    let (old, new) = (Fake::start(), Fake::start());
    let moved = format!("MOVED {} 127.0.0.1:{}", slot_of(b"key"), new.port());
    member(&old, all_at(&old), move |_| error(&moved));
    member(&new, all_at(&new), |_| text("here"));
    let client = cluster(&[&old]);
    assert_eq!(call(&client, "key").unwrap(), "here");
    assert_eq!(call(&client, "key").unwrap(), "here");
    assert_eq!((old.heard("GET"), new.heard("GET")), (1, 2));
}

#[test]
fn redirections_refresh_the_table_seldom() {
    let (old, new) = (Fake::start(), Fake::start());
    let port = new.port();
    let slot = |command: &str| slot_of(command.trim_start_matches("GET ").as_bytes());
    member(&old, all_at(&old), move |command| error(format!("MOVED {} 127.0.0.1:{port}", slot(command))));
    member(&new, all_at(&old), |_| text("here"));
    let (client, begun) = (cluster(&[&old]), Instant::now());
    for key in 0..200 {
        assert_eq!(call(&client, &key.to_string()).unwrap(), "here");
    }
    let most = begun.elapsed().as_millis() / 100 + 2;
    let asked = old.heard("CLUSTER SLOTS") + new.heard("CLUSTER SLOTS");
    assert!(asked as u128 <= most, "{asked} questions, {most} would do");
}

#[test]
fn servers_that_send_to_each_other_do_not_keep_a_caller() {
    let (one, other) = (Fake::start(), Fake::start());
    for (from, to) in [(&one, &other), (&other, &one)] {
        let moved = format!("MOVED {} 127.0.0.1:{}", slot_of(b"key"), to.port());
        member(from, all_at(from), move |_| error(&moved));
    }
    let (client, begun) = (cluster_within(BRIEF, &[&one, &other]), Instant::now());
    assert_eq!(call(&client, "key").unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(one.heard("GET") + other.heard("GET") < 50, "redirections in a row are not followed at once for ever");
}

#[test]
fn who_is_told_to_ask_asks_and_remembers_nothing() {
    let (old, new) = (Fake::start(), Fake::start());
    let ask = format!("ASK {} 127.0.0.1:{}", slot_of(b"key"), new.port());
    member(&old, all_at(&old), move |_| error(&ask));
    member(
        &new,
        all_at(&old),
        |command| if command.starts_with("ASKING ") { text("here") } else { error("MOVED 1 :1") },
    );
    let client = cluster(&[&old]);
    assert_eq!(call(&client, "key").unwrap(), "here");
    assert_eq!(call(&client, "key").unwrap(), "here");
    assert_eq!((old.heard("GET"), new.heard("ASKING GET"), new.heard("GET")), (2, 2, 0));
    assert_eq!(old.heard("CLUSTER SLOTS"), 1);
}

#[test]
fn what_passes_is_waited_for() {
    for refusal in ["TRYAGAIN while it moves", "CLUSTERDOWN down", "LOADING data", "MASTERDOWN no link"] {
        let server = Fake::start();
        let mut left = 3;
        member(&server, all_at(&server), move |_| {
            left -= 1;
            if left < 0 { text("here") } else { error(refusal) }
        });
        assert_eq!(call(&cluster(&[&server]), "key").unwrap(), "here", "{refusal}");
    }
}

#[test]
fn what_does_not_pass_is_waited_for_by_the_first_only() {
    let server = Fake::start();
    member(&server, all_at(&server), |_| error("CLUSTERDOWN The cluster is down"));
    let (client, begun) = (cluster_within(BRIEF, &[&server]), Instant::now());
    let refused = call(&client, "key").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.to_string().contains("CLUSTERDOWN"), "{refused}");
    let (first, begun) = (begun.elapsed(), Instant::now());
    assert!(first >= BRIEF && first < PATIENT, "{first:?}");
    for _ in 0..10 {
        call(&client, "key").unwrap_err();
    }
    assert!(begun.elapsed() < BRIEF * 5, "ten calls wait less than half as long as ten times one");
}

#[test]
fn other_errors_are_replies() {
    let server = Fake::start();
    member(&server, all_at(&server), |_| error("WRONGTYPE Operation"));
    let reply = wait(cluster(&[&server]).call(get("key"))).unwrap();
    assert!(matches!(&reply, Reply::Error(error) if error.code == "WRONGTYPE"), "{reply:?}");
}

#[test]
fn a_connection_that_was_cut_costs_no_caller_anything() {
    let server = Fake::start();
    let mut calls = 0;
    server.say(move |_| {
        calls += 1;
        if calls == 2 { Say::HangUp } else { text("here") }
    });
    let client = single(&server);
    assert_eq!(call(&client, "key").unwrap(), "here");
    assert_eq!(call(&client, "key").unwrap(), "here");
}

#[test]
fn who_took_the_place_of_the_dead_is_asked() {
    let (old, new) = (Fake::start(), Fake::start());
    member(&old, all_at(&old), |_| text("old"));
    member(&new, all_at(&new), |_| text("new"));
    let client = cluster(&[&old, &new]);
    assert_eq!(call(&client, "key").unwrap(), "old");
    old.die();
    assert_eq!(call(&client, "key").unwrap(), "new");
}

#[test]
fn an_old_table_is_not_preferred() {
    let (dead, stale, fresh) = (Fake::start(), Fake::start(), Fake::start());
    member(&dead, all_at(&dead), |_| text("dead"));
    member(&stale, all_at(&dead), |_| text("stale"));
    member(&fresh, all_at(&fresh), |_| text("fresh"));
    let client = cluster(&[&dead, &stale, &fresh]);
    assert_eq!(call(&client, "key").unwrap(), "dead");
    dead.die();
    assert_eq!(call(&client, "key").unwrap(), "fresh");
}

#[test]
fn a_new_owner_is_found_while_nobody_calls() {
    let (old, new) = (Fake::start(), Fake::start());
    member(&old, all_at(&old), |_| text("old"));
    member(&new, all_at(&old), |_| text("new"));
    let client = cluster(&[&old, &new]);
    assert_eq!(call(&client, "key").unwrap(), "old");
    old.die();
    assert_eq!(call(&client, "key").unwrap_err().kind(), ErrorKind::Unavailable);
    let begun = Instant::now();
    for _ in 0..20 {
        call(&client, "key").unwrap_err();
    }
    assert!(begun.elapsed() < PATIENT, "nobody waits for what has not been replaced");
    member(&new, all_at(&new), |_| text("new"));
    let (asked, map) = (new.heard("CLUSTER SLOTS"), client.servers.map());
    eventually(|| new.heard("CLUSTER SLOTS") > asked && !Arc::ptr_eq(&client.servers.map(), &map));
    assert_eq!(call(&client, "key").unwrap(), "new");
}

#[test]
fn who_left_is_forgotten_and_the_thread_ends() {
    let (old, new) = (Fake::start(), Fake::start());
    member(&old, all_at(&new), |_| text("old"));
    member(&new, all_at(&new), |_| text("new"));
    let client = cluster(&[&new]);
    call(&client, "key").unwrap();
    client.servers.moved(0, old.address());
    let left = Arc::downgrade(client.servers.map().owner(0).unwrap());
    client.servers.want();
    eventually(|| left.upgrade().is_none());
    let servers = Arc::downgrade(&client.servers);
    new.die();
    assert!(call(&client, "key").is_err());
    drop(client);
    eventually(|| servers.upgrade().is_none());
}

#[test]
fn a_batch_is_shared_out_and_comes_back_in_order() {
    let fakes = [Fake::start(), Fake::start(), Fake::start()];
    let ranges = [(0, 5_000, fakes[0].port()), (5_001, 10_000, fakes[1].port()), (10_001, 16_383, fakes[2].port())];
    // The first has given the slot of one key away.
    let gone = (0..).map(|number: u32| number.to_string()).find(|key| slot_of(key.as_bytes()) < 5_000).unwrap();
    let (moved, port) = (format!("GET {gone}"), fakes[1].port());
    for (number, fake) in fakes.iter().enumerate() {
        let moved = moved.clone();
        member(fake, table(&ranges), move |command| match command {
            command if number == 0 && command == moved => error(format!("MOVED 1 127.0.0.1:{port}")),
            command => text(&format!("{number} {command}")),
        });
    }
    let client = cluster(&[&fakes[2]]);
    let keys: Vec<String> = (0..100).map(|key| key.to_string()).chain([gone.clone()]).collect();
    let replies = wait(client.call_all(keys.iter().map(|key| get(key)).collect()));
    assert_eq!(replies.len(), keys.len());
    for (key, reply) in keys.iter().zip(replies) {
        let owner = match slot_of(key.as_bytes()) {
            _ if *key == gone => 1,
            0..=5_000 => 0,
            5_001..=10_000 => 1,
            _ => 2,
        };
        assert_eq!(told(reply.unwrap()), format!("{owner} GET {key}"));
    }
}

#[test]
fn a_batch_gives_each_its_own_error() {
    let (alive, dead) = (Fake::start(), Fake::start());
    let ranges = [(0, 8_000, alive.port()), (8_001, 16_383, dead.port())];
    member(&alive, table(&ranges), |_| text("here"));
    member(&dead, table(&ranges), |_| text("there"));
    let client = cluster(&[&alive]);
    call(&client, "key").unwrap();
    dead.die();
    let keys: Vec<String> = (0..50).map(|key| key.to_string()).collect();
    let replies = wait(client.call_all(keys.iter().map(|key| get(key)).collect()));
    for (key, reply) in keys.iter().zip(replies) {
        assert_eq!(reply.is_ok(), slot_of(key.as_bytes()) <= 8_000, "{key}");
    }
    assert!(wait(client.call_all(Vec::new())).is_empty());
}

#[test]
fn what_has_no_key_goes_to_whoever_answers() {
    let (alive, dead) = (Fake::start(), Fake::start());
    let ranges = [(0, 8_000, dead.port()), (8_001, 16_383, alive.port())];
    member(&alive, table(&ranges), |_| text("alive"));
    member(&dead, table(&ranges), |_| text("dead"));
    let client = cluster(&[&alive]);
    let any = || wait(client.call(Request::new("TIME", Route::Any))).map(told);
    assert_eq!(any().unwrap(), "dead");
    dead.die();
    assert_eq!(any().unwrap(), "alive");
}

#[test]
fn a_slot_of_nobody_is_an_error_in_time() {
    let server = Fake::start();
    member(&server, table(&[(0, 0, server.port())]), |_| text("here"));
    let (client, begun) = (cluster_within(BRIEF, &[&server]), Instant::now());
    assert_eq!(call(&client, "key").unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_cluster_without_anybody_fails_at_once() {
    let server = Fake::start();
    server.die();
    let client = cluster(&[&server]);
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(call(&client, "key").unwrap_err().kind(), ErrorKind::Unavailable);
    }
    assert!(begun.elapsed() < PATIENT, "{:?}", begun.elapsed());
}

#[test]
fn a_server_without_slots_says_how_to_name_it() {
    let server = Fake::start();
    server.say(|_| error("ERR This instance has cluster support disabled"));
    assert_eq!(call(&cluster(&[&server]), "key").unwrap_err().kind(), ErrorKind::Config);
    server.say(|_| error("MOVED 1 127.0.0.1:1"));
    assert_eq!(call(&single(&server), "key").unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn a_server_that_became_a_replica_is_looked_up_anew() {
    let server = Fake::start();
    let connections = Arc::new(AtomicUsize::new(0));
    let writes = Arc::clone(&connections);
    server.say(move |_| match writes.fetch_add(1, Ordering::SeqCst) {
        0..3 => error("READONLY You can't write against a read only replica."),
        _ => text("here"),
    });
    let client = single(&server);
    let before = Arc::downgrade(client.servers.map().owner(0).unwrap());
    assert_eq!(call(&client, "key").unwrap(), "here");
    eventually(|| before.upgrade().is_none());
}

/// Names the server at `port`, and no other sentinel.
fn names(sentinel: &Fake, port: u16) {
    watches(sentinel, port, &[]);
}

/// Names the server at `port`, and sentinels at `others`.
pub(super) fn watches(sentinel: &Fake, port: u16, others: &[u16]) {
    let words = |words: &[&str]| {
        let words = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect::<Vec<_>>();
        format!("*{}\r\n{}", words.len(), words.concat())
    };
    let place = words(&["127.0.0.1", &port.to_string()]);
    let about = |port: &u16| words(&["name", "id", "ip", "127.0.0.1", "port", &port.to_string(), "flags", "sentinel"]);
    let others = format!("*{}\r\n{}", others.len(), others.iter().map(about).collect::<String>());
    sentinel.say(move |command| match command {
        "SENTINEL get-master-addr-by-name cache" => Say::Bytes(place.clone()),
        "SENTINEL sentinels cache" => Say::Bytes(others.clone()),
        command => panic!("{command}"),
    });
}

pub(super) fn server(fake: &Fake, role: &'static str, script: impl Fn() -> Say + Send + 'static) {
    fake.say(move |command| match command {
        "ROLE" => Say::Bytes(format!("*1\r\n${}\r\n{role}\r\n", role.len())),
        "PING" => ok(),
        _ => script(),
    });
}

#[test]
fn sentinels_name_the_primary() {
    let (dead, watch, old, new) = (Fake::start(), Fake::start(), Fake::start(), Fake::start());
    dead.die();
    names(&watch, old.port());
    server(&old, "master", || text("old"));
    server(&new, "master", || text("new"));
    let client = sentinel(&[&dead, &watch]);
    assert_eq!(call(&client, "key").unwrap(), "old");
    names(&watch, new.port());
    old.die();
    assert_eq!(call(&client, "key").unwrap(), "new");
}

#[test]
fn who_was_degraded_is_left() {
    let (watch, old, new) = (Fake::start(), Fake::start(), Fake::start());
    names(&watch, old.port());
    server(&old, "master", || text("old"));
    server(&new, "master", || text("new"));
    let client = sentinel(&[&watch]);
    assert_eq!(call(&client, "key").unwrap(), "old");
    server(&old, "slave", || error("READONLY You can't write against a read only replica."));
    names(&watch, new.port());
    assert_eq!(call(&client, "key").unwrap(), "new");
}

#[test]
fn who_is_no_primary_is_not_believed_to_be_one() {
    let (stale, fresh, replica, primary) = (Fake::start(), Fake::start(), Fake::start(), Fake::start());
    names(&stale, replica.port());
    names(&fresh, primary.port());
    server(&replica, "slave", || text("replica"));
    server(&primary, "master", || text("primary"));
    assert_eq!(call(&sentinel(&[&stale, &fresh]), "key").unwrap(), "primary");
    assert_eq!(call(&sentinel(&[&stale]), "key").unwrap_err().kind(), ErrorKind::Unavailable);
    fresh.say(|_| Say::Bytes("*-1\r\n".to_owned()));
    assert_eq!(call(&sentinel(&[&fresh]), "key").unwrap_err().kind(), ErrorKind::Config);
}
