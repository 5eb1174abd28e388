//! The memory tier as a whole, and its clock, in many orders of the steps of two or three threads; see `crate::models`.

use super::stripes::{Clock, Stripe, Stripes};
use super::{Bounds, Life, Memory, NEVER};
use crate::eviction::{Policy, Trace};
use crate::orders::{check, threads};
use crate::sync::{AtomicU64, Mutex};
use shuttle::thread::yield_now;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Values that are. One model runs at a time.
static ALIVE: AtomicI64 = AtomicI64::new(0);

/// A value that knows its key, and notices when it is overwritten while it is copied.
#[derive(Debug)]
struct Carrier {
    key: u64,
    again: u64,
}

impl Carrier {
    fn new(key: u64, again: u64) -> Self {
        ALIVE.fetch_add(1, Relaxed);
        Carrier { key, again }
    }
}

impl Clone for Carrier {
    fn clone(&self) -> Self {
        let key = self.key;
        yield_now();
        Carrier::new(key, self.again)
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Relaxed);
    }
}

type Tier = Memory<u64, Carrier>;

fn tier(maxsize: Option<usize>, policy: Policy) -> Tier {
    Memory::new(Bounds { maxsize, max_weight: None, policy, tti: None }, Default::default(), None, 7)
}

fn put(tier: &Tier, key: u64) {
    let life = Life { now: 0, due: NEVER, limit: NEVER, weight: 0 };
    let mut exchange = tier.exchange(life);
    exchange.new = Some((key, Carrier::new(key, key)));
    tier.insert(tier.hasher.hash_one(key), &mut exchange);
}

fn ask(tier: &Tier, key: u64) -> bool {
    let found = tier.get(tier.hasher.hash_one(key), &key, || 0);
    assert!(found.as_ref().is_none_or(|value| (value.key, value.again) == (key, key)), "torn or foreign: {found:?}");
    found.is_some()
}

fn come_and_go(policy: Policy) {
    ALIVE.store(0, Relaxed);
    let tier = Arc::new(tier(Some(2), policy));
    let shared = Arc::clone(&tier);
    put(&tier, 0);
    threads(3, move |thread| match thread {
        0 => (0..3).for_each(|key| _ = ask(&shared, key)),
        1 => (1..4).for_each(|key| put(&shared, key)),
        _ => {
            drop(shared.remove(shared.hasher.hash_one(0), &0, || 0));
            put(&shared, 0);
            drop(shared.remove_if(0, |key, value| {
                assert_eq!(*key, value.key);
                *key == 2
            }));
            drop(shared.clear(|| ()));
            put(&shared, 1);
        }
    });
    assert!(tier.len(|| 0) <= 2);
    let calls = tier.calls();
    assert!(calls.hits <= 3 && calls.misses == 0);
    drop(tier);
    assert_eq!(ALIVE.load(Relaxed), 0, "an entry is kept, or was dropped twice");
}

#[test]
fn values_are_whole_and_their_own_with_stamps() {
    check(|| come_and_go(Policy::Lru), &["hazards unseen"]);
}

#[test]
fn values_are_whole_and_their_own_with_logs() {
    check(|| come_and_go(Policy::Lfu), &["hazards unseen"]);
}

#[test]
fn who_is_resident_is_found_while_the_tier_grows() {
    check(
        || {
            let tier = tier(None, Policy::Lru);
            (0..4).for_each(|key| put(&tier, key));
            threads(2, move |thread| match thread {
                0 => (0..4).for_each(|key| assert!(ask(&tier, key), "{key} is overlooked")),
                _ => (4..8).for_each(|key| put(&tier, key)),
            });
        },
        &["freed before it is linked"],
    );
}

#[test]
fn a_predicate_sees_who_is_moved_meanwhile() {
    check(
        || {
            let tier = Arc::new(tier(None, Policy::Lru));
            (0..4).for_each(|key| put(&tier, key));
            let shared = Arc::clone(&tier);
            threads(2, move |thread| match thread {
                0 => assert_eq!(shared.remove_if(0, |key, _| *key < 4).0, 4),
                _ => (4..8).for_each(|key| put(&shared, key)),
            });
            assert!((0..8).all(|key| ask(&tier, key) == (key > 3)));
        },
        &["no look at what has grown"],
    );
}

#[test]
fn times_follow_the_order_of_hits_and_insertions() {
    check(
        || {
            let tier = (Stripes::new(Trace::Stamp, 0), Clock::default(), Mutex::new(()));
            let (inserted, hit_at) = (AtomicU64::new(0), AtomicU64::new(0));
            threads(2, move |thread| {
                let mark = AtomicU64::new(0);
                let hit = |stripe: &Stripe| {
                    let before = inserted.load(Acquire);
                    stripe.stamp_and_share(0, &mark, &tier.1);
                    assert!(mark.load(Relaxed) > before, "a hit after an insertion is older");
                    hit_at.store(mark.load(Relaxed), Release);
                };
                if thread == 0 {
                    return tier.0.with_mine(|| (), |stripe| (0..8).for_each(|_| hit(stripe)));
                }
                for _ in 0..3 {
                    let _books = tier.2.lock();
                    let before = hit_at.load(Acquire);
                    let now = tier.1.tick();
                    assert!(now > before, "an insertion after a hit is older");
                    inserted.store(now, Release);
                }
            });
        },
        &["lost clock", "clock without a lead"],
    );
}
