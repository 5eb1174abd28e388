//! Tags and what else a cache can do: old values, scopes, batches.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::{fresh, sound};
use memolith::backends::Memory;
use memolith::{Backend, Cache, CacheBuilder, Lease, Lookup, ManualClock, Postcard, Scope, invalidate_tag};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// Entries in memory, where there is a backend behind it.
const TIERS: [Option<usize>; 3] = [None, Some(100), Some(0)];

/// Values carry `tag:K % 2`.
fn builder(tag: &str, tier: Option<usize>, backend: &Arc<dyn Backend>) -> CacheBuilder<u64, u64> {
    let tag = tag.to_string();
    let builder = Cache::builder().maxsize(None).tags(move |key, _| [format!("{tag}:{}", key % 2)]);
    match tier {
        None => builder,
        Some(memory) => builder.memory(memory).backend(Arc::clone(backend), "f", Postcard),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn memory() -> Arc<dyn Backend> {
    Arc::new(Memory::new())
}

fn miss(cache: &Cache<u64, u64>, key: u64) -> Lease<'_, u64, u64> {
    match cache.lookup(&key) {
        Lookup::Miss(lease) => lease,
        Lookup::Hit(value) => panic!("there is {value}"),
    }
}

fn hit(cache: &Cache<u64, u64>, key: u64) -> Option<u64> {
    match cache.lookup(&key) {
        Lookup::Hit(value) => Some(value),
        Lookup::Miss(_) => None,
    }
}

#[test]
fn an_old_value_is_offered_until_its_tag_is_invalidated() {
    let _sound = sound();
    for tier in TIERS {
        let (tag, clock, backend) = (fresh("old"), Arc::new(ManualClock::default()), memory());
        let cache = builder(&tag, tier, &backend).clock(Arc::clone(&clock) as _).ttl(MINUTE).stale(MINUTE).build();
        cache.insert(1, 10);
        clock.advance(MINUTE);
        let lease = miss(&cache, 1);
        assert_eq!((hit(&cache, 1), cache.get(&1)), (Some(10), Some(10)), "{tier:?}: it may be served meanwhile");
        invalidate_tag(format!("{tag}:0")).unwrap();
        assert_eq!((hit(&cache, 1), cache.get(&1)), (Some(10), Some(10)), "{tier:?}: it does not carry that");
        invalidate_tag(format!("{tag}:1")).unwrap();
        assert_eq!((cache.get(&1), cache.get_many([&1])), (None, vec![None]), "{tier:?}");
        let next = miss(&cache, 1);
        assert_eq!(lease.fail(), None, "{tier:?}: nor is it what is served instead of an error");
        assert_eq!((next.fill(20), cache.get(&1)), (20, Some(20)), "{tier:?}");
    }
}

/// What served instead of an error is in memory again, and has its tags.
#[test]
fn an_old_value_that_took_the_place_of_an_error_has_its_tags() {
    let _sound = sound();
    for tier in TIERS {
        let (tag, clock, backend) = (fresh("failed"), Arc::new(ManualClock::default()), memory());
        let cache = || builder(&tag, tier, &backend).clock(Arc::clone(&clock) as _).ttl(MINUTE).stale(MINUTE).build();
        let first = cache();
        first.insert(1, 10);
        // Another has it from the backend.
        let second = if tier.is_some() { cache() } else { first };
        clock.advance(MINUTE);
        assert_eq!(miss(&second, 1).fail(), Some(10), "{tier:?}");
        assert_eq!(second.get(&1), Some(10), "{tier:?}");
        invalidate_tag(format!("{tag}:1")).unwrap();
        assert_eq!(second.get(&1), None, "{tier:?}");
        assert_eq!(miss(&second, 1).fail(), None, "{tier:?}");
    }
}

#[test]
fn values_of_a_batch_have_their_tags() {
    let _sound = sound();
    for (tier, task) in TIERS.into_iter().flat_map(|tier| [(tier, false), (tier, true)]) {
        let (tag, backend) = (fresh("batch"), memory());
        let cache = builder(&tag, tier, &backend).build();
        let ask = |expected: &[u64], plus: u64| {
            let compute = |missing: Vec<&u64>| -> Vec<u64> {
                assert_eq!(missing, expected.iter().collect::<Vec<_>>(), "{tier:?} {task}");
                missing.into_iter().map(|key| key + plus).collect()
            };
            match task {
                false => cache.get_or_insert_many(&[1, 2, 3, 4], compute),
                true => runtime().block_on(cache.get_or_insert_many_async(&[1, 2, 3, 4], |missing| {
                    let values = compute(missing);
                    async { values }
                })),
            }
        };
        assert_eq!(ask(&[1, 2, 3, 4], 10), [11, 12, 13, 14]);
        assert_eq!(ask(&[], 20), [11, 12, 13, 14]);
        invalidate_tag(format!("{tag}:0")).unwrap();
        assert_eq!(cache.get_many(&[1, 2, 3, 4]), [Some(11), None, Some(13), None], "{tier:?}");
        assert_eq!(ask(&[2, 4], 30), [11, 32, 13, 34]);
        invalidate_tag(format!("{tag}:1")).unwrap();
        assert_eq!(ask(&[1, 3], 40), [41, 32, 43, 34]);
    }
}

/// What is computed of a batch while the tag of a key is invalidated is kept of the others.
#[test]
fn what_a_batch_computes_meanwhile_is_not_kept() {
    let _sound = sound();
    for tier in TIERS {
        let (tag, backend) = (fresh("meanwhile"), memory());
        let cache = builder(&tag, tier, &backend).build();
        let values = cache.get_or_insert_many(&[1, 2], |missing| {
            invalidate_tag(format!("{tag}:1")).unwrap();
            missing.into_iter().copied().collect()
        });
        assert_eq!((values, cache.get_many(&[1, 2])), (vec![1, 2], vec![None, Some(2)]), "{tier:?}");
    }
}

/// A backend that counts what it is asked about tags.
#[derive(Debug, Default)]
struct Counting(Memory, AtomicU64);

impl Backend for Counting {
    fn open(&self, space: &memolith::Space) -> memolith::Result<()> {
        self.0.open(space)
    }
    fn get(
        &self,
        space: &memolith::Space,
        key: &[u8],
        now: memolith::Timestamp,
    ) -> memolith::Result<Option<memolith::Record>> {
        self.0.get(space, key, now)
    }
    fn put(
        &self,
        space: &memolith::Space,
        key: &[u8],
        record: &memolith::Record,
        now: memolith::Timestamp,
    ) -> memolith::Result<()> {
        self.0.put(space, key, record, now)
    }
    fn remove(&self, space: &memolith::Space, key: &[u8]) -> memolith::Result<bool> {
        self.0.remove(space, key)
    }
    fn clear(&self, space: &memolith::Space) -> memolith::Result<()> {
        self.0.clear(space)
    }
    fn len(&self, space: &memolith::Space) -> memolith::Result<u64> {
        self.0.len(space)
    }
    fn tags(&self, tags: &[&[u8]]) -> memolith::Result<memolith::TagState> {
        self.1.fetch_add(1, Relaxed);
        self.0.tags(tags)
    }
    fn invalidate_tags(&self, tags: &[&[u8]]) -> memolith::Result<memolith::TagState> {
        self.0.invalidate_tags(tags)
    }
}

#[test]
fn a_batch_asks_once_about_all_tags() {
    let _sound = sound();
    let (counting, tag) = (Arc::new(Counting::default()), fresh("once"));
    let rule = tag.clone();
    let cache = Cache::<u64, u64>::builder().maxsize(None).memory(0).tags(move |key, _| [format!("{rule}:{key}")]);
    let cache = cache.backend(Arc::clone(&counting), "f", Postcard).build();
    (0..50).for_each(|key| cache.insert(key, key));
    let (keys, before): (Vec<u64>, _) = ((0..50).collect(), counting.1.load(Relaxed));
    assert!(cache.get_many(&keys).into_iter().eq((0..50).map(Some)));
    assert_eq!(counting.1.load(Relaxed) - before, 1);
    assert!(cache.get_many(&keys).into_iter().eq((0..50).map(Some)));
    assert_eq!(counting.1.load(Relaxed) - before, 1, "what is known is not asked for");
}

#[test]
fn a_forced_refresh_has_its_tags_and_a_reader_keeps_nothing() {
    let _sound = sound();
    for tier in TIERS {
        let (tag, backend) = (fresh("scope"), memory());
        let cache = builder(&tag, tier, &backend).build();
        let end = || invalidate_tag(format!("{tag}:1")).unwrap();
        let within = |scope: Scope, value| {
            let _inside = scope.enter();
            cache.get_or_insert_with(&1, || value)
        };
        cache.insert(1, 1);
        assert_eq!((within(Scope::new().write_only(), 2), cache.get(&1)), (2, Some(2)), "{tier:?}");
        assert_eq!(within(Scope::new().read_only(), 3), 2, "{tier:?}");
        end();
        assert_eq!((within(Scope::new().read_only(), 4), cache.get(&1)), (4, None), "{tier:?}");
        let never = Scope::new().never_compute();
        assert!(never.try_run(|| cache.get_or_insert_with(&1, || 5)).is_err(), "{tier:?}");
        assert_eq!(within(Scope::new().write_only(), 6), 6);
        assert_eq!(never.try_run(|| cache.get_or_insert_with(&1, || 5)).ok(), Some(6), "{tier:?}");
        let inside = Scope::new().disabled().enter();
        // An invalidation is never lost.
        end();
        drop(inside);
        assert_eq!(cache.get(&1), None, "{tier:?}");
    }
}
