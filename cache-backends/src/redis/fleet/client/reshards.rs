//! Slots that move in any order, among servers that do not all know yet: every call finds its key.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::Client;
use super::fake::{Fake, Say, error, ok, text};
use crate::redis::fleet::slots::slot_of;
use crate::redis::lock::Mutex;
use crate::redis::server::node::wait;
use crate::redis::settings::options::Options;
use crate::redis::settings::target::{Login, Target, Topology};
use crate::redis::wire::reply::Reply;
use crate::redis::wire::request::{Request, Route};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

const NODES: usize = 3;
const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// What happens to the slots of keys, or is asked of a client.
#[derive(Clone, Debug)]
enum Step {
    /// The slot begins to move.
    Begin(usize, usize),
    /// Its key is carried over.
    Carry(usize),
    /// It has moved; who had it and who has it know.
    Finish(usize),
    /// A node hears of everything.
    Hear(usize),
    Call(Vec<usize>),
}

/// What a cluster is, as far as a client can tell.
#[derive(Clone)]
struct Model {
    ports: Vec<u16>,
    owners: [usize; KEYS.len()],
    moving: [Option<Move>; KEYS.len()],
    /// Who has each slot, as each node believes.
    views: [[usize; KEYS.len()]; NODES],
}

#[derive(Clone, Copy)]
struct Move {
    to: usize,
    carried: bool,
}

impl Model {
    fn take(&mut self, step: &Step) {
        match *step {
            Step::Begin(key, to) if self.owners[key] != to && self.moving[key].is_none() => {
                self.moving[key] = Some(Move { to, carried: false });
            }
            Step::Carry(key) => {
                if let Some(moving) = &mut self.moving[key] {
                    moving.carried = true;
                }
            }
            Step::Finish(key) => {
                let Some(Move { to, .. }) = self.moving[key].take_if(|moving| moving.carried) else { return };
                let from = std::mem::replace(&mut self.owners[key], to);
                self.views[from][key] = to;
                self.views[to][key] = to;
            }
            Step::Hear(node) => self.views[node] = self.owners,
            Step::Begin(..) | Step::Call(_) => {}
        }
    }

    fn answer(&self, node: usize, command: &str) -> Say {
        if command == "CLUSTER SLOTS" {
            return self.table(node);
        }
        if command == "PING" {
            return ok();
        }
        if command == "CLUSTER NODES" {
            return error("NOPERM no epochs");
        }
        let (asking, command) = match command.strip_prefix("ASKING ") {
            Some(command) => (true, command),
            None => (false, command),
        };
        let name = command.trim_start_matches("GET ");
        let key = KEYS.iter().position(|key| *key == name).expect("only those are asked for");
        let (slot, moving) = (slot_of(name.as_bytes()), self.moving[key]);
        match moving {
            Some(Move { to, carried: true }) if self.owners[key] == node => {
                error(format!("ASK {slot} 127.0.0.1:{}", self.ports[to]))
            }
            Some(Move { to, carried: true }) if asking && to == node => text(name),
            _ if self.owners[key] == node => text(name),
            _ => error(format!("MOVED {slot} 127.0.0.1:{}", self.ports[self.views[node][key]])),
        }
    }

    fn table(&self, node: usize) -> Say {
        let range = |key: usize| {
            let (slot, port) = (slot_of(KEYS[key].as_bytes()), self.ports[self.views[node][key]]);
            format!("*3\r\n:{slot}\r\n:{slot}\r\n*3\r\n$9\r\n127.0.0.1\r\n:{port}\r\n$2\r\nid\r\n")
        };
        Say::Bytes(format!("*{}\r\n{}", KEYS.len(), (0..KEYS.len()).map(range).collect::<String>()))
    }
}

fn step() -> impl Strategy<Value = Step> {
    let (key, node) = (0..KEYS.len(), 0..NODES);
    prop_oneof![
        2 => (key.clone(), node.clone()).prop_map(|(key, to)| Step::Begin(key, to)),
        2 => key.clone().prop_map(Step::Carry),
        2 => key.clone().prop_map(Step::Finish),
        1 => node.prop_map(Step::Hear),
        4 => vec(key, 1..8).prop_map(Step::Call),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_finds_its_key(steps in vec(step(), 1..40)) {
        let fakes: Vec<Fake> = (0..NODES).map(|_| Fake::start()).collect();
        let model = Arc::new(Mutex::new(Model {
            ports: fakes.iter().map(Fake::port).collect(),
            owners: [0, 1, 2, 0, 1, 2],
            moving: [None; KEYS.len()],
            views: [[0, 1, 2, 0, 1, 2]; NODES],
        }));
        for (node, fake) in fakes.iter().enumerate() {
            let model = Arc::clone(&model);
            fake.say(move |command| model.lock().answer(node, command));
        }
        let topology = Topology::Cluster(vec![fakes[0].address()]);
        let target = Target { topology, login: Login::default(), sentinel_login: Login::default() };
        // Long enough for a machine that does much else.
        let timeout = Duration::from_secs(5);
        let client = Client::new(target, &Options { timeout, ..Options::default() });
        for step in steps {
            model.lock().take(&step);
            let Step::Call(keys) = step else { continue };
            let get = |&key: &usize| Request::new("GET", Route::Slot(slot_of(KEYS[key].as_bytes()))).arg(KEYS[key]);
            let replies = wait(client.call_all(keys.iter().map(get).collect()));
            prop_assert_eq!(replies.len(), keys.len());
            for (key, reply) in keys.into_iter().zip(replies) {
                prop_assert_eq!(reply.unwrap(), Reply::Bytes(KEYS[key].as_bytes().to_vec()));
            }
        }
    }
}
