//! Ways to reach a server, and servers that know less than today's.

use crate::load::{ask, deaf, patient};
use crate::servers::{Cluster, Server};
use memolith_backends::open;
use memolith_core::{Record, Space, Timestamp};

#[test]
fn every_way_leads_to_the_same_server() {
    let server = Server::in_a_directory(&["--requirepass", "se:cret/@%"]);
    assert_eq!(server.cli(&["ACL", "SETUSER", "some:user", "on", ">se:cret/@%", "~*", "&*", "+@all"]), "OK");
    let (address, port) = (server.address(), server.port());
    let password = "se%3Acret%2F%40%25";
    let socket = server.socket_url().replace("unix://", &format!("unix://:{password}@"));
    let space = Space::new("reached");
    let record = Record { value: b"value".to_vec(), expires: Timestamp::NEVER };
    let ways = [
        format!("redis://:{password}@{address}"),
        format!("redis://:{password}@localhost:{port}/"),
        format!("valkey://some%3Auser:{password}@{address}/0"),
        format!("redis://some%3Auser:{password}@{address}/0?timeout=5s&prefix=memolith"),
        socket,
    ];
    for (number, way) in ways.iter().enumerate() {
        let backend = open(way).unwrap_or_else(|error| panic!("{way}: {error}"));
        let put = backend.put(&space, &[number as u8], &record, Timestamp::from_micros(1));
        put.unwrap_or_else(|error| panic!("{way}: {error}"));
        for key in 0..=number {
            let found = backend.get(&space, &[key as u8], Timestamp::from_micros(1)).unwrap();
            assert_eq!(found.as_ref(), Some(&record), "{way}");
        }
    }
    let other = open(&format!("redis://:{password}@{address}/3")).unwrap();
    assert_eq!(other.get(&space, &[0], Timestamp::from_micros(1)).unwrap(), None, "another database");
    let other = open(&format!("redis://:{password}@{address}?prefix=other")).unwrap();
    assert_eq!(other.get(&space, &[0], Timestamp::from_micros(1)).unwrap(), None, "another prefix");
}

#[test]
fn a_server_of_many_years_ago() {
    let unknown = ["HELLO", "CLIENT", "SPUBLISH", "SSUBSCRIBE"];
    let arguments: Vec<&str> = unknown.iter().flat_map(|name| ["--rename-command", name, ""]).collect();
    let server = Server::with(&[&arguments[..], &["--requirepass", "secret"]].concat());
    for maxsize in [None, Some(100)] {
        let (cache, faults) = deaf(&patient(&server.url()), maxsize);
        assert_eq!((ask(&cache, 0..50, 0), ask(&cache, 0..50, 0)), (0, 50), "{:?}", faults.texts());
        cache.remove(&3).unwrap();
        assert_eq!(ask(&cache, 3..4, 1), 0);
        cache.clear().unwrap();
        assert_eq!((ask(&cache, 0..50, 2), cache.len()), (0, 50));
        assert!(faults.texts().is_empty(), "{:#?}", faults.texts());
    }
}

#[test]
fn a_cluster_with_a_password() {
    let cluster = Cluster::with(&["--requirepass", "secret", "--masterauth", "secret"]);
    let url = cluster.url().replace("cluster://", "cluster://:secret@");
    let (cache, faults) = deaf(&patient(&url), Some(100));
    assert_eq!((ask(&cache, 0..50, 0), ask(&cache, 0..50, 0)), (0, 50));
    assert!(faults.texts().is_empty(), "{:#?}", faults.texts());
}
