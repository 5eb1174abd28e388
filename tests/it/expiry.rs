//! Time: to live, to idle, and what becomes of entries whose time is over.

#![expect(clippy::unwrap_used, reason = "tests")]

use memolith::{Cache, Clock, ManualClock, Policy};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_micros(1);

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::default())
}

#[test]
fn an_entry_lives_its_time_to_live_and_no_microsecond_longer() {
    let clock = clock();
    let cache = Cache::<u64, u64>::builder().ttl(SECOND).clock(clock.clone()).build();
    cache.insert(1, 1);
    clock.advance(SECOND - TICK);
    assert_eq!((cache.get(&1), cache.contains(&1)), (Some(1), true));
    clock.advance(TICK);
    assert_eq!((cache.contains(&1), cache.get(&1), cache.len()), (false, None, 0));
    assert_eq!(cache.info().expired, 1);
    assert_eq!(cache.get_or_insert_with(&1, || 2), 2);
}

#[test]
fn uses_prolong_a_time_to_idle_but_no_time_to_live() {
    let clock = clock();
    let cache = Cache::<u64, u64>::builder().tti(SECOND).ttl(SECOND * 3).clock(clock.clone()).build();
    cache.insert(1, 1);
    cache.insert(2, 2);
    for _ in 0..3 {
        clock.advance(SECOND - TICK);
        assert_eq!(cache.get(&1), Some(1));
    }
    assert_eq!(cache.get(&2), None);
    clock.advance(TICK * 3);
    assert_eq!(cache.get(&1), None);
    assert!(cache.is_empty());
}

#[test]
fn an_entry_may_have_a_time_of_its_own() {
    let clock = clock();
    let cache = Cache::<u64, u64>::builder().ttl(SECOND).clock(clock.clone()).build();
    cache.insert_with_ttl(1, 1, SECOND * 5);
    cache.insert_with_ttl(2, 2, TICK);
    cache.insert_with_ttl(3, 3, Duration::ZERO);
    cache.insert(4, 4);
    assert_eq!(cache.get(&3), None);
    clock.advance(TICK);
    assert_eq!(cache.get(&2), None);
    clock.advance(SECOND);
    assert_eq!((cache.get(&4), cache.get(&1)), (None, Some(1)));
    // A new value has a new time.
    cache.insert(1, 9);
    clock.advance(SECOND);
    assert_eq!(cache.get(&1), None);
}

/// Counts those that are alive.
#[derive(Clone)]
struct Counted {
    _live: Arc<Live>,
}

struct Live(Arc<AtomicI64>);
impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[test]
fn what_has_expired_is_reclaimed_without_being_asked_for() {
    let (clock, live) = (clock(), Arc::new(AtomicI64::new(0)));
    let cache = Cache::<u64, Counted>::builder().maxsize(None).ttl(SECOND).clock(clock.clone()).build();
    for key in 0..10_000 {
        live.fetch_add(1, Relaxed);
        cache.insert(key, Counted { _live: Arc::new(Live(Arc::clone(&live))) });
        clock.advance(SECOND / 100);
        assert!(live.load(Relaxed) <= 101, "{} are kept", live.load(Relaxed));
    }
    clock.advance(SECOND);
    assert_eq!((cache.len(), live.load(Relaxed)), (0, 0));
}

#[test]
fn what_has_expired_leaves_before_what_lives() {
    let clock = clock();
    let cache = Cache::<u64, u64>::builder().maxsize(3).clock(clock.clone()).build();
    cache.insert(1, 1);
    cache.insert_with_ttl(2, 2, SECOND);
    cache.insert_with_ttl(3, 3, SECOND);
    clock.advance(SECOND);
    cache.insert(4, 4);
    cache.insert(5, 5);
    assert_eq!([1, 4, 5].map(|key| cache.get(&key)), [Some(1), Some(4), Some(5)]);
    assert_eq!((cache.info().evictions, cache.info().expired), (0, 2));
}

#[test]
fn however_many_have_expired_they_leave_before_one_who_lives() {
    for bound in [None, Some(50)] {
        let clock = clock();
        let cache = Cache::<u64, u64>::builder()
            .maxsize(None)
            .max_bytes(100)
            .weigher(|_, value| *value)
            .clock(clock.clone())
            .build();
        (0..50).for_each(|key| cache.insert(key, 1));
        (50..100).for_each(|key| cache.insert_with_ttl(key, 1, SECOND));
        clock.advance(SECOND);
        match bound {
            Some(_) => cache.set_maxsize(bound),
            None => cache.insert(100, 50),
        }
        assert!((0..50).all(|key| cache.contains(&key)));
        assert_eq!((cache.info().evictions, cache.info().expired), (0, 50));
    }
}

