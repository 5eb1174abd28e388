//! Time and a backend: a value ends when it is to end, after a restart and with other settings too.

#![expect(clippy::unwrap_used, reason = "tests")]

use crate::fake::Fake;
use memolith::{Cache, CacheBuilder, ManualClock, Postcard};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Caches before one backend, one after the other, as processes are.
struct World {
    fake: Arc<Fake>,
    clock: Arc<ManualClock>,
}

impl World {
    fn new() -> Self {
        World { fake: Fake::new(), clock: Arc::new(ManualClock::default()) }
    }

    fn start(&self, memory: usize) -> CacheBuilder<u64, u64> {
        let (fake, clock) = (Arc::clone(&self.fake), Arc::clone(&self.clock));
        Cache::builder().clock(clock).backend(fake, "f", Postcard).memory(memory)
    }
}

#[test]
fn a_time_to_live_given_later_counts_for_what_is_stored() {
    for memory in [0, 8] {
        let world = World::new();
        let forever = world.start(memory).build();
        forever.insert(1, 1);
        forever.insert_with_ttl(2, 2, SECOND * 100);
        world.clock.advance(SECOND * 5);
        let short = world.start(memory).ttl(SECOND * 10).build();
        assert_eq!((short.get(&1), short.contains(&1)), (Some(1), true));
        // Counted from when the value was made, in memory too.
        world.clock.advance(SECOND * 5);
        assert_eq!((short.get(&1), short.contains(&1), short.get(&2)), (None, false, Some(2)));
        assert_eq!(short.get_or_insert_with(&1, || 3), 3);
        world.clock.advance(SECOND * 3);
        let shorter = world.start(memory).ttl(SECOND * 2).build();
        assert_eq!((shorter.contains(&1), shorter.get(&1), shorter.get(&2)), (false, None, Some(2)));
        // A longer one gives nobody more time than was promised.
        world.clock.advance(SECOND * 7);
        assert_eq!(world.start(memory).build().get(&1), None);
    }
}

#[test]
fn uses_prolong_no_time_of_its_own() {
    for memory in [0, 8] {
        let world = World::new();
        let start = || world.start(memory).tti(SECOND * 600).build();
        let cache = start();
        cache.insert_with_ttl(1, 1, SECOND * 10);
        cache.insert(2, 2);
        for second in 1..10 {
            world.clock.advance(SECOND);
            assert_eq!((second, cache.get(&1), start().get(&1)), (second, Some(1), Some(1)));
        }
        world.clock.advance(SECOND);
        assert_eq!((cache.get(&1), start().get(&1), start().get(&2)), (None, None, Some(2)));
        // Uses do prolong the others.
        for _ in 0..3 {
            world.clock.advance(SECOND * 500);
            assert_eq!((cache.get(&2), start().get(&1), start().get(&2)), (Some(2), None, Some(2)));
        }
        // The time to idle ends a longer life.
        cache.insert_with_ttl(3, 3, SECOND * 10_000);
        world.clock.advance(SECOND * 600);
        assert_eq!((cache.get(&3), start().get(&3)), (None, None));
    }
    let world = World::new();
    let cache = world.start(8).ttl(SECOND).tti(SECOND * 2).build();
    cache.insert_with_ttl(1, 1, SECOND * 5);
    cache.flush().unwrap();
    world.clock.advance(SECOND);
    assert_eq!((cache.get(&1), world.start(0).ttl(SECOND).tti(SECOND * 2).build().get(&1)), (Some(1), Some(1)));
}
