//! `contains` says what `get` would, in every state that a cache can be in.

#![expect(clippy::unwrap_used, reason = "tests")]

use crate::fake::{Fake, Fault};
use memolith::{Cache, CacheBuilder, ManualClock, Postcard, Scope, Writes};
use proptest::prelude::*;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
struct World {
    /// None is no backend.
    memory: Option<usize>,
    behind: bool,
    maxsize: Option<usize>,
    ages: usize,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Advance(u64),
    Insert(u64, Option<u64>),
    Compute(u64),
    Fail(u64),
    Remove(u64),
    SetMaxsize(Option<usize>),
    /// By another process, which tells of removals if asked to.
    InsertElsewhere(u64),
    RemoveElsewhere(u64),
    Told,
    Fault(bool),
}

fn worlds() -> impl Strategy<Value = World> {
    let memory = prop::sample::select(vec![None, Some(0), Some(1), Some(100)]);
    let maxsize = prop::sample::select(vec![None, Some(0), Some(2)]);
    (memory, any::<bool>(), maxsize, 0..6_usize).prop_map(|(memory, behind, maxsize, ages)| World {
        memory,
        behind,
        maxsize,
        ages,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..3_u64;
    let step = prop_oneof![
        4 => (0..15_u64).prop_map(Step::Advance),
        3 => (key.clone(), prop::option::of(0..30_u64)).prop_map(|(key, ttl)| Step::Insert(key, ttl)),
        2 => key.clone().prop_map(Step::Compute),
        2 => key.clone().prop_map(Step::Fail),
        1 => key.clone().prop_map(Step::Remove),
        1 => prop::sample::select(vec![None, Some(0), Some(1)]).prop_map(Step::SetMaxsize),
        2 => key.clone().prop_map(Step::InsertElsewhere),
        1 => key.prop_map(Step::RemoveElsewhere),
        1 => Just(Step::Told),
        1 => any::<bool>().prop_map(Step::Fault),
    ];
    prop::collection::vec(step, 1..40)
}

fn aging(builder: CacheBuilder<u64, u64>, ages: usize) -> CacheBuilder<u64, u64> {
    let ttl = SECOND * 10;
    match ages {
        0 => builder,
        1 => builder.ttl(ttl),
        2 => builder.tti(ttl),
        3 => builder.ttl(ttl * 3).tti(ttl),
        4 => builder.ttl(ttl).stale(ttl),
        _ => builder.ttl(ttl).jitter(0.5).early_refresh(1.0).stale(ttl),
    }
}

fn now<T>(call: impl Future<Output = T>) -> T {
    let mut call = std::pin::pin!(call);
    loop {
        if let Poll::Ready(value) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        std::thread::yield_now();
    }
}

proptest! {
    #[test]
    fn what_is_contained_is_what_get_finds(world in worlds(), steps in steps(), scope in 0..4_usize) {
        let (fake, clock) = (Fake::native(), Arc::new(ManualClock::default()));
        let builder = || aging(Cache::builder().clock(Arc::clone(&clock) as _), world.ages);
        let backed = |builder: CacheBuilder<u64, u64>| builder.backend(Arc::clone(&fake), "f", Postcard);
        let other = backed(builder()).maxsize(None).memory(0).build();
        let builder = builder().maxsize(world.maxsize);
        let writes = if world.behind { Writes::Behind } else { Writes::Through };
        let cache = match world.memory {
            None => builder.build(),
            Some(memory) => backed(builder).memory(memory).writes(writes).build(),
        };
        for step in steps {
            match step {
                Step::Advance(seconds) => clock.advance(SECOND * u32::try_from(seconds).unwrap()),
                Step::Insert(key, None) => cache.insert(key, 1),
                Step::Insert(key, Some(ttl)) => cache.insert_with_ttl(key, 2, Duration::from_secs(ttl)),
                Step::Compute(key) => _ = cache.get_or_insert_with(&key, || 3),
                Step::Fail(key) => _ = cache.try_get_or_insert_with(&key, || Err(())),
                Step::Remove(key) => _ = cache.remove(&key),
                Step::SetMaxsize(maxsize) => cache.set_maxsize(maxsize),
                Step::InsertElsewhere(key) => other.insert(key, 4),
                Step::RemoveElsewhere(key) => _ = other.remove(&key),
                Step::Told if world.memory.is_some() => fake.invalidated(),
                Step::Told => {}
                Step::Fault(fails) => fake.fault(if fails { Fault::Fails } else { Fault::None }),
            }
            // Writing out is not what this is about, and takes its time.
            let _ = cache.flush();
            let scope = match scope {
                0 => Scope::new().read_only(),
                1 => Scope::new().write_only(),
                2 => Scope::new().never_compute(),
                _ => Scope::new(),
            };
            let _inside = scope.enter();
            for key in 0..3 {
                let before = cache.info();
                let contained = (cache.contains(&key), now(cache.contains_async(&key)));
                let after = cache.info();
                prop_assert_eq!((before.hits, before.misses), (after.hits, after.misses));
                let found = cache.get(&key).is_some();
                prop_assert_eq!(contained, (found, found), "{:?} after {:?}", key, step);
            }
        }
    }
}
