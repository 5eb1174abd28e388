//! Old values: who is served one and when, who computes, and who never waits for it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod early;
mod meanwhile;
mod model;
mod processes;

use crate::fake::Fake;
use memolith::{Cache, CacheBuilder, Lease, Lookup, ManualClock, Postcard};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_micros(1);

/// Where values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tiers {
    Memory,
    Both,
    Backend,
}

const TIERS: [Tiers; 3] = [Tiers::Memory, Tiers::Both, Tiers::Backend];

/// Caches before one backend, as processes are, and their clock.
struct World {
    tiers: Tiers,
    fake: Arc<Fake>,
    clock: Arc<ManualClock>,
}

impl World {
    fn new(tiers: Tiers) -> Self {
        Self::with(tiers, Fake::new())
    }

    fn with(tiers: Tiers, fake: Arc<Fake>) -> Self {
        World { tiers, fake, clock: Arc::new(ManualClock::default()) }
    }

    fn builder(&self) -> CacheBuilder<u64, u64> {
        let builder = Cache::builder().maxsize(None).clock(Arc::clone(&self.clock) as _);
        let backed = |entries| {
            let fake = Arc::clone(&self.fake);
            Cache::builder()
                .maxsize(None)
                .clock(Arc::clone(&self.clock) as _)
                .backend(fake, "f", Postcard)
                .memory(entries)
        };
        match self.tiers {
            Tiers::Memory => builder,
            Tiers::Both => backed(1_000),
            Tiers::Backend => backed(0),
        }
    }

    /// With a time to live of 10 seconds, after which a value is served for 20 more.
    fn start(&self) -> Cache<u64, u64> {
        self.builder().ttl(SECOND * 10).stale(SECOND * 20).build()
    }
}

/// The lease of `key`, as somebody holds it who computes.
fn leased(cache: &Cache<u64, u64>, key: u64) -> Lease<'_, u64, u64> {
    match cache.lookup(&key) {
        Lookup::Miss(lease) => lease,
        Lookup::Hit(value) => panic!("there is {value} for {key}"),
    }
}

#[test]
fn with_a_time_to_idle_nothing_ages() {
    let world = World::new(Tiers::Memory);
    let cache = world.builder().tti(SECOND).ttl(SECOND * 5).stale(SECOND * 5).jitter(1.0).early_refresh(1e9).build();
    cache.get_or_insert_with(&1, || {
        world.clock.advance(SECOND);
        1
    });
    for _ in 0..5 {
        world.clock.advance(SECOND - TICK);
        assert_eq!(cache.get_or_insert_with(&1, || 2), 1);
    }
    world.clock.advance(TICK * 5);
    assert_eq!((cache.contains(&1), cache.try_get_or_insert_with(&1, || Err(()))), (false, Err(())));
}

#[test]
fn without_a_time_to_live_nothing_ages() {
    let world = World::new(Tiers::Memory);
    let cache = world.builder().stale(SECOND).jitter(1.0).early_refresh(1.0).build();
    cache.get_or_insert_with(&1, || 1);
    cache.insert_with_ttl(2, 2, Duration::ZERO);
    world.clock.advance(SECOND * 1_000_000);
    assert_eq!((cache.get(&1), cache.get(&2), cache.info().stale), (Some(1), None, 0));
}

#[test]
fn jitter_holds_in_every_tier() {
    for tiers in TIERS {
        let world = World::new(tiers);
        let start = || world.builder().ttl(SECOND * 100).jitter(0.5).build();
        let cache = start();
        (0..400).for_each(|key| cache.insert(key, key));
        let alive = |cache: &Cache<u64, u64>| (0..400).filter(|key| cache.contains(key)).collect::<Vec<_>>();
        world.clock.advance(SECOND * 50 - TICK);
        assert_eq!(alive(&cache).len(), 400);
        world.clock.advance(SECOND * 25);
        let half = alive(&cache);
        assert!((100..300).contains(&half.len()), "{tiers:?}: {}", half.len());
        if tiers != Tiers::Memory {
            assert_eq!(alive(&start()), half, "one draw holds for both tiers");
        }
        world.clock.advance(SECOND * 25 + TICK);
        assert_eq!(alive(&cache).len(), 0);
    }
}