#[test]
fn values_computed_without_a_time_reclaim_those_with_one() {
    let (clock, live) = (clock(), Arc::new(AtomicI64::new(100)));
    let cache = Cache::<u64, Counted>::builder().maxsize(None).clock(clock.clone()).build();
    for key in 0..100 {
        cache.insert_with_ttl(key, Counted { _live: Arc::new(Live(Arc::clone(&live))) }, SECOND);
    }
    clock.advance(SECOND);
    let other = Arc::new(AtomicI64::new(1_000));
    for key in 100..200 {
        cache.get_or_insert_with(&key, || Counted { _live: Arc::new(Live(Arc::clone(&other))) });
    }
    assert_eq!(live.load(Relaxed), 0);
}

/// Durations of any size, the edges more often.
fn durations() -> impl Strategy<Value = Duration> {
    let edges = prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        Just(Duration::from_micros(u64::MAX)),
        Just(Duration::from_micros(u64::MAX - 1)),
        Just(Duration::from_nanos(1)),
    ];
    let any = (any::<u64>(), 0..64u32).prop_map(|(micros, shift)| Duration::from_micros(micros >> shift));
    prop_oneof![1 => edges, 3 => any]
}

proptest! {
    #[test]
    fn deadlines_are_exact_and_never_overflow(
        start in any::<u64>(),
        ttl in proptest::option::of(durations()),
        tti in proptest::option::of(durations()),
        steps in vec((0..3u8, 0..4u64, durations()), 0..60),
    ) {
        let clock = Arc::new(ManualClock::at(memolith::Timestamp::from_micros(start)));
        let mut builder = Cache::<u64, u64>::builder().clock(clock.clone());
        if let Some(ttl) = ttl {
            builder = builder.ttl(ttl);
        }
        if let Some(tti) = tti {
            builder = builder.tti(tti);
        }
        let cache = builder.build();
        // Deadline and limit by key, in microseconds; none is for ever.
        let mut model: [Option<(Option<u128>, Option<u128>)>; 4] = [None; 4];
        for (operation, key, duration) in steps {
            let now = clock.elapsed().as_micros();
            let after = |duration: Duration| Some(now + duration.as_micros()).filter(|end| *end < u128::from(u64::MAX));
            let earlier = |one: Option<u128>, other: Option<u128>| one.min(other).or(one).or(other);
            let place = &mut model[key as usize];
            match operation {
                0 => {
                    let limit = ttl.and_then(after);
                    *place = Some((earlier(limit, tti.and_then(after)), limit));
                    cache.insert(key, key);
                }
                1 => {
                    let limit = after(duration);
                    *place = Some((earlier(limit, tti.and_then(after)), limit));
                    cache.insert_with_ttl(key, key, duration);
                }
                _ => {
                    // The clock itself ends at the end of its scale.
                    let room = u64::MAX - 1 - u64::try_from(now).unwrap();
                    clock.advance(duration.min(Duration::from_micros(room / 2)));
                }
            }
            let now = clock.elapsed().as_micros();
            let after = |duration: Duration| Some(now + duration.as_micros()).filter(|end| *end < u128::from(u64::MAX));
            for (key, place) in (0..).zip(&mut model) {
                let live = place.is_some_and(|(deadline, _)| deadline.is_none_or(|deadline| deadline > now));
                assert_eq!(cache.contains(&key), live);
                assert_eq!(cache.get(&key), live.then_some(key), "{place:?} at {now}");
                if let Some((deadline, limit)) = place.as_mut().filter(|_| live && tti.is_some()) {
                    *deadline = earlier(*limit, tti.and_then(after));
                }
            }
        }
    }
}

#[test]
fn an_entry_whose_successor_comes_first_has_expired_too() {
    for policy in [Policy::Lru, Policy::Sieve, Policy::Random] {
        let clock = clock();
        let cache = Cache::<u64, u64>::builder().policy(policy).ttl(SECOND).clock(clock.clone()).build();
        for round in 0..=10 {
            assert_eq!(cache.get_or_insert_with(&1, || round), round);
            clock.advance(SECOND);
        }
        assert_eq!(cache.info().expired, 11, "{policy:?}");
        cache.insert(1, 1);
        cache.insert(1, 2);
        assert_eq!(cache.info().expired, 11, "{policy:?}: a live entry that is replaced has not expired");
    }
}
