//! Claims: who computes what, in all processes.
//!
//! A claim is a word of the map: 32 bits of the key's hash, and the name of the process that computes it. Two keys may
//! fall on one word; then the second is computed without being announced, which costs a computation at worst.

use super::byte;
use super::futex::{self, Deadline};
use super::layout::CLAIMS;
use super::session::{Owner, Region};
use super::stores::step;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A dead claimant is noticed so late at most.
const SLICE: Duration = Duration::from_millis(1);
const FREE: u64 = 0;

/// The announcement that this process computes a key; it ends when this is dropped.
#[derive(Debug)]
#[must_use = "a claim ends when it is dropped"]
pub(super) struct Announced {
    region: Arc<Region>,
    /// The word, if there was one, and what it says.
    word: Option<(usize, u64)>,
    forks: u32,
}

/// Claims the key with this hash. `None`: somebody else had, and has ended or died, or has not within `wait`.
pub(super) fn claim(region: &Arc<Region>, hash: u64, wait: Duration) -> Option<Announced> {
    let announced = |word| Some(Announced { region: Arc::clone(region), word, forks: byte::forks() });
    let Region { session, map } = region.as_ref();
    let Some(me) = session.me(map) else { return announced(None) };
    let at = map.layout.claim((hash >> 8) as usize % CLAIMS);
    let mine = hash >> 32 << 32 | u64::from(me.bits());
    let (word, deadline) = (map.word(at), Deadline::after(wait));
    let mut waited = false;
    loop {
        // Acquire pairs with the exchange below: the generation of the claimant's session is visible.
        let found = word.load(Ordering::Acquire);
        let is_taken = found != FREE && session.is_alive(map, Owner::from_bits(found as u32));
        let same = found >> 32 == mine >> 32;
        match is_taken {
            // Whoever was waited for has put the value, or has not: the caller looks.
            _ if waited && !(is_taken && same) => return None,
            false => {
                step();
                if word.compare_exchange(found, mine, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                    return announced(Some((at, mine)));
                }
            }
            true if !same => return announced(None),
            true => waited = true,
        }
        let left = deadline.left();
        if left.is_zero() {
            return None;
        }
        if waited {
            futex::sleep_on_low(word, found as u32, left.min(SLICE));
        }
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        let Some((at, mine)) = self.word else { return };
        // The child of a fork has a copy; the claim is its parent's.
        if self.forks != byte::forks() {
            return;
        }
        step();
        let word = self.region.map.word(at);
        // Not if it is somebody else's: they took this process for dead, which a damaged map makes possible.
        if word.compare_exchange(mine, FREE, Ordering::Release, Ordering::Relaxed).is_ok() {
            futex::wake_low(word);
        }
    }
}
