//! One caller, against a model that asks for one key after the other.

use crate::fake::Fake;
use memolith::{Cache, Postcard, Scope};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::runtime::{Builder, Runtime};

#[derive(Clone, Debug)]
enum Step {
    Many(Vec<u64>),
    ManyAsync(Vec<u64>),
    Get(Vec<u64>),
    Refresh(Vec<u64>),
    Peek(Vec<u64>),
    Remove(u64),
    /// What was in memory is there no more, as in the next process.
    Forget,
}

fn step() -> impl Strategy<Value = Step> {
    let keys = || prop::collection::vec(0..8u64, 0..8);
    prop_oneof![
        4 => keys().prop_map(Step::Many),
        4 => keys().prop_map(Step::ManyAsync),
        2 => keys().prop_map(Step::Get),
        1 => keys().prop_map(Step::Refresh),
        1 => keys().prop_map(Step::Peek),
        1 => (0..8u64).prop_map(Step::Remove),
        1 => Just(Step::Forget),
    ]
}

/// What is where, and what was counted.
#[derive(Default)]
struct Model {
    memory: HashMap<u64, u64>,
    backend: HashMap<u64, u64>,
    has_backend: bool,
    keeps: bool,
    hits: u64,
    misses: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Usual,
    Refresh,
    Peek,
}

impl Model {
    fn read(&mut self, key: u64, way: Way) -> Option<u64> {
        let known =
            self.memory.get(&key).or_else(|| self.backend.get(&key)).copied().filter(|_| way != Way::Refresh)?;
        if self.keeps && way != Way::Peek {
            self.memory.insert(key, known);
        }
        Some(known)
    }

    /// The values, and the keys that were computed, for which `fresh` is the value.
    fn many(&mut self, keys: &[u64], fresh: u64, way: Way) -> (Vec<u64>, Vec<u64>) {
        let (mut here, mut missing) = (HashMap::new(), Vec::new());
        let mut values = Vec::new();
        for key in keys {
            let known = here.get(key).copied().or_else(|| self.read(*key, way));
            match known {
                Some(_) => self.hits += 1,
                None => {
                    self.misses += 1;
                    missing.push(*key);
                }
            }
            let value = known.unwrap_or(fresh + key);
            here.insert(*key, value);
            values.push(value);
        }
        for key in missing.iter().filter(|_| way != Way::Peek) {
            if self.keeps {
                self.memory.insert(*key, fresh + key);
            }
            if self.has_backend {
                self.backend.insert(*key, fresh + key);
            }
        }
        (values, missing)
    }
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Memory,
    Through,
    Both,
    Native,
}

