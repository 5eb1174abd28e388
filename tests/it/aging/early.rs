//! Refreshes before the time to live is over.

use super::{SECOND, TIERS, Tiers, World, leased};
use memolith::{Cache, Lookup};

const HOUR: u32 = 3600;
const KEYS: u64 = 200;

fn start(world: &World) -> Cache<u64, u64> {
    world.builder().ttl(SECOND * HOUR * 24).early_refresh(1.0).build()
}

/// Stores all keys, each of which costs a second; those that are stored last are no older than some minutes.
fn compute_all(world: &World, cache: &Cache<u64, u64>) {
    for key in 0..KEYS {
        cache.get_or_insert_with(&key, || {
            world.clock.advance(SECOND);
            key
        });
    }
}

#[test]
fn what_costs_much_is_refreshed_before_its_end_and_not_long_before() {
    for tiers in TIERS {
        let world = World::new(tiers);
        let cache = start(&world);
        compute_all(&world, &cache);
        // The first is stored a second after the beginning: a minute before its end nothing is due.
        world.clock.advance(SECOND * (HOUR * 24 - KEYS as u32 - 60));
        let cache = if tiers == Tiers::Both { start(&world) } else { cache };
        for key in 0..KEYS {
            assert_eq!(cache.get_or_insert_with(&key, || panic!("{key} is not due")), key);
        }
        // One second before the end of each it is.
        world.clock.advance(SECOND * 60);
        let mut before = None;
        for key in 0..KEYS {
            let lease = leased(&cache, key);
            assert_eq!(cache.get_or_insert_with(&key, || panic!("one computes")), key, "{tiers:?}");
            before = before.or(Some(cache.info().stale));
            lease.fill(key + 1);
            world.clock.advance(SECOND);
        }
        assert_eq!((before, cache.info().stale, cache.info().expired), (Some(0), 0, 0), "nothing was too old");
    }
}

#[test]
fn a_failure_before_the_end_gives_the_value_that_is_still_good() {
    for tiers in TIERS {
        let world = World::new(tiers);
        let cache = start(&world);
        compute_all(&world, &cache);
        world.clock.advance(SECOND * (HOUR * 24 - KEYS as u32));
        for key in 0..KEYS {
            assert_eq!(cache.try_get_or_insert_with(&key, || Err(())), Ok(key), "{tiers:?}");
            world.clock.advance(SECOND);
            assert_eq!(cache.try_get_or_insert_with(&key, || Err(())), Err(()), "{tiers:?}: its time is over");
        }
    }
}

#[test]
fn what_was_inserted_by_hand_is_not_early() {
    for tiers in TIERS {
        let world = World::new(tiers);
        let cache = start(&world);
        (0..KEYS).for_each(|key| cache.insert(key, key));
        world.clock.advance(SECOND * HOUR * 24 - super::TICK);
        assert!((0..KEYS).all(|key| matches!(cache.lookup(&key), Lookup::Hit(_))), "{tiers:?}");
    }
}
