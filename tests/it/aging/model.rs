//! Random calls against a naive model: what is served when, what is computed, what is counted.

use super::{SECOND, TICK, TIERS, Tiers, World, leased};
use memolith::Clock;
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::Cell;
use std::time::Duration;

const TTL: u64 = 10_000_000;
const STALE: u64 = 20_000_000;
/// A second is less than a tenth of that.
const PAUSE: u64 = 1_000_000;

#[derive(Clone, Copy, Debug)]
enum Call {
    Advance(Duration),
    Insert,
    InsertWithTtl(Duration),
    Remove,
    Get,
    Compute,
    Fail,
    /// The value is returned and not kept.
    Answer,
    /// The computation ends without any.
    Drop,
    /// Another process goes on with what the backend has.
    Restart,
}

fn calls() -> impl Strategy<Value = Vec<(Call, u64)>> {
    let edge =
        |seconds: u64| prop_oneof![Just(SECOND * seconds as u32 - TICK), Just(TICK), Just(SECOND * seconds as u32)];
    let spans = prop_oneof![edge(1), edge(10), edge(20), (0..15_000u64).prop_map(Duration::from_millis)];
    let call = prop_oneof![
        6 => spans.clone().prop_map(Call::Advance),
        1 => Just(Call::Insert),
        1 => spans.prop_map(Call::InsertWithTtl),
        1 => Just(Call::Remove),
        2 => Just(Call::Get),
        4 => Just(Call::Compute),
        4 => Just(Call::Fail),
        1 => Just(Call::Answer),
        1 => Just(Call::Drop),
        1 => Just(Call::Restart),
    ];
    vec((call, 0..3u64), 1..80)
}

/// A value, from when on it is old, and from when on nobody may have it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    value: u64,
    old: u64,
    end: u64,
    /// Memory serves it until then without asking anybody.
    hit: u64,
}

impl Entry {
    fn new(value: u64, now: u64, ttl: u64) -> Self {
        let stale = if ttl == 0 { 0 } else { STALE };
        Entry { value, old: now + ttl, end: now + ttl + stale, hit: now + ttl }
    }
}

fn follows_the_model(tiers: Tiers, calls: &[(Call, u64)]) {
    let world = World::new(tiers);
    let mut cache = world.start();
    let mut model: [Option<Entry>; 3] = [None; 3];
    let (mut stale, mut fresh) = (0, 100);
    for (call, key) in calls {
        let now = u64::try_from(world.clock.elapsed().as_micros()).unwrap();
        let place = &mut model[*key as usize];
        let live = place.filter(|entry| entry.end > now);
        let hit = live.filter(|entry| entry.hit > now);
        let due = live.filter(|_| hit.is_none());
        let mut count = |entry: Option<Entry>| stale += u64::from(entry.is_some_and(|entry| entry.old <= now));
        fresh += 1;
        match *call {
            Call::Advance(by) => world.clock.advance(by),
            Call::Insert => {
                cache.insert(*key, fresh);
                *place = Some(Entry::new(fresh, now, TTL));
            }
            Call::InsertWithTtl(ttl) => {
                cache.insert_with_ttl(*key, fresh, ttl);
                *place = Some(Entry::new(fresh, now, u64::try_from(ttl.as_micros()).unwrap()));
            }
            Call::Remove => {
                let removed = cache.remove(key).unwrap();
                // A backend may say so of what is over.
                assert!(removed == live.is_some() || removed && tiers != Tiers::Memory);
                *place = None;
            }
            Call::Get => {
                assert_eq!(cache.get(key), live.map(|entry| entry.value));
                count(due);
            }
            Call::Compute => {
                let computed = Cell::new(false);
                let value = cache.get_or_insert_with(key, || {
                    computed.set(true);
                    fresh
                });
                assert_eq!((value, computed.get()), hit.map_or((fresh, true), |hit| (hit.value, false)));
                if hit.is_none() {
                    *place = Some(Entry::new(fresh, now, TTL));
                }
            }
            Call::Fail => {
                let computed = Cell::new(false);
                let result = cache.try_get_or_insert_with(key, || {
                    computed.set(true);
                    Err(fresh)
                });
                assert_eq!((result, computed.get()), (live.map(|live| live.value).ok_or(fresh), hit.is_none()));
                count(due);
                if let Some(entry) = place.as_mut().filter(|_| due.is_some() && tiers != Tiers::Backend) {
                    entry.hit = entry.end.min(now + PAUSE);
                }
            }
            Call::Answer | Call::Drop if hit.is_some() => {}
            Call::Answer => assert_eq!(leased(&cache, *key).answer(fresh), fresh),
            Call::Drop => drop(leased(&cache, *key)),
            Call::Restart if tiers == Tiers::Memory => {}
            Call::Restart => {
                cache = world.start();
                stale = 0;
                model.iter_mut().flatten().for_each(|entry| entry.hit = entry.old);
            }
        }
        let now = u64::try_from(world.clock.elapsed().as_micros()).unwrap();
        for (key, place) in (0..).zip(&model) {
            assert_eq!(cache.contains(&key), place.is_some_and(|entry| entry.end > now), "{place:?} at {now}");
        }
        assert_eq!(cache.info().stale, stale);
        if tiers == Tiers::Memory {
            assert_eq!(cache.len(), model.iter().flatten().filter(|entry| entry.end > now).count());
        }
    }
}

proptest! {
    #[test]
    fn what_is_served_and_computed_is_what_the_model_says(calls in calls()) {
        TIERS.into_iter().for_each(|tiers| follows_the_model(tiers, &calls));
    }
}
