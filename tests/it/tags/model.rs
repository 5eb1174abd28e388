//! Steps in any order, against what anybody would expect of them.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::{alone, fresh};
use memolith::{Backend, Cache, Lease, Lookup, Postcard, Writes, invalidate_tags};
use proptest::prelude::*;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the caches of a run keep their values.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Nowhere,
    Memory,
    Sqlite,
    #[cfg(all(feature = "shared", target_os = "linux"))]
    Shared,
}

/// A file that goes with the test.
pub(super) struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Place {
    pub(super) fn all() -> Vec<Place> {
        vec![
            Place::Nowhere,
            Place::Memory,
            Place::Sqlite,
            #[cfg(all(feature = "shared", target_os = "linux"))]
            Place::Shared,
        ]
    }

    pub(super) fn open(self, name: &str) -> (Option<Arc<dyn Backend>>, Scratch) {
        let name = format!("memolith-{}-{}", name.replace(':', "-"), std::process::id());
        let scratch = Scratch(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&scratch.0).unwrap();
        let backend: Option<Arc<dyn Backend>> = match self {
            Place::Nowhere => None,
            Place::Memory => Some(Arc::new(memolith::backends::Memory::new())),
            Place::Sqlite => Some(Arc::new(memolith::backends::Sqlite::open(scratch.0.join("cache.db")).unwrap())),
            #[cfg(all(feature = "shared", target_os = "linux"))]
            Place::Shared => {
                use std::os::unix::fs::PermissionsExt;
                std::fs::set_permissions(&scratch.0, std::fs::Permissions::from_mode(0o700)).unwrap();
                Some(Arc::new(memolith::backends::Shared::sized(scratch.0.join("region"), 1 << 20).unwrap()))
            }
        };
        (backend, scratch)
    }
}

fn places() -> impl Strategy<Value = Place> {
    prop::sample::select(Place::all())
}

#[derive(Clone, Debug)]
enum Step {
    Get(usize, u8),
    Insert(usize, u8),
    Remove(usize, u8),
    /// What stands behind some tags is another from now on.
    Change(Vec<u8>),
    /// A computation begins, and ends at some later step.
    Begin(usize, u8),
    End(usize),
}

const KEYS: u8 = 12;
/// A key has one of these tags and perhaps another.
const TAGS: u8 = 4;

fn tags_of(key: u8) -> Vec<u8> {
    let mut tags = vec![key % TAGS];
    if key.is_multiple_of(3) {
        tags.push((key / 3) % TAGS);
    }
    tags
}

fn steps(leases: bool) -> impl Strategy<Value = Vec<Step>> {
    let (cache, key) = (0..2_usize, 0..KEYS);
    let at = (cache, key);
    let later = if leases { 4 } else { 0 };
    let step = prop_oneof![
        8 => at.clone().prop_map(|(cache, key)| Step::Get(cache, key)),
        1 => at.clone().prop_map(|(cache, key)| Step::Insert(cache, key)),
        1 => at.clone().prop_map(|(cache, key)| Step::Remove(cache, key)),
        3 => prop::collection::vec(0..TAGS, 1..3).prop_map(Step::Change),
        later => at.prop_map(|(cache, key)| Step::Begin(cache, key)),
        later => (0..4_usize).prop_map(Step::End),
    ];
    prop::collection::vec(step, 1..60)
}