fn cache(place: Place, fake: &Arc<Fake>) -> Cache<u64, u64> {
    let memory = if matches!(place, Place::Both) { 100 } else { 0 };
    match place {
        Place::Memory => Cache::builder().maxsize(None).build(),
        _ => Cache::builder().maxsize(None).backend(Arc::clone(fake), "f", Postcard).memory(memory).build(),
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

proptest! {
    #[test]
    fn a_batch_is_as_many_calls(
        place in prop::sample::select(vec![Place::Memory, Place::Through, Place::Both, Place::Native]),
        steps in prop::collection::vec(step(), 0..30),
    ) {
        let fake = if matches!(place, Place::Native) { Fake::native() } else { Fake::new() };
        let mut cache = cache(place, &fake);
        let mut model = Model {
            has_backend: !matches!(place, Place::Memory),
            keeps: matches!(place, Place::Memory | Place::Both),
            ..Model::default()
        };
        for (at, step) in steps.into_iter().enumerate() {
            let fresh = 100 * (at as u64 + 1);
            let batches = (fake.batches_got.load(Relaxed), fake.batches_put.load(Relaxed), fake.puts.load(Relaxed));
            let asked = |keys: &[u64], given: &mut Vec<Vec<u64>>, cache: &Cache<u64, u64>| {
                cache.get_or_insert_many(keys, |missing| {
                    given.push(missing.iter().map(|key| **key).collect());
                    missing.into_iter().map(|key| fresh + key).collect()
                })
            };
            let mut given = Vec::new();
            let (values, expected) = match step {
                Step::Many(keys) => (asked(&keys, &mut given, &cache), model.many(&keys, fresh, Way::Usual)),
                Step::ManyAsync(keys) => {
                    let values = runtime().block_on(cache.get_or_insert_many_async(&keys, |missing| {
                        given.push(missing.iter().map(|key| **key).collect());
                        async move { missing.into_iter().map(|key| fresh + key).collect() }
                    }));
                    (values, model.many(&keys, fresh, Way::Usual))
                }
                Step::Refresh(keys) => {
                    let _inside = Scope::new().write_only().enter();
                    (asked(&keys, &mut given, &cache), model.many(&keys, fresh, Way::Refresh))
                }
                Step::Peek(keys) => {
                    let _inside = Scope::new().read_only().enter();
                    (asked(&keys, &mut given, &cache), model.many(&keys, fresh, Way::Peek))
                }
                Step::Get(keys) => {
                    let known: Vec<_> = keys.iter().map(|key| model.read(*key, Way::Usual)).collect();
                    model.hits += known.iter().flatten().count() as u64;
                    model.misses += known.iter().filter(|known| known.is_none()).count() as u64;
                    prop_assert_eq!(cache.get_many(&keys), known);
                    continue;
                }
                Step::Remove(key) => {
                    let known = model.memory.remove(&key).is_some() | model.backend.remove(&key).is_some();
                    prop_assert_eq!(cache.remove(&key).unwrap(), known);
                    continue;
                }
                Step::Forget if model.has_backend => {
                    model.memory.clear();
                    (model.hits, model.misses) = (0, 0);
                    cache = self::cache(place, &fake);
                    continue;
                }
                Step::Forget => continue,
            };
            let (wanted, missing) = expected;
            prop_assert_eq!(values, wanted);
            prop_assert_eq!(given, if missing.is_empty() { vec![] } else { vec![missing] });
            let info = cache.info();
            prop_assert_eq!((info.hits, info.misses, info.errors), (model.hits, model.misses, 0));
            // Once for all, if at all; of one record there is no batch.
            prop_assert!(fake.batches_got.load(Relaxed) <= batches.0 + 1);
            prop_assert!(fake.batches_put.load(Relaxed) <= batches.1 + 1);
            prop_assert!(fake.batches_put.load(Relaxed) > batches.1 || fake.puts.load(Relaxed) <= batches.2 + 1);
            prop_assert_eq!(fake.held(), model.backend.len());
        }
    }
}

#[test]
fn text_is_asked_for_by_reference() {
    let lengths = Cache::<String, usize>::builder().build();
    let ask = |words: &[&str]| {
        lengths
            .get_or_insert_many(words.iter().copied(), |missing: Vec<&str>| missing.iter().map(|it| it.len()).collect())
    };
    assert_eq!((ask(&["one", "three", "one"]), ask(&["three"]), ask(&[])), (vec![3, 5, 3], vec![5], vec![]));
    assert_eq!(lengths.get_many(["one", "two"]), [Some(3), None]);
    assert_eq!((lengths.info().hits, lengths.info().misses), (3, 3));
}

#[test]
fn without_room_each_call_computes_and_a_key_that_is_asked_for_twice_does_once() {
    let cache = Cache::<u64, u64>::builder().maxsize(0).build();
    let ask = || cache.get_or_insert_many(&[1, 2, 1], |missing| missing.into_iter().map(|key| key * 10).collect());
    assert_eq!((ask(), ask()), (vec![10, 20, 10], vec![10, 20, 10]));
    assert_eq!((cache.info().hits, cache.info().misses), (2, 4));
}
