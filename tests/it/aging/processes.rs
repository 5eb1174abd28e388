//! Several processes before one backend: each cache stands for one.

use super::{SECOND, Tiers, World, leased};
use crate::fake::{Fake, Fault};
use crate::watchdog::within;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Longer than any test may take.
const LONG: Duration = Duration::from_secs(600);

#[test]
fn what_one_has_refreshed_the_others_find() {
    for tiers in [Tiers::Both, Tiers::Backend] {
        let world = World::new(tiers);
        let caches: Vec<_> = (0..4).map(|_| world.start()).collect();
        caches[0].insert(1, 7);
        caches.iter().for_each(|cache| assert_eq!(cache.get(&1), Some(7)));
        world.clock.advance(SECOND * 10);
        let computed = AtomicU64::new(0);
        for cache in &caches {
            let value = cache.get_or_insert_with(&1, || 8 + computed.fetch_add(1, Relaxed));
            assert_eq!((value, cache.get(&1)), (8, Some(8)));
        }
        assert_eq!(computed.load(Relaxed), 1, "{tiers:?}");
    }
}

#[test]
fn who_finds_a_claim_serves_the_old_value_and_does_not_wait() {
    for tiers in [Tiers::Both, Tiers::Backend] {
        for native in [false, true] {
            within(20, move || {
                let fake = if native { Fake::native_claiming() } else { Fake::claiming() };
                let world = World::with(tiers, fake);
                let start = || world.builder().ttl(SECOND * 10).stale(SECOND * 20).wait(LONG).build();
                let (first, second, third) = (start(), start(), start());
                first.insert(1, 7);
                // In its memory too.
                assert_eq!(second.get(&1), Some(7));
                world.clock.advance(SECOND * 10);
                let lease = leased(&first, 1);
                for cache in [&second, &third] {
                    for _ in 0..3 {
                        assert_eq!(cache.get_or_insert_with(&1, || panic!("one computes")), 7);
                    }
                    let task = cache.get_or_insert_async(&1, async || panic!("one computes"));
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                    assert_eq!(runtime.block_on(task), 7);
                    assert_eq!(cache.info().misses, 0);
                }
                assert_eq!(world.fake.claims_awaited.load(Relaxed), 0, "nobody waits");
                assert_eq!(lease.fill(8), 8);
                world.clock.advance(SECOND);
                for cache in [&second, &third] {
                    assert_eq!(cache.get_or_insert_with(&1, || 9), 8, "{tiers:?} {native}");
                }
            });
        }
    }
}

/// A process whose computation failed has given up its claim: another tries.
#[test]
fn a_failure_gives_up_the_claim() {
    within(20, || {
        let world = World::with(Tiers::Both, Fake::claiming());
        let start = || world.builder().ttl(SECOND * 10).stale(SECOND * 20).wait(LONG).build();
        let (first, second) = (start(), start());
        first.insert(1, 7);
        world.clock.advance(SECOND * 10);
        assert_eq!(first.try_get_or_insert_with(&1, || Err(())), Ok(7));
        assert_eq!(second.get_or_insert_with(&1, || 8), 8);
    });
}

#[test]
fn a_backend_that_fails_does_not_take_the_old_value_of_memory() {
    let world = World::new(Tiers::Both);
    let cache = world.start();
    cache.insert(1, 7);
    world.clock.advance(SECOND * 10);
    world.fake.fault(Fault::Fails);
    assert_eq!((cache.get(&1), cache.try_get_or_insert_with(&1, || Err(()))), (Some(7), Ok(7)));
    world.clock.advance(SECOND);
    assert_eq!(cache.get_or_insert_with(&1, || 8), 8);
}

/// Records of before, with other settings, are served no longer than either allows.
#[test]
fn settings_given_later_hold() {
    for tiers in [Tiers::Both, Tiers::Backend] {
        let world = World::new(tiers);
        let with = |ttl: u32, stale: u32| world.builder().ttl(SECOND * ttl).stale(SECOND * stale).build();
        with(10, 20).insert(1, 7);
        with(30, 0).insert(2, 7);
        with(10, 20).insert(3, 7);
        world.clock.advance(SECOND * 9);
        assert_eq!(with(10, 20).get_or_insert_with(&1, || 8), 7);
        world.clock.advance(SECOND * 2);
        // Without `stale` nothing is served after the time to live, and with a shorter one not after that.
        assert_eq!((with(10, 0).get(&1), with(5, 2).get(&1), with(8, 5).get(&1)), (None, None, Some(7)));
        // What was written without is computed anew a little early, and ends when it was to end.
        assert_eq!(with(30, 5).get_or_insert_with(&2, || 8), 7);
        world.clock.advance(SECOND * 15);
        assert_eq!(with(30, 5).try_get_or_insert_with(&2, || Err(())), Ok(7));
        world.clock.advance(SECOND * 4);
        assert_eq!((with(30, 5).get(&2), with(10, 20).get(&3)), (None, None));
    }
}