/// Two caches on one place. A value is the number of the step in which it was made.
fn caches(place: Option<&Arc<dyn Backend>>, base: &str, memory: usize, writes: Writes) -> [Cache<u8, u64>; 2] {
    [0, 1].map(|_| {
        let base = base.to_string();
        let rule =
            move |key: &u8, _: &u64| tags_of(*key).into_iter().map(|tag| format!("{base}:{tag}")).collect::<Vec<_>>();
        let builder = Cache::builder().maxsize(None).memory(memory).writes(writes).tags(rule);
        match place {
            None => builder.build(),
            Some(place) => builder.backend(Arc::clone(place), "f", Postcard).build(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// One at a time: what was made from what has not changed is there, and nothing else.
    #[test]
    fn what_a_tag_ends_is_computed_again_and_nothing_else(
        place in places(), memory in prop_oneof![Just(0_usize), Just(1000)], steps in steps(false)
    ) {
        let _alone = alone();
        let base = fresh("exact");
        let (backend, _scratch) = place.open(&base);
        let caches = caches(backend.as_ref(), &base, memory, Writes::Through);
        // A value by the place where it is kept; caches without a backend have one each.
        let mut model = HashMap::<(usize, u8), u64>::new();
        let of = |cache: usize| if backend.is_some() { 0 } else { cache };
        for (now, step) in steps.into_iter().enumerate() {
            let now = now as u64;
            match step {
                Step::Get(cache, key) => {
                    let wanted = *model.entry((of(cache), key)).or_insert(now);
                    prop_assert_eq!(caches[cache].get_or_insert_with(&key, || now), wanted, "{} in {}", key, cache);
                }
                Step::Insert(cache, key) => {
                    // What it replaces may be in the memory of the other.
                    caches[cache].remove(&key).unwrap();
                    caches[cache].insert(key, now);
                    model.insert((of(cache), key), now);
                }
                Step::Remove(cache, key) => {
                    let removed = caches[cache].remove(&key).unwrap();
                    // What was invalidated is still there to be removed, in a backend.
                    let held = model.remove(&(of(cache), key)).is_some();
                    prop_assert!(removed == held || (removed && backend.is_some()), "{} in {}", key, cache);
                }
                Step::Change(tags) => {
                    invalidate_tags(tags.iter().map(|tag| format!("{base}:{tag}"))).unwrap();
                    model.retain(|(_, key), _| !tags_of(*key).iter().any(|tag| tags.contains(tag)));
                }
                Step::Begin(..) | Step::End(_) => {}
            }
        }
        if backend.is_none() {
            let held: usize = caches.iter().map(Cache::len).sum();
            prop_assert_eq!(held, model.len());
        }
        prop_assert_eq!(caches.iter().map(|cache| cache.info().errors).sum::<u64>(), 0);
    }

    /// However computations and changes follow each other, nobody gets what was begun before a change that has ended.
    #[test]
    fn nothing_is_older_than_the_last_change(
        place in places(),
        memory in prop_oneof![Just(0_usize), Just(3), Just(1000)],
        writes in prop_oneof![Just(Writes::Through), Just(Writes::Behind)],
        steps in steps(true),
    ) {
        let _alone = alone();
        let base = fresh("order");
        let (backend, _scratch) = place.open(&base);
        let caches = caches(backend.as_ref(), &base, memory, writes);
        let mut changed = [0_u64; TAGS as usize];
        let mut held: Vec<(usize, u8, u64, Lease<'_, u8, u64>)> = Vec::new();
        for (now, step) in (1..).zip(steps) {
            match step {
                Step::Get(cache, key) if held.iter().all(|(of, held, ..)| (*of, *held) != (cache, key)) => {
                    let least = tags_of(key).into_iter().map(|tag| changed[tag as usize]).max().unwrap();
                    let got = caches[cache].get_or_insert_with(&key, || now);
                    prop_assert!(got >= least, "{} in {} is {}, and has changed at {}", key, cache, got, least);
                }
                Step::Insert(cache, key) => caches[cache].insert(key, now),
                Step::Remove(cache, key) => _ = caches[cache].remove(&key).unwrap(),
                Step::Change(tags) => {
                    tags.iter().for_each(|tag| changed[*tag as usize] = now);
                    invalidate_tags(tags.iter().map(|tag| format!("{base}:{tag}"))).unwrap();
                }
                Step::Begin(cache, key) if held.iter().all(|(of, held, ..)| (*of, *held) != (cache, key)) => {
                    if let Lookup::Miss(lease) = caches[cache].lookup(&key) {
                        held.push((cache, key, now, lease));
                    }
                }
                Step::End(at) if at < held.len() => {
                    let (_, _, begun, lease) = held.remove(at);
                    lease.fill(begun);
                }
                Step::Get(..) | Step::Begin(..) | Step::End(_) => {}
            }
        }
    }
}
