//! Departures against a ledger of what was put in: each is told once, bounds are never passed, and nobody leaves in vain.

use super::{SECOND, take, told};
use memolith::{Cache, CacheBuilder, Cause, ManualClock, Policy};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u64),
    Mortal(u8, u64, u64),
    Compute(u8, u64),
    Get(u8),
    Remove(u8),
    RemoveIf(u8),
    Clear,
    Bound(Option<usize>),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || 0..10u8;
    // More than any bound, now and then.
    let weight = || prop_oneof![6 => 0..12u64, 1 => 0..60u64, 1 => Just(u64::MAX)];
    let one = prop_oneof![
        6 => (key(), weight()).prop_map(|(key, weight)| Step::Insert(key, weight)),
        3 => (key(), weight(), 0..4u64).prop_map(|(key, weight, ttl)| Step::Mortal(key, weight, ttl)),
        3 => (key(), weight()).prop_map(|(key, weight)| Step::Compute(key, weight)),
        6 => key().prop_map(Step::Get),
        2 => key().prop_map(Step::Remove),
        1 => (1..6u8).prop_map(Step::RemoveIf),
        1 => Just(Step::Clear),
        2 => prop_oneof![4 => (0..8usize).prop_map(Some), 1 => Just(None)].prop_map(Step::Bound),
        2 => (1..3u64).prop_map(Step::Wait),
    ];
    vec(one, 0..120)
}

/// A value: a number of its own, and its weight.
type Heavy = (u64, u64);

/// What is there according to what was put in and what the listener heard.
struct Ledger {
    maxsize: Option<usize>,
    max: Option<u64>,
    held: HashMap<u8, Heavy>,
    evicted: u64,
    expired: u64,
}

impl Ledger {
    fn weight(&self) -> u64 {
        self.held.values().map(|(_, weight)| weight).sum()
    }

    /// Whether what is there, and `more` of `weight`, is within the bounds.
    fn fits(&self, more: usize, weight: u64) -> bool {
        let light = self.max.is_none_or(|max| self.weight().checked_add(weight).is_some_and(|sum| sum <= max));
        light && self.maxsize.is_none_or(|most| self.held.len() + more <= most)
    }

    fn leaves(&mut self, key: u8, value: Heavy, cause: Cause) {
        assert_eq!(self.held.remove(&key), Some(value), "told of what is not there");
        self.evicted += u64::from(cause == Cause::Evicted);
        self.expired += u64::from(cause == Cause::Expired);
    }

    /// `new` was put in, and `told` was heard. Nobody was evicted while there was room.
    fn put(&mut self, key: u8, new: Heavy, told: Vec<(u8, Heavy, Cause)>) {
        // The old value makes room first.
        let mut old = self.held.remove(&key);
        let lives = self.maxsize != Some(0) && self.max.is_none_or(|max| new.1 <= max);
        for (other, value, cause) in told {
            if other == key {
                assert!(matches!(cause, Cause::Replaced | Cause::Expired), "{cause:?}");
                self.held.insert(key, old.take().unwrap());
            }
            assert!(cause != Cause::Evicted || !self.fits(1, new.1), "{value:?} was evicted without need");
            self.leaves(other, value, cause);
        }
        match old {
            // Nothing was kept, and nothing is different.
            Some(old) => _ = self.held.insert(key, old),
            None if lives => _ = self.held.insert(key, new),
            None => {}
        }
    }
}

