//! What a backend is not believed about: values that were invalidated and could not be removed from it.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Keys remembered at most, a few megabytes; beyond that nothing in the space is believed.
const KEYS: usize = 16_384;

/// The dooms of one space. Each lasts until its key was removed or written again; none outlives the process.
#[derive(Debug, Default)]
pub(crate) struct Dooms {
    list: Mutex<List>,
    /// Dooms ever pronounced; written under the lock.
    last: AtomicU64,
    /// Dooms in force; written under the lock.
    count: AtomicU64,
}

#[derive(Debug, Default)]
struct List {
    /// The number of the doom of each key.
    keys: HashMap<Vec<u8>, u64>,
    /// The doom of every key.
    all: Option<u64>,
}

/// How many dooms there had been when an operation began: it lifts none that came later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before(u64);

/// What has to be removed before the backend is believed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doom {
    Key,
    Space,
}

impl Dooms {
    /// To be asked before the operation that is to lift a doom.
    pub(crate) fn before(&self) -> Before {
        Before(self.last.load(Ordering::Acquire))
    }

    /// The doom of `key`, if any.
    #[inline]
    pub(crate) fn of(&self, key: &[u8]) -> Option<Doom> {
        if self.is_empty() {
            return None;
        }
        let list = self.list.lock();
        match list.all {
            Some(_) => Some(Doom::Space),
            None => list.keys.contains_key(key).then_some(Doom::Key),
        }
    }

    /// What the backend holds for `key` is not to be served.
    pub(crate) fn doom(&self, key: &[u8]) {
        let mut list = self.list.lock();
        let number = self.number();
        if list.keys.len() >= KEYS && !list.keys.contains_key(key) {
            list.keys = HashMap::new();
            list.all = Some(number);
        }
        match list.all {
            // A clearing that began before this doom does not lift it.
            Some(_) => list.all = Some(number),
            None => _ = list.keys.insert(key.to_vec(), number),
        }
        self.counted(&list);
    }

    /// Nothing that the backend holds is to be served.
    pub(crate) fn doom_all(&self) {
        let mut list = self.list.lock();
        list.all = Some(self.number());
        self.counted(&list);
    }

    /// `key` was removed or written by an operation that began `before`.
    pub(crate) fn lift(&self, key: &[u8], before: Before) {
        if self.is_empty() {
            return;
        }
        let mut list = self.list.lock();
        if list.keys.get(key).is_some_and(|number| *number <= before.0) {
            list.keys.remove(key);
        }
        self.counted(&list);
    }

    /// Everything was removed by an operation that began `before`.
    pub(crate) fn lift_all(&self, before: Before) {
        if self.is_empty() {
            return;
        }
        let mut list = self.list.lock();
        list.keys.retain(|_, number| *number > before.0);
        list.all = list.all.filter(|number| *number > before.0);
        self.counted(&list);
    }

    fn is_empty(&self) -> bool {
        // Pairs with the Release in `counted`: who was told of a failed removal sees its doom.
        self.count.load(Ordering::Acquire) == 0
    }

    fn number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::AcqRel) + 1
    }

    fn counted(&self, list: &List) {
        self.count.store(list.keys.len() as u64 + u64::from(list.all.is_some()), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doom_lasts_until_an_operation_that_began_after_it() {
        let dooms = Dooms::default();
        let early = dooms.before();
        dooms.doom(b"a");
        dooms.lift(b"a", early);
        dooms.lift_all(early);
        assert_eq!((dooms.of(b"a"), dooms.of(b"b")), (Some(Doom::Key), None));
        dooms.lift(b"a", dooms.before());
        assert_eq!(dooms.of(b"a"), None);
    }

    #[test]
    fn many_dooms_are_the_doom_of_the_space() {
        let dooms = Dooms::default();
        (0..KEYS).for_each(|key| dooms.doom(&key.to_le_bytes()));
        assert_eq!((dooms.of(&[0; 8]), dooms.of(b"other")), (Some(Doom::Key), None));
        let early = dooms.before();
        dooms.doom(b"one more");
        dooms.lift_all(early);
        dooms.lift(b"other", dooms.before());
        assert_eq!(dooms.of(b"other"), Some(Doom::Space));
        dooms.lift_all(dooms.before());
        assert_eq!((dooms.of(b"other"), dooms.of(&[0; 8])), (None, None));
    }
}
