//! When each tag was invalidated last.

use memolith_core::TagState;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Tags listed at most; beyond that the older half is forgotten, and counts as invalidated when the last of it was.
const MOST: usize = 100_000;

/// The tags of one place.
#[derive(Debug)]
pub(super) struct Tags {
    epoch: u64,
    clock: u64,
    floor: u64,
    listed: HashMap<Vec<u8>, u64>,
}

impl Default for Tags {
    fn default() -> Self {
        // The keys of the hasher are random.
        let epoch = RandomState::new().hash_one("epoch") | 1;
        Tags { epoch, clock: 0, floor: 0, listed: HashMap::new() }
    }
}

impl Tags {
    pub(super) fn state(&self, tags: &[&[u8]]) -> TagState {
        let at = |tag: &&[u8]| self.listed.get(*tag).copied().unwrap_or(self.floor);
        TagState { epoch: self.epoch, clock: self.clock, invalidated: tags.iter().map(at).collect() }
    }

    pub(super) fn invalidate(&mut self, tags: &[&[u8]]) -> TagState {
        self.clock += 1;
        self.listed.extend(tags.iter().map(|tag| (tag.to_vec(), self.clock)));
        if self.listed.len() > MOST {
            let mut clocks: Vec<u64> = self.listed.values().copied().collect();
            let (_, middle, _) = clocks.select_nth_unstable(MOST / 2);
            self.floor = *middle;
            self.listed.retain(|_, at| *at > self.floor);
        }
        self.state(tags)
    }
}
