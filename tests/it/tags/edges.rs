//! Listeners that ask the cache, values with thousands of tags, and values that nobody has looked for before.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::{fresh, sound};
use crate::fake::Fake;
use memolith::{Backend, Cache, Lookup, Postcard, Scope, invalidate_tag, invalidate_tags};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

/// More than a stack has room for if one is told inside of another.
const MANY: u64 = 20_000;

#[test]
fn a_listener_may_ask_however_many_leave() {
    static CACHE: OnceLock<Cache<u64, u64>> = OnceLock::new();
    static TOLD: AtomicU64 = AtomicU64::new(0);
    let (_sound, tag) = (sound(), fresh("asking"));
    let name = tag.clone();
    let asks = |_: &u64, _: &u64, _| {
        assert_eq!(CACHE.get().unwrap().get(&(MANY - 1)), None, "all have left before one is told");
        TOLD.fetch_add(1, Relaxed);
    };
    let cache =
        CACHE.get_or_init(|| Cache::builder().maxsize(None).tags(move |_, _| [name.clone()]).on_evict(asks).build());
    (0..MANY).for_each(|key| cache.insert(key, key));
    invalidate_tag(tag).unwrap();
    assert_eq!((cache.len(), TOLD.load(Relaxed)), (0, MANY));
}

/// A value whose drop asks the cache that it was in.
#[derive(Clone)]
struct Asks(#[expect(dead_code, reason = "for its drop")] Arc<Inquirer>);

struct Inquirer(Arc<OnceLock<Cache<u64, Asks>>>);

impl Drop for Inquirer {
    fn drop(&mut self) {
        let _ = self.0.get().map(|cache| cache.contains(&0));
    }
}

#[test]
fn values_may_ask_when_they_are_dropped_however_many_leave() {
    let (_sound, tag, place) = (sound(), fresh("dropped"), Arc::new(OnceLock::new()));
    let name = tag.clone();
    let cache = place.get_or_init(|| Cache::builder().maxsize(None).tags(move |_, _| [name.clone()]).build());
    (0..MANY).for_each(|key| cache.insert(key, Asks(Arc::new(Inquirer(Arc::clone(&place))))));
    invalidate_tag(tag).unwrap();
    assert_eq!(cache.len(), 0);
}

#[test]
fn a_value_may_have_thousands_of_tags() {
    let (_sound, tag) = (sound(), fresh("thousands"));
    let name = tag.clone();
    let rule = move |_: &u64, from: &u64| (*from..from + 20_000).map(|at| format!("{name}:{at}")).collect::<Vec<_>>();
    let cache = Cache::<u64, u64>::builder().tags(rule).build();
    cache.insert(1, 0);
    cache.insert(1, 10_000);
    invalidate_tags((0..10_000).map(|at| format!("{tag}:{at}"))).unwrap();
    assert_eq!(cache.get(&1), Some(10_000), "these were of the value before");
    invalidate_tag(format!("{tag}:29999")).unwrap();
    assert_eq!(cache.get(&1), None);
}

/// Who only writes is as right as who has looked before.
#[test]
fn what_is_written_without_a_look_is_believed_after_an_invalidation_elsewhere() {
    let _sound = sound();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for way in 0..5 {
        let (fake, tag) = (Fake::new(), fresh("unlooked"));
        let cache = || {
            let name = tag.clone();
            let builder = Cache::<u64, u64>::builder().memory(0).tags(move |_, _| [name.clone()]);
            builder.backend(fake.clone(), "f", Postcard).build()
        };
        let writer = cache();
        writer.insert(1, 1);
        // Another process.
        fake.invalidate_tags(&[tag.as_bytes()]).unwrap();
        fake.invalidated();
        let scope = Scope::new().write_only();
        match way {
            0 => writer.insert(1, 2),
            1 => assert_eq!(scope.try_run(|| writer.get_or_insert_with(&1, || 2)), Ok(2)),
            2 => assert_eq!(scope.try_run(|| writer.get_or_insert_many(&[1], |_| vec![2])), Ok(vec![2])),
            3 => assert_eq!(runtime.block_on(scope.run(writer.get_or_insert_async(&1, || async { 2 }))), 2),
            _ => {
                let many = writer.get_or_insert_many_async(&[1], |_| async { vec![2] });
                assert_eq!(runtime.block_on(scope.run(many)), [2]);
            }
        }
        assert_eq!(cache().get(&1), Some(2), "way {way}");
    }
}

/// Its key is not listed under the tag yet, so the computation is posted on, and then forgotten for another reason.
#[test]
fn who_comes_after_an_invalidation_does_not_get_what_is_removed_too() {
    let (_sound, tag) = (sound(), fresh("removed"));
    let name = tag.clone();
    let cache = Cache::<u64, u64>::builder().tags(move |_, _| [name.clone()]).build();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let Lookup::Miss(lease) = runtime.block_on(cache.lookup_async(&1)) else { panic!("nothing is there") };
    invalidate_tag(tag).unwrap();
    let mut late = pin!(cache.get_or_insert_async(&1, || async { 2 }));
    assert_eq!(late.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending, "it waits");
    cache.remove(&1).unwrap();
    assert_eq!(lease.fill(1), 1);
    assert_eq!(late.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(2));
}
