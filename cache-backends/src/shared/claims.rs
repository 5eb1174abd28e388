//! Claims: who computes what, in all processes.
//!
//! A claim is a word of the map: 32 bits of the key's hash, and the name of the process that computes it. Two keys may
//! fall on one word; then the second is computed without being announced, which costs a computation at worst.

use super::byte;
use super::futex::{self, Deadline};
use super::layout::CLAIMS;
use super::session::{Owner, Region};
use super::stores::step;
use crate::sync::{AtomicU64, planted};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A dead claimant is noticed so late at most.
const SLICE: Duration = Duration::from_millis(1);
const FREE: u64 = 0;
/// Somebody waits for the end: wake all. The highest bit of a name is never its own.
const AWAITED: u64 = 1 << 31;

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
        // Acquire pairs with the exchange that stored it, and with the end of the claim before.
        let found = word.load(Ordering::Acquire);
        let same = found >> 32 == mine >> 32;
        let is_taken =
            found != FREE && (planted("believed for ever") || session.is_alive(map, Owner::from_bits(found as u32)));
        if is_taken && !same {
            return announced(None);
        }
        if !is_taken {
            // Whoever was waited for has put the value, or has not: the caller looks.
            if waited {
                return None;
            }
            // Release: who finds this name finds the generation of its session.
            if exchange(word, found, mine, Ordering::AcqRel) {
                return announced(Some((at, mine)));
            }
        }
        let left = deadline.left();
        if left.is_zero() {
            return None;
        }
        if is_taken && (found & AWAITED != 0 || exchange(word, found, found | AWAITED, Ordering::Relaxed)) {
            waited = true;
            futex::sleep_on_low(word, (found | AWAITED) as u32, left.min(SLICE));
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
        // Release: whoever claims the key after this finds what was put.
        let order = if planted("ended too early") { Ordering::Relaxed } else { Ordering::Release };
        let word = self.region.map.word(at);
        // Others may say that they wait, which changes it once. It is not touched if it is somebody else's: they took
        // this process for dead, which a damaged map makes possible.
        if !exchange(word, mine, FREE, order) && exchange(word, mine | AWAITED, FREE, order) {
            futex::wake_low(word);
        }
    }
}

fn exchange(word: &AtomicU64, found: u64, new: u64, order: Ordering) -> bool {
    step();
    word.compare_exchange(found, new, order, Ordering::Relaxed).is_ok()
}

#[cfg(all(test, not(loom)))]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::trial::{Other, Scratch, region, role, say, wait};
    use super::*;
    use std::thread;
    use std::time::Instant;

    const HASH: u64 = 0x1234_5678_9abc_def0;
    /// Longer than any claim here lasts.
    const LONG: Duration = Duration::from_secs(10);

    fn is_announced(claim: &Option<Announced>) -> bool {
        claim.as_ref().is_some_and(|claim| claim.word.is_some())
    }

    #[test]
    fn one_claims_and_others_wait_until_it_ends() {
        let scratch = Scratch::new();
        let regions = [(); 2].map(|()| region(&scratch.path("region")));
        let first = claim(&regions[0], HASH, Duration::ZERO);
        assert!(is_announced(&first));
        let start = Instant::now();
        let short = Duration::from_millis(3);
        assert!(claim(&regions[1], HASH, short).is_none());
        assert!(start.elapsed() >= short);
        let waiting = Arc::clone(&regions[1]);
        let waiting = thread::spawn(move || (claim(&waiting, HASH, LONG).is_none(), Instant::now()));
        thread::yield_now();
        let end = Instant::now();
        drop(first);
        let (looks_again, at) = waiting.join().unwrap();
        // It may have begun after the end: then the claim was its own.
        assert!(at >= end || !looks_again);
        assert!(is_announced(&claim(&regions[1], HASH, Duration::ZERO)));
    }

    #[test]
    fn another_key_on_the_same_word_is_computed_at_once() {
        let scratch = Scratch::new();
        let regions = [(); 2].map(|()| region(&scratch.path("region")));
        let first = claim(&regions[0], HASH, Duration::ZERO);
        let start = Instant::now();
        let other = claim(&regions[1], HASH ^ 1 << 60, LONG);
        assert!(other.is_some() && !is_announced(&other) && start.elapsed() < LONG);
        drop(other);
        assert!(claim(&regions[1], HASH, Duration::ZERO).is_none());
        drop(first);
        assert!(is_announced(&claim(&regions[1], HASH ^ 1 << 60, Duration::ZERO)));
    }

    #[test]
    fn threads_of_a_process_wait_for_each_other_too() {
        let scratch = Scratch::new();
        let region = region(&scratch.path("region"));
        let first = claim(&region, HASH, Duration::ZERO);
        assert!(claim(&region, HASH, Duration::ZERO).is_none());
        drop(first);
        assert!(is_announced(&claim(&region, HASH, Duration::ZERO)));
    }

    #[test]
    fn a_dead_claimant_is_noticed() {
        if let Some((_, place)) = role() {
            let region = region(&place);
            let claim = claim(&region, HASH, Duration::ZERO);
            say(is_announced(&claim));
            return wait();
        }
        let scratch = Scratch::new();
        let path = scratch.path("region");
        let region = region(&path);
        let mut other = Other::start("shared::claims::tests::a_dead_claimant_is_noticed", "claim", &path);
        assert_eq!(other.hear(), "true");
        assert!(claim(&region, HASH, Duration::ZERO).is_none());
        let waiting = Arc::clone(&region);
        let waiting = thread::spawn(move || {
            let start = Instant::now();
            (claim(&waiting, HASH, LONG), start.elapsed())
        });
        other.kill();
        assert!(waiting.join().unwrap().1 < LONG);
        assert!(is_announced(&claim(&region, HASH, LONG)));
    }
}

#[cfg(all(test, loom))]
mod loom_models;
