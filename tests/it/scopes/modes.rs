//! What calls do in each mode, with a backend, against a model that has two maps.

use crate::fake::{Fake, Fault};
use memolith::{Cache, Miss, Postcard, Scope};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

fn backed(fake: &Arc<Fake>, memory: usize) -> Cache<u64, u64> {
    Cache::builder().maxsize(None).backend(Arc::clone(fake), "f", Postcard).memory(memory).build()
}

#[derive(Clone, Copy, Debug)]
enum Access {
    Open,
    Usual,
    ReadOnly,
    WriteOnly,
    Disabled,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Call(u64),
    Get(u64),
    Insert(u64),
    Remove(u64),
    Contains(u64),
    Clear,
    /// What was in memory is there no more, as in the next process.
    Forget,
}

type Scoped = (Access, bool, Access, bool, Step);

fn step() -> impl Strategy<Value = Scoped> {
    let access = || {
        use Access::{Disabled, Open, ReadOnly, Usual, WriteOnly};
        prop::sample::select(vec![Open, Usual, ReadOnly, WriteOnly, Disabled])
    };
    let step = prop_oneof![
        8 => (0..4u64).prop_map(Step::Call),
        3 => (0..4u64).prop_map(Step::Get),
        2 => (0..4u64).prop_map(Step::Insert),
        1 => (0..4u64).prop_map(Step::Remove),
        1 => (0..4u64).prop_map(Step::Contains),
        1 => Just(Step::Clear),
        1 => Just(Step::Forget),
    ];
    (access(), prop::bool::weighted(0.2), access(), prop::bool::weighted(0.2), step)
}

fn scope(access: Access, never: bool) -> Scope {
    let scope = match access {
        Access::Open => Scope::new(),
        Access::Usual => Scope::new().enabled(),
        Access::ReadOnly => Scope::new().read_only(),
        Access::WriteOnly => Scope::new().write_only(),
        Access::Disabled => Scope::new().disabled(),
    };
    if never { scope.never_compute() } else { scope }
}

/// Whether it reads and writes, and whether it computes.
fn mode((outer, outer_never, inner, inner_never, _): Scoped) -> ((bool, bool), bool) {
    let access = match if matches!(inner, Access::Open) { outer } else { inner } {
        Access::Open | Access::Usual => (true, true),
        Access::ReadOnly => (true, false),
        Access::WriteOnly => (false, true),
        Access::Disabled => (false, false),
    };
    let never = match inner {
        Access::Usual => inner_never,
        _ => inner_never || (outer_never),
    };
    (access, !never)
}

#[derive(Default)]
struct Model {
    memory: HashMap<u64, u64>,
    backend: HashMap<u64, u64>,
    keeps: bool,
}

impl Model {
    fn read(&mut self, key: u64, writes: bool) -> Option<u64> {
        if let Some(value) = self.memory.get(&key) {
            return Some(*value);
        }
        let value = *self.backend.get(&key)?;
        if writes && self.keeps {
            self.memory.insert(key, value);
        }
        Some(value)
    }

    fn write(&mut self, key: u64, value: u64) {
        if self.keeps {
            self.memory.insert(key, value);
        }
        self.backend.insert(key, value);
    }
}

