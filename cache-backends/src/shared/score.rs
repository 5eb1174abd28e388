//! What a hit does to an entry's score, and whose score leaves first.
//!
//! The score of 32 bits is a time of 4 ms steps, or for `Lfu` a count of 10 bits before a time of 33 s steps. Times wrap
//! around, after 203 days and after 4 years: an entry that nobody touched for so long counts as young once.

use memolith_core::{Policy, Timestamp};
use std::cmp::Reverse;

/// Microseconds of a step of time, as a power of two.
const STEP: u32 = 12;
/// The same where the score counts too.
const LONG_STEP: u32 = 25;
const COUNT_AT: u32 = 22;
const MOST: u32 = u32::MAX >> COUNT_AT;

/// The score of an entry just written.
pub(super) fn fresh(policy: Policy, now: Timestamp) -> u32 {
    match policy {
        Policy::Lfu => 1 << COUNT_AT | long_time(now),
        _ => time(now),
    }
}

/// The score after a hit; the same where the policy does not go by it.
#[inline(always)]
pub(super) fn after_hit(policy: Policy, score: u32, now: Timestamp) -> u32 {
    match policy {
        Policy::Lru | Policy::Mru => time(now),
        Policy::Lfu => ((score >> COUNT_AT) + 1).min(MOST) << COUNT_AT | long_time(now),
        _ => score,
    }
}

/// The score with a use fewer; none for one that was never used again.
pub(super) fn one_use_fewer(score: u32) -> Option<u32> {
    (score >> COUNT_AT > 1).then(|| score - (1 << COUNT_AT))
}

/// An order in which the lowest leaves first. `visited` settles hits within one step.
pub(super) fn rank(policy: Policy, (score, visited): (u32, bool), now: Timestamp) -> (u32, Reverse<i64>, bool) {
    let age = |now: u32, then: u32, bits: u32| i64::from((now.wrapping_sub(then) << (32 - bits)) as i32);
    match policy {
        Policy::Lfu => (score >> COUNT_AT, Reverse(age(long_time(now), score, COUNT_AT)), visited),
        Policy::Mru => (0, Reverse(-age(time(now), score, 32)), !visited),
        _ => (0, Reverse(age(time(now), score, 32)), visited),
    }
}

#[inline(always)]
fn time(now: Timestamp) -> u32 {
    (now.as_micros() >> STEP) as u32
}

#[inline(always)]
fn long_time(now: Timestamp) -> u32 {
    (now.as_micros() >> LONG_STEP) as u32 & (u32::MAX >> (32 - COUNT_AT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(1_600_000_000_000_000).after(Duration::from_secs(seconds))
    }

    /// Whether the first leaves before the second.
    fn leaves(policy: Policy, one: u32, other: u32) -> bool {
        rank(policy, (one, false), at(10_000)) < rank(policy, (other, false), at(10_000))
    }

    #[test]
    fn the_order_is_that_of_the_policy() {
        let (old, new) = (at(0), at(100));
        for policy in [Policy::Lru, Policy::Lfu] {
            assert!(leaves(policy, fresh(policy, old), fresh(policy, new)), "{policy:?}");
            let hit = after_hit(policy, fresh(policy, old), at(200));
            assert!(leaves(policy, fresh(policy, new), hit), "{policy:?}");
        }
        assert!(leaves(Policy::Mru, fresh(Policy::Mru, new), fresh(Policy::Mru, old)));
        let (once, twice) = (fresh(Policy::Lfu, new), after_hit(Policy::Lfu, fresh(Policy::Lfu, old), old));
        assert!(leaves(Policy::Lfu, once, twice));
    }

    #[test]
    fn a_hit_within_a_step_counts() {
        let score = fresh(Policy::Lru, at(0));
        assert!(rank(Policy::Lru, (score, false), at(1)) < rank(Policy::Lru, (score, true), at(1)));
        assert!(rank(Policy::Mru, (score, true), at(1)) < rank(Policy::Mru, (score, false), at(1)));
    }

    #[test]
    fn counts_end_at_their_most() {
        let score = (0..2_000).fold(fresh(Policy::Lfu, at(0)), |score, _| after_hit(Policy::Lfu, score, at(0)));
        assert_eq!(score >> COUNT_AT, MOST);
        assert_eq!(score & ((1 << COUNT_AT) - 1), long_time(at(0)));
    }

    #[test]
    fn time_may_wrap_around() {
        let wrap = Timestamp::from_micros(1 << (32 + STEP));
        let (before, after) =
            (Timestamp::from_micros(wrap.as_micros() - 1_000_000), wrap.after(Duration::from_secs(1)));
        let (old, new) = (fresh(Policy::Lru, before), fresh(Policy::Lru, after));
        let now = after.after(Duration::from_secs(1));
        assert!(rank(Policy::Lru, (old, false), now) < rank(Policy::Lru, (new, false), now));
    }
}
