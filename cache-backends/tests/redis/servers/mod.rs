//! Servers of a test's own, on free ports of this machine, with their data in memory alone, gone when it ends.

mod cluster;
#[path = "../../kit/dir.rs"]
mod dir;
mod resp;
mod sentinel;
mod single;
mod spawn;

pub(crate) use cluster::{Cluster, tag as slot_tag};
pub(crate) use resp::Connection;
pub(crate) use sentinel::Sentinels;
pub(crate) use single::Server;
pub(crate) use spawn::free_port;

use std::time::{Duration, Instant};

/// Waits for `done`, which a server brings about.
#[track_caller]
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < end, "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

mod tests {
    use super::*;

    #[test]
    fn a_server_dies_stops_and_comes_back() {
        let server = Server::start();
        assert_eq!(server.cli(&["SET", "key", "value"]), "OK");
        server.stop();
        assert!(!server.is_running() && server.try_cli(&["GET", "key"]).is_err(), "it does not answer");
        server.cont();
        assert_eq!(server.cli(&["GET", "key"]), "value");
        server.kill();
        assert!(server.try_cli(&["GET", "key"]).is_err());
        server.restart();
        assert_eq!(server.cli(&["GET", "key"]), "", "nothing is kept on disk");
    }

    #[test]
    fn a_cluster_has_a_master_and_a_replica_for_every_slot() {
        let cluster = Cluster::start();
        assert_eq!(cluster.masters().len(), 3);
        let owners: Vec<u16> = [0, 8_000, 16_383].map(|slot| cluster.owner(slot).port()).to_vec();
        assert!(owners[0] != owners[1] && owners[1] != owners[2] && owners[0] != owners[2]);
        let before = cluster.owner(0).port();
        cluster.owner(0).kill();
        eventually("writes are accepted again", || cluster.accepts(0));
        assert_ne!(cluster.owner(0).port(), before, "the replica has taken over");
        cluster.restore();
    }

    #[test]
    fn sentinels_choose_another_primary() {
        let sentinels = Sentinels::start();
        let before = sentinels.primary().port();
        sentinels.primary().kill();
        eventually("there is another primary", || sentinels.accepts());
        assert_ne!(sentinels.primary().port(), before);
    }
}
