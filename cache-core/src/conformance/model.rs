//! Who leaves: the backend beside a list that is searched from end to end.

use super::{Draw, at, fresh_space, must, opens, record, value};
use crate::{Backend, Policy, Space};

/// A thousand operations under `policy`, each compared with a naive model: the same entries are there, at every step.
///
/// # Panics
/// When another entry has left than the policy says. For `Random` and policies that a score can only approximate,
/// when not exactly one has left.
pub fn policy(backend: &dyn Backend, policy: Policy) {
    const KEYS: u64 = 24;
    let space = Space { maxsize: Some(8), policy, ..fresh_space() };
    if !opens(backend, &space) {
        return;
    }
    let mut model = Model { policy, entries: vec![] };
    let mut draw = Draw(0x1234_5678_9abc_def1);
    for step in 0..1_000u64 {
        let key = draw.below(KEYS);
        match draw.below(8) {
            0..4 => {
                must("put", backend.put(&space, &key.to_le_bytes(), &record(step.to_le_bytes()), at(step)));
                model.put(key, step);
                model.adopt(|key| value(backend, &space, &key.to_le_bytes(), at(step)).is_some());
            }
            4..7 => {
                let got = value(backend, &space, &key.to_le_bytes(), at(step));
                must("flush", backend.flush());
                let expected = model.hit(key, step).map(|written| written.to_le_bytes().to_vec());
                assert_eq!(got, expected, "key {key} at step {step}, {policy:?}");
            }
            _ => {
                let there = must("remove", backend.remove(&space, &key.to_le_bytes()));
                assert_eq!(there, model.remove(key), "remove of key {key} at step {step}, {policy:?}");
            }
        }
        let len = must("len", backend.len(&space));
        assert_eq!(len, model.entries.len() as u64, "len at step {step}, {policy:?}");
    }
    for key in 0..KEYS {
        let there = value(backend, &space, &key.to_le_bytes(), at(2_000)).is_some();
        assert_eq!(there, model.find(key).is_some(), "key {key} at the end, {policy:?}");
    }
}

struct Model {
    policy: Policy,
    entries: Vec<Held>,
}

struct Held {
    key: u64,
    written: u64,
    used: u64,
    uses: u64,
}

impl Model {
    fn find(&self, key: u64) -> Option<usize> {
        self.entries.iter().position(|held| held.key == key)
    }

    fn put(&mut self, key: u64, step: u64) {
        if !self.remove(key)
            && self.entries.len() == 8
            && let Some(victim) = self.victim()
        {
            self.entries.remove(victim);
        }
        self.entries.push(Held { key, written: step, used: step, uses: 1 });
    }

    /// Where anyone may leave, the model follows the backend, and demands only that exactly one has left.
    fn adopt(&mut self, present: impl Fn(u64) -> bool) {
        if self.pinned() || self.entries.len() <= 8 {
            return;
        }
        let gone: Vec<u64> = self.entries.iter().map(|held| held.key).filter(|key| !present(*key)).collect();
        let newest = self.entries.last().map(|held| held.key);
        assert!(gone.len() == 1 && Some(gone[0]) != newest, "{gone:?} left for {newest:?}, {:?}", self.policy);
        self.remove(gone[0]);
    }

    fn hit(&mut self, key: u64, step: u64) -> Option<u64> {
        let held = self.find(key).map(|i| &mut self.entries[i])?;
        held.used = step;
        held.uses += 1;
        Some(held.written)
    }

    fn remove(&mut self, key: u64) -> bool {
        let found = self.find(key);
        found.map(|i| self.entries.remove(i)).is_some()
    }

    /// Whether the policy names the one that leaves.
    fn pinned(&self) -> bool {
        matches!(self.policy, Policy::Lru | Policy::Mru | Policy::Fifo | Policy::Lfu)
    }

    fn victim(&self) -> Option<usize> {
        let places = 0..self.entries.len();
        match self.policy {
            Policy::Lru => places.min_by_key(|i| self.entries[*i].used),
            Policy::Mru => places.max_by_key(|i| self.entries[*i].used),
            Policy::Fifo => places.min_by_key(|i| self.entries[*i].written),
            Policy::Lfu => places.min_by_key(|i| (self.entries[*i].uses, self.entries[*i].used)),
            _ => None,
        }
    }
}
