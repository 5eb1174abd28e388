//! Blocks within blocks, and threads that are handed a scope.

use memolith::{Cache, Scope, ScopeStats, lru_cache};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

fn cache() -> Cache<u64, u64> {
    Cache::builder().build()
}

/// Hits, misses, and how many of them computed.
fn counted(scope: &Scope) -> (u64, u64, u64) {
    let ScopeStats { hits, misses, computed, .. } = scope.stats();
    (hits, misses, computed)
}

#[test]
fn all_around_a_call_count_it_and_nobody_else() {
    let (cache, outer, inner) = (cache(), Scope::new(), Scope::new());
    cache.get_or_insert_with(&1, || 1);
    {
        let _outer = outer.enter();
        cache.get_or_insert_with(&1, || 1);
        {
            let _inner = inner.enter();
            cache.get_or_insert_with(&2, || 2);
            assert_eq!((cache.get(&2), cache.get(&3)), (Some(2), None));
        }
        cache.get_or_insert_with(&3, || 3);
    }
    cache.get_or_insert_with(&3, || 3);
    assert_eq!((counted(&outer), counted(&inner)), ((2, 3, 2), (1, 2, 1)));
    let info = cache.info();
    assert_eq!((info.hits, info.misses), (3, 4));
}

#[test]
fn a_scope_that_is_entered_twice_counts_once() {
    let (cache, scope) = (cache(), Scope::new());
    let (_once, _twice) = (scope.enter(), scope.clone().enter());
    let _thrice = Scope::current().enter();
    cache.get_or_insert_with(&1, || 1);
    cache.get_or_insert_with(&1, || 1);
    assert_eq!(counted(&scope), (1, 1, 1));
}

#[test]
fn the_innermost_scope_that_says_something_decides() {
    let cache = cache();
    let _outer = Scope::new().read_only().enter();
    {
        let _counts = Scope::new().enter();
        cache.get_or_insert_with(&1, || 1);
        assert_eq!(cache.get(&1), None);
        let _writes = Scope::new().write_only().enter();
        cache.get_or_insert_with(&1, || 1);
        {
            let _nothing = Scope::new().disabled().enter();
            assert_eq!(cache.get(&1), None);
        }
        let _usual = Scope::new().enabled().enter();
        assert_eq!(cache.get(&1), Some(1));
        cache.get_or_insert_with(&2, || 2);
    }
    assert_eq!((cache.get(&1), cache.get(&2)), (Some(1), Some(2)));
    cache.insert(3, 3);
    assert_eq!(cache.get(&3), None);
}

#[test]
fn a_scope_is_left_when_its_own_guard_is_dropped() {
    let cache = cache();
    let (first, second) = (Scope::new().disabled().enter(), Scope::new().read_only().enter());
    drop(first);
    cache.insert(1, 1);
    assert_eq!(cache.len(), 0);
    drop(second);
    cache.insert(1, 1);
    assert_eq!(cache.len(), 1);
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _inside = Scope::new().disabled().enter();
        panic!("planned");
    }));
    assert!(unwound.is_err());
    assert_eq!(cache.get(&1), Some(1));
}

#[test]
fn a_panic_inside_counts_as_a_miss_that_computed() {
    let (cache, scope) = (cache(), Scope::new());
    let inside = scope.enter();
    let call = || cache.get_or_insert_with(&1, || panic!("planned"));
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(cache.get_or_insert_with(&1, || 1), 1);
    drop(inside);
    assert_eq!(counted(&scope), (0, 2, 2));
}

#[test]
fn threads_are_inside_of_what_they_are_handed() {
    let (cache, outer, inner) = (cache(), Scope::new(), Scope::new().read_only());
    let (_outer, _inner) = (outer.enter(), inner.enter());
    thread::scope(|threads| {
        for number in 0..4 {
            let (scope, cache) = (Scope::current(), &cache);
            threads.spawn(move || {
                cache.get_or_insert_with(&number, || number);
                let _inside = scope.enter();
                // Found, because the call before was outside, and then computed, because this one is not.
                assert_eq!(cache.get_or_insert_with(&number, || 0), number);
                assert_eq!(cache.get_or_insert_with(&(number + 10), || number), number);
                assert_eq!(cache.get_or_insert_with(&(number + 10), || number), number);
            });
        }
    });
    assert_eq!((counted(&outer), counted(&inner)), ((4, 8, 8), (4, 8, 8)));
}

#[test]
fn outside_of_every_scope_current_is_of_no_effect() {
    let cache = cache();
    let scope = Scope::current();
    let inside = scope.enter();
    cache.get_or_insert_with(&1, || 1);
    drop(inside);
    assert_eq!((scope.stats(), cache.len()), (ScopeStats::default(), 1));
    let _inside = Scope::current().read_only().enter();
    cache.insert(2, 2);
    assert_eq!(cache.get(&2), None);
}

#[test]
fn a_scope_may_be_of_some_caches_only() {
    let caches = [cache(), cache(), cache()];
    let (of_two, of_all) = (Scope::new().disabled().only(&caches[0]).only(&caches[1]), Scope::new());
    // They are known again wherever they are moved to.
    let caches = Box::new(caches);
    {
        let (_all, _two) = (of_all.enter(), of_two.enter());
        let found = caches.each_ref().map(|cache| {
            cache.get_or_insert_with(&1, || 1);
            (cache.get_or_insert_with(&1, || 2), cache.len())
        });
        assert_eq!(found, [(2, 0), (2, 0), (1, 1)]);
    }
    assert_eq!((counted(&of_two), counted(&of_all)), ((0, 4, 4), (1, 5, 5)));
}

#[test]
fn functions_heed_the_scope_they_are_called_in() {
    #[lru_cache]
    fn double(n: u64) -> u64 {
        2 * n
    }
    let request = Scope::new();
    let inside = request.enter();
    assert_eq!((double(1), double(1), double(2)), (2, 2, 4));
    drop(inside);
    assert_eq!(counted(&request), (1, 2, 2));
    let off = Scope::new().disabled().only(double::cache());
    let inside = off.enter();
    assert_eq!((double(1), double(3)), (2, 6));
    drop(inside);
    assert_eq!((counted(&off), double::cache_info().currsize), ((0, 2, 2), 2));
    let inside = Scope::new().read_only().enter();
    assert!(double::invalidate(1).unwrap());
    drop(inside);
    assert_eq!(double::get(1), None);
}