fn every_departure_is_told_once(builder: CacheBuilder<u8, Heavy>, ledger: Ledger, steps: Vec<Step>) {
    let mut ledger = ledger;
    let clock = Arc::new(ManualClock::default());
    let (cache, told) = told(builder.clock(clock.clone()));
    for (number, step) in (0..).zip(steps) {
        match step {
            Step::Insert(key, weight) if ledger.maxsize != Some(0) => {
                cache.insert(key, (number, weight));
                ledger.put(key, (number, weight), take(&told));
            }
            // Whatever is inserted into a cache without room for anything: nothing happens.
            Step::Insert(key, weight) => cache.insert(key, (number, weight)),
            Step::Mortal(key, weight, ttl) => {
                let there = ledger.held.get(&key).copied();
                cache.insert_with_ttl(key, (number, weight), SECOND * ttl as u32);
                let told = take(&told);
                if ttl == 0 && ledger.maxsize != Some(0) {
                    // It is not kept, and no reason to evict anybody.
                    assert!(told.iter().all(|(_, _, cause)| *cause != Cause::Evicted));
                    assert_eq!(there, told.iter().find(|(other, _, _)| *other == key).map(|(_, value, _)| *value));
                    told.into_iter().for_each(|(key, value, cause)| ledger.leaves(key, value, cause));
                } else {
                    ledger.put(key, (number, weight), told);
                }
            }
            Step::Compute(key, weight) => {
                let misses = cache.info().misses;
                take(&told).into_iter().for_each(|(key, value, cause)| ledger.leaves(key, value, cause));
                cache.get_or_insert_with(&key, || (number, weight));
                let told = take(&told);
                if cache.info().misses > misses {
                    ledger.put(key, (number, weight), told);
                } else {
                    assert!(told.is_empty());
                }
            }
            Step::Get(key) => {
                cache.get(&key);
            }
            Step::Remove(key) => {
                let there = cache.contains(&key);
                assert_eq!(cache.remove(&key).unwrap(), there);
                let told = take(&told);
                assert_eq!(told.len(), usize::from(ledger.held.contains_key(&key)));
                let cause = if there { Cause::Removed } else { Cause::Expired };
                for (other, value, why) in told {
                    assert_eq!((other, why), (key, cause));
                    ledger.leaves(other, value, why);
                }
            }
            Step::RemoveIf(divisor) => {
                let removed = cache.remove_if(|key, _| key % divisor == 0).unwrap();
                let told = take(&told);
                assert_eq!(removed, told.len());
                for (key, value, cause) in told {
                    assert_eq!((key % divisor, cause), (0, Cause::Removed));
                    ledger.leaves(key, value, cause);
                }
            }
            Step::Clear => {
                cache.clear().unwrap();
                take(&told).into_iter().for_each(|(key, value, cause)| {
                    assert_eq!(cause, Cause::Removed);
                    ledger.leaves(key, value, cause);
                });
                assert!(ledger.held.is_empty());
                (ledger.evicted, ledger.expired) = (0, 0);
            }
            Step::Bound(maxsize) => {
                cache.set_maxsize(maxsize);
                ledger.maxsize = maxsize;
                for (key, value, cause) in take(&told) {
                    assert!(cause == Cause::Expired || !ledger.fits(0, 0), "evicted without need");
                    ledger.leaves(key, value, cause);
                }
            }
            Step::Wait(seconds) => clock.advance(SECOND * seconds as u32),
        }
        assert!(ledger.fits(0, 0), "{} entries of {}", ledger.held.len(), ledger.weight());
        let info = cache.info();
        for (key, value, cause) in take(&told) {
            assert_eq!(cause, Cause::Expired);
            ledger.leaves(key, value, cause);
        }
        assert_eq!((info.currsize, info.evictions, info.expired), (ledger.held.len(), ledger.evicted, ledger.expired));
    }
    ledger.held.iter().for_each(|(key, value)| assert_eq!(cache.get(key), Some(*value)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_went_in_is_there_or_was_told_to_leave_and_no_more_than_had_to(
        maxsize in proptest::option::of(0..9usize),
        max in proptest::option::of(0..40u64),
        tti in proptest::option::of(1..4u64),
        steps in steps(),
    ) {
        for policy in Policy::ALL {
            let mut builder = Cache::<u8, Heavy>::builder().maxsize(maxsize).policy(*policy).weigher(|_, value| value.1);
            if let Some(max) = max {
                builder = builder.max_bytes(max);
            }
            if let Some(tti) = tti {
                builder = builder.tti(SECOND * tti as u32);
            }
            let ledger = Ledger { maxsize, max, held: HashMap::new(), evicted: 0, expired: 0 };
            every_departure_is_told_once(builder, ledger, steps.clone());
        }
    }
}
