//! Three masters, and a replica for each.

use super::spawn::cli_program;
use super::{Server, eventually};
use std::process::Command;

/// A cluster in which a dead master is replaced about two seconds later.
pub(crate) struct Cluster {
    nodes: Vec<Server>,
}

const ARGUMENTS: &[&str] = &[
    "--cluster-enabled",
    "yes",
    "--cluster-node-timeout",
    "1000",
    "--cluster-replica-validity-factor",
    "0",
    "--repl-diskless-sync-delay",
    "0",
    "--repl-ping-replica-period",
    "1",
];

const SLOTS: u16 = 16_384;

impl Cluster {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With arguments of each node.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let arguments = [ARGUMENTS, arguments].concat();
        let cluster = Cluster { nodes: (0..6).map(|_| Server::in_a_directory(&arguments)).collect() };
        let (first, masters) = (&cluster.nodes[0], &cluster.nodes[..3]);
        for (number, node) in cluster.nodes.iter().enumerate() {
            expect_ok(&node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]));
            if number > 0 {
                expect_ok(&first.cli(&["CLUSTER", "MEET", "127.0.0.1", &node.port().to_string()]));
            }
        }
        for (third, master) in masters.iter().enumerate() {
            let range = SLOTS as usize * third / 3..SLOTS as usize * (third + 1) / 3;
            let command = ["CLUSTER".into(), "ADDSLOTS".into()].into_iter().chain(range.map(|slot| slot.to_string()));
            expect_ok(&master.cli(&command.collect::<Vec<String>>()));
        }
        for (master, replica) in masters.iter().zip(&cluster.nodes[3..]) {
            let id = master.cli(&["CLUSTER", "MYID"]);
            eventually("a replica is told whom to follow", || replica.cli(&["CLUSTER", "REPLICATE", &id]) == "OK");
        }
        cluster.settle();
        cluster
    }

    /// `redis+cluster://`, with the first and the last node as seeds.
    pub(crate) fn url(&self) -> String {
        format!("redis+cluster://{},{}", self.nodes[0].address(), self.nodes[5].address())
    }

    pub(crate) fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// Moves one slot key by key, so that for a while half of what is in it is here and half there; `each` is called
    /// after every key.
    pub(crate) fn move_slot(&self, slot: u16, to: &Server, mut each: impl FnMut()) {
        let (from, number, port) = (self.owner(slot), slot.to_string(), to.port().to_string());
        let [source, target] = [from, to].map(|node| node.cli(&["CLUSTER", "MYID"]));
        expect_ok(&to.cli(&["CLUSTER", "SETSLOT", &number, "IMPORTING", &source]));
        expect_ok(&from.cli(&["CLUSTER", "SETSLOT", &number, "MIGRATING", &target]));
        loop {
            let mut connection = from.connect().unwrap();
            let keys = connection.items(&["CLUSTER", "GETKEYSINSLOT", &number, "1"]).unwrap();
            let Some(key) = keys.first() else { break };
            let moved = connection.call(&[b"MIGRATE", &b"127.0.0.1"[..], port.as_bytes(), key, b"0", b"5000"]).unwrap();
            assert!(["OK", "NOKEY"].contains(&moved.as_str()), "a key was not moved: {moved}");
            each();
        }
        // The new owner first; replicas hear of it from their masters.
        for node in [to].into_iter().chain(self.masters()) {
            expect_ok(&node.cli(&["CLUSTER", "SETSLOT", &number, "NODE", &target]));
        }
    }

    /// Waits until everybody agrees on who has which slots, and each master has its replica in sync.
    pub(crate) fn settle(&self) {
        eventually("the cluster is whole", || {
            let views: Option<Vec<Vec<Range>>> = self.nodes.iter().map(ranges).collect();
            let Some(views) = views else { return false };
            views.iter().all(|view| *view == views[0])
                && self.nodes.iter().all(|node| {
                    let ok = node.try_cli(&["CLUSTER", "INFO"]).is_ok_and(|info| info.contains("cluster_state:ok"));
                    ok && node.try_cli(&["INFO", "replication"]).is_ok_and(|info| match info.contains("role:master") {
                        true => info.contains("state=online"),
                        false => info.contains("master_link_status:up"),
                    })
                })
                && self.masters().len() == 3
        });
    }

    /// Starts what is dead again, as a replica, and waits until all is well.
    pub(crate) fn restore(&self) {
        self.nodes.iter().filter(|node| !node.is_alive()).for_each(Server::restart);
        self.settle();
    }

    /// The nodes that have slots, in the order of these.
    pub(crate) fn masters(&self) -> Vec<&Server> {
        let mut masters: Vec<&Server> = Vec::new();
        for range in self.ranges() {
            let node = self.node(range.port);
            if !masters.iter().any(|master| master.port() == node.port()) {
                masters.push(node);
            }
        }
        masters
    }

    /// The nodes without slots.
    pub(crate) fn replicas(&self) -> Vec<&Server> {
        let masters: Vec<u16> = self.masters().into_iter().map(Server::port).collect();
        self.nodes.iter().filter(|node| !masters.contains(&node.port())).collect()
    }

    /// Who has `slot`, as those say that answer.
    pub(crate) fn owner(&self, slot: u16) -> &Server {
        self.living_owner(slot).expect("every slot has an owner")
    }

    /// Some slot of `master`.
    pub(crate) fn slot_of(&self, master: &Server) -> u16 {
        self.ranges().iter().find(|range| range.port == master.port()).expect("it has slots").from
    }

    /// None while the owner is known to be dead and nobody has taken over.
    fn living_owner(&self, slot: u16) -> Option<&Server> {
        let range = self.ranges().into_iter().find(|range| (range.from..=range.to).contains(&slot))?;
        Some(self.node(range.port))
    }

    fn node(&self, port: u16) -> &Server {
        self.nodes.iter().find(|node| node.port() == port).expect("all nodes are ours")
    }

    /// What the majority of the nodes that answer believes.
    fn ranges(&self) -> Vec<Range> {
        let views: Vec<Vec<Range>> = self.nodes.iter().filter(|node| node.is_running()).filter_map(ranges).collect();
        let votes = |view: &Vec<Range>| views.iter().filter(|other| *other == view).count();
        views.iter().max_by_key(|view| votes(view)).expect("some node answers").clone()
    }

    /// Whether a write to `slot` is accepted at this moment.
    pub(crate) fn accepts(&self, slot: u16) -> bool {
        let key = format!("{{{}}}probe", tag(slot));
        let reply = self.living_owner(slot).map(|owner| owner.try_cli(&["SET", &key, "1", "PX", "1000"]));
        matches!(reply, Some(Ok(reply)) if reply == "OK")
    }

    /// Moves `slots` slots while everything goes on.
    pub(crate) fn reshard(&self, from: &Server, to: &Server, slots: u16) {
        let id = |node: &Server| node.cli(&["CLUSTER", "MYID"]);
        let output = Command::new(cli_program())
            .args(["--cluster", "reshard", &from.address(), "--cluster-from", &id(from), "--cluster-to", &id(to)])
            .args(["--cluster-slots", &slots.to_string(), "--cluster-yes"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "the slots were not moved: {said}");
    }
}

/// Slots in a row, and the port of their master.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Range {
    from: u16,
    to: u16,
    port: u16,
}

/// The slots as `node` knows them; none if it does not answer.
fn ranges(node: &Server) -> Option<Vec<Range>> {
    let text = node.try_cli(&["CLUSTER", "NODES"]).ok()?;
    let mut ranges = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (address, flags) = (words.get(1)?, words.get(2)?);
        if flags.contains("fail") || flags.contains("slave") {
            continue;
        }
        let port = address.split('@').next()?.rsplit(':').next()?.parse().ok()?;
        // A slot on its way stands in brackets, and is still its owner's.
        for range in words.iter().skip(8).filter(|range| !range.starts_with('[')) {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            ranges.push(Range { from: from.parse().ok()?, to: to.parse().ok()?, port });
        }
    }
    ranges.sort();
    Some(ranges)
}

/// A word that hashes to `slot`: CRC16 as the specification of clusters has it.
pub(crate) fn tag(slot: u16) -> String {
    (0_u32..).map(|number| number.to_string()).find(|word| crc16(word.as_bytes()) % SLOTS == slot).expect("one does")
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}

#[track_caller]
fn expect_ok(reply: &str) {
    assert_eq!(reply, "OK", "a command of the cluster failed");
}
