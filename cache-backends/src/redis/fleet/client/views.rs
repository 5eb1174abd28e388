//! Whom of several a client believes, and whom it learns of.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::Client;
use super::fake::{Fake, Say, error, text};
use super::tests::{all_at, call, cluster, cluster_within, dated, sentinel, server, table, watches};
use crate::redis::server::node::wait;
use crate::redis::settings::target::Address;
use memolith_core::ErrorKind;
use std::time::Duration;

/// What a node knows of the epochs of others, by their ports.
fn epochs(nodes: &[(&Fake, u64)]) -> Say {
    let line = |(fake, epoch): &(&Fake, u64)| {
        let port = fake.port();
        format!("{port} 127.0.0.1:{port}@1{port} master - 0 1700000000000 {epoch} connected 0-16383\n")
    };
    text(&nodes.iter().map(line).collect::<String>())
}

fn owner(client: &Client, slot: u16) -> Address {
    client.servers.map().owner(slot).unwrap().address().clone()
}

/// The clock has come round to ask who has what.
fn refresh(client: &Client) {
    wait(client.servers.fetch(0, &[])).unwrap();
}

fn silent() -> (Say, Say) {
    (error("ERR no"), error("ERR no"))
}

#[test]
fn who_was_cut_off_is_not_believed_to_be_an_owner_again() {
    let (old, new) = (Fake::start(), Fake::start());
    let before = (all_at(&old), epochs(&[(&old, 3), (&new, 0)]));
    let after = (all_at(&new), epochs(&[(&old, 3), (&new, 8)]));
    dated(&old, before.clone(), |_| text("old"));
    dated(&new, after, |_| text("new"));
    let client = cluster(&[&new, &old]);
    assert_eq!(call(&client, "key").unwrap(), "new");
    // The new one does not tell this time, and the old one has not heard.
    dated(&new, silent(), |_| text("new"));
    for _ in 0..3 {
        refresh(&client);
        assert_eq!(call(&client, "key").unwrap(), "new");
    }
    assert_eq!(old.heard("CLUSTER SLOTS"), 3);
    // A later one is believed at once, though it be the same.
    dated(&old, (all_at(&old), epochs(&[(&old, 9), (&new, 8)])), |_| text("old"));
    refresh(&client);
    assert_eq!(call(&client, "key").unwrap(), "old");
}

#[test]
fn each_slot_is_the_later_ones() {
    let (old, new) = (Fake::start(), Fake::start());
    let half = (table(&[(0, 99, old.port()), (100, 16_383, new.port())]), epochs(&[(&old, 3), (&new, 8)]));
    dated(&new, half, |_| text("new"));
    dated(&old, (all_at(&old), epochs(&[(&old, 3), (&new, 2)])), |_| text("old"));
    let client = cluster(&[&new, &old]);
    call(&client, "key").unwrap();
    dated(&new, silent(), |_| text("new"));
    refresh(&client);
    assert_eq!([owner(&client, 99), owner(&client, 100)], [old.address(), new.address()]);
}

/// Whoever makes a cluster anew begins with the first epoch again.
#[test]
fn a_cluster_that_stays_older_is_believed_in_the_end() {
    let (old, new) = (Fake::start(), Fake::start());
    dated(&new, (all_at(&new), epochs(&[(&new, 8)])), |_| text("new"));
    dated(&old, (all_at(&old), epochs(&[(&old, 1)])), |_| text("old"));
    let client = cluster(&[&new, &old]);
    call(&client, "key").unwrap();
    dated(&new, silent(), |_| text("new"));
    let rounds = (0..200).take_while(|_| {
        refresh(&client);
        owner(&client, 0) == new.address()
    });
    assert!((10..100).contains(&rounds.count()));
}

#[test]
fn who_tells_no_epochs_is_believed() {
    let (old, new) = (Fake::start(), Fake::start());
    dated(&new, (all_at(&new), epochs(&[(&new, 8)])), |_| text("new"));
    dated(&old, (all_at(&old), error("NOPERM")), |_| text("old"));
    let client = cluster(&[&new, &old]);
    call(&client, "key").unwrap();
    dated(&new, silent(), |_| text("new"));
    refresh(&client);
    assert_eq!(owner(&client, 0), old.address());
}

/// A slot may be half here and half there for as long as it likes.
#[test]
fn who_waits_for_a_slot_in_vain_does_not_keep_others_from_waiting() {
    let server = Fake::start();
    let mut left = 3;
    let tell = (all_at(&server), epochs(&[]));
    dated(&server, tell, move |command| match command {
        "GET stuck" => error("TRYAGAIN while it moves"),
        _ => {
            left -= 1;
            if left < 0 { text("here") } else { error("TRYAGAIN while it moves") }
        }
    });
    let client = cluster_within(Duration::from_millis(250), &[&server]);
    assert_eq!(call(&client, "stuck").unwrap_err().kind(), ErrorKind::Busy);
    let asked = server.heard("GET stuck");
    assert_eq!(call(&client, "other").unwrap(), "here");
    assert_eq!(call(&client, "stuck").unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(server.heard("GET stuck"), asked + 1, "the first only waits for the same slot");
}

#[test]
fn sentinels_that_others_know_are_asked_when_the_named_ones_are_gone() {
    let (named, second, third) = (Fake::start(), Fake::start(), Fake::start());
    let (old, middle, new) = (Fake::start(), Fake::start(), Fake::start());
    for (fake, name) in [(&old, "old"), (&middle, "middle"), (&new, "new")] {
        server(fake, "master", move || text(name));
    }
    watches(&named, old.port(), &[second.port()]);
    // One that has come since is known to the second alone, which does not name itself.
    watches(&second, middle.port(), &[named.port(), third.port()]);
    watches(&third, new.port(), &[named.port()]);
    let client = sentinel(&[&named]);
    assert_eq!(call(&client, "key").unwrap(), "old");
    assert_eq!(second.heard("SENTINEL"), 0, "those that the user named come first");
    named.die();
    old.die();
    assert_eq!(call(&client, "key").unwrap(), "middle");
    second.die();
    middle.die();
    assert_eq!(call(&client, "key").unwrap(), "new");
}
