//! Many who ask and several who invalidate, against a count of what is true.

use super::model::Place;
use super::{alone, fresh};
use crate::watchdog::within;
use memolith::{Cache, Postcard, invalidate_tag};
use std::array;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

const KEYS: usize = 6;
const TAGS: usize = 2;
const ROUNDS: u64 = 50;

/// What each key is made of, as often as it has changed.
type Truth = [AtomicU64; KEYS];

/// Every key carries the tag of its remainder.
fn cache(place: Option<&Arc<dyn memolith::Backend>>, base: &str, memory: usize) -> Cache<usize, u64> {
    let base = base.to_string();
    let rule = move |key: &usize, _: &u64| [format!("{base}:{}", key % TAGS)];
    let builder = Cache::builder().maxsize(None).memory(memory).tags(rule);
    match place {
        None => builder.build(),
        Some(place) => builder.backend(Arc::clone(place), "f", Postcard).build(),
    }
}

/// Whoever asks after an invalidation has returned gets what was computed from then on.
fn holds(place: Place, memory: usize) {
    let base = fresh("truth");
    let (backend, _scratch) = place.open(&base);
    // Two on one place, which hear of each other as processes do.
    let caches = [0, 1].map(|_| cache(backend.as_ref(), &base, memory));
    let (truth, told): (Truth, Truth) = (array::from_fn(|_| AtomicU64::new(0)), array::from_fn(|_| AtomicU64::new(0)));
    let ask = |cache: &Cache<usize, u64>, key: usize| {
        let least = told[key].load(SeqCst);
        let got = cache.get_or_insert_with(&key, || {
            let value = truth[key].load(SeqCst);
            thread::yield_now();
            value
        });
        assert!(got >= least, "{place:?} {memory}: key {key} is {got}, and {least} was true before it was asked for");
    };
    thread::scope(|scope| {
        for tag in (0..TAGS).chain(0..TAGS) {
            let (truth, told, base, ask, caches) = (&truth, &told, &base, &ask, &caches);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let keys = (tag..KEYS).step_by(TAGS);
                    let now: Vec<_> = keys.map(|key| (key, truth[key].fetch_add(1, SeqCst) + 1)).collect();
                    // A file may be held by so many at once: then nothing is promised.
                    if invalidate_tag(format!("{base}:{tag}")).is_err() {
                        continue;
                    }
                    for (key, now) in now {
                        told[key].fetch_max(now, SeqCst);
                        ask(&caches[round as usize % 2], key);
                    }
                }
            });
        }
        for asker in 0..3 {
            let (ask, caches) = (&ask, &caches);
            scope.spawn(move || (0..ROUNDS as usize * 4).for_each(|at| ask(&caches[(at + asker) % 2], at % KEYS)));
        }
    });
    for key in 0..KEYS {
        caches.iter().for_each(|cache| ask(cache, key));
    }
}

#[test]
fn what_is_true_when_a_tag_was_invalidated_is_what_is_served() {
    let _alone = alone();
    within(120, || {
        for place in Place::all() {
            [0, 3, 100].into_iter().for_each(|memory| holds(place, memory));
        }
    });
}