proptest! {
    #[test]
    fn calls_do_what_the_model_does(memory in prop::sample::select(vec![0, 100]), steps in prop::collection::vec(step(), 0..60)) {
        let fake = Fake::new();
        let mut cache = backed(&fake, memory);
        let mut model = Model { keeps: memory > 0, ..Model::default() };
        for (at, scoped) in steps.into_iter().enumerate() {
            let ((reads, writes), computes) = mode(scoped);
            let (outer, inner) = (scope(scoped.0, scoped.1), scope(scoped.2, scoped.3));
            let fresh = at as u64 + 100;
            let (mut hits, mut misses, mut computed) = (0, 0, 0);
            let _outer = outer.enter();
            match scoped.4 {
                Step::Call(key) => {
                    let known = if reads { model.read(key, writes) } else { None };
                    let wanted = match known {
                        Some(value) => Ok(value),
                        None if computes => Ok(fresh),
                        None => Err(()),
                    };
                    hits += u64::from(known.is_some());
                    misses += u64::from(known.is_none());
                    computed += u64::from(known.is_none() && computes);
                    if known.is_none() && computes && writes {
                        model.write(key, fresh);
                    }
                    let got = inner.try_run(|| cache.get_or_insert_with(&key, || fresh));
                    prop_assert_eq!(got.map_err(|_: Miss| ()), wanted);
                }
                Step::Get(key) => {
                    let known = if reads { model.read(key, writes) } else { None };
                    hits += u64::from(known.is_some());
                    misses += u64::from(known.is_none());
                    let _inner = inner.enter();
                    prop_assert_eq!(cache.get(&key), known);
                }
                Step::Insert(key) => {
                    if writes {
                        model.write(key, fresh);
                    }
                    let _inner = inner.enter();
                    cache.insert(key, fresh);
                }
                Step::Remove(key) => {
                    let known = model.memory.remove(&key).is_some() | model.backend.remove(&key).is_some();
                    let _inner = inner.enter();
                    prop_assert_eq!(cache.remove(&key).unwrap(), known);
                }
                Step::Contains(key) => {
                    let known = model.memory.contains_key(&key) || model.backend.contains_key(&key);
                    let _inner = inner.enter();
                    prop_assert_eq!(cache.contains(&key), known && reads);
                }
                Step::Clear => {
                    model.memory.clear();
                    model.backend.clear();
                    let _inner = inner.enter();
                    cache.clear().unwrap();
                }
                Step::Forget => {
                    model.memory.clear();
                    cache = backed(&fake, memory);
                }
            }
            for stats in [outer.stats(), inner.stats()] {
                let stats = (stats.hits, stats.misses, stats.computed, stats.errors);
                prop_assert_eq!(stats, (hits, misses, computed, 0), "{:?} at {}", scoped, at);
            }
            prop_assert_eq!(fake.held(), model.backend.len());
        }
    }
}

#[test]
fn read_only_asks_the_backend_and_leaves_it_as_it_was() {
    let fake = Fake::new();
    backed(&fake, 100).insert(1, 10);
    let cache = backed(&fake, 100);
    let scope = Scope::new().read_only();
    let inside = scope.enter();
    assert_eq!(
        (cache.get_or_insert_with(&1, || 0), cache.get(&1), cache.get_or_insert_with(&2, || 20)),
        (10, Some(10), 20)
    );
    cache.insert(3, 30);
    drop(inside);
    let stats = scope.stats();
    assert_eq!((stats.hits, stats.backend_hits, stats.misses, stats.computed), (2, 2, 1, 1));
    assert_eq!((fake.puts.load(Relaxed), fake.held()), (1, 1));
    fake.wipe();
    assert_eq!(cache.get(&1), None);
}

#[test]
fn faults_count_where_they_are_met_and_modes_hold_through_them() {
    let fake = Fake::new();
    let cache = backed(&fake, 0);
    fake.fault(Fault::Fails);
    let counts = |scope: &Scope| {
        let inside = scope.enter();
        assert_eq!(cache.get_or_insert_with(&1, || 7), 7);
        drop(inside);
        (scope.stats().misses, scope.stats().errors)
    };
    assert_eq!(counts(&Scope::new().read_only()), (1, 1));
    assert_eq!(counts(&Scope::new().disabled()), (1, 0));
    assert_eq!(counts(&Scope::new()), (1, 2));
    // It cannot be put, and then what was there is not to be served.
    fake.fault(Fault::None);
    cache.insert(1, 1);
    fake.fault(Fault::Fails);
    assert_eq!(counts(&Scope::new().write_only()), (1, 1));
    fake.fault(Fault::None);
    assert_eq!(cache.get_or_insert_with(&1, || 8), 8);
}
