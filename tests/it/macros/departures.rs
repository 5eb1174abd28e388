//! `on_evict`.

#![expect(clippy::unwrap_used, reason = "tests")]

use memolith::{Cause, lru_cache};
use std::sync::{Arc, Mutex};

type Told = (String, usize, Arc<str>, Cause);

static TEXTS: Mutex<Vec<Told>> = Mutex::new(Vec::new());

fn told(key: &(String, usize), value: &Arc<str>, cause: Cause) {
    TEXTS.lock().unwrap().push((key.0.clone(), key.1, Arc::clone(value), cause));
}

#[lru_cache(maxsize = 1, on_evict = told)]
fn repeated(text: &str, times: usize) -> Arc<str> {
    text.repeat(times).into()
}

#[test]
fn a_key_of_several_arguments_is_a_tuple_of_them() {
    repeated("ab", 2);
    repeated("c", 3);
    assert!(repeated::invalidate("c", 3).unwrap());
    let told = std::mem::take(&mut *TEXTS.lock().unwrap());
    let expected = [("ab".into(), 2, "abab".into(), Cause::Evicted), ("c".into(), 3, "ccc".into(), Cause::Removed)];
    assert_eq!(told, expected);
}

static SUMS: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());

#[lru_cache(maxsize = 1, on_evict = |(x,), value, _| SUMS.lock().unwrap().push((*x, *value)))]
fn fallible(x: u64) -> Result<u64, String> {
    if x == 0 { Err("nothing".into()) } else { Ok(x * 2) }
}

#[test]
fn a_closure_knows_its_types_and_hears_of_what_is_kept() {
    for x in [1, 0, 2, 0, 3] {
        let _ = fallible(x);
    }
    assert_eq!(*SUMS.lock().unwrap(), [(1, 2), (2, 4)]);
}

struct Shop(u64);

static PRICES: Mutex<Vec<(u64, usize)>> = Mutex::new(Vec::new());

impl Shop {
    #[lru_cache(key: (u64, usize) = (self.0, item), maxsize = 1, on_evict = |key, _, _| PRICES.lock().unwrap().push(*key))]
    fn price(&self, item: usize) -> f64 {
        self.0 as f64 + item as f64
    }
}

static ROOTS: Mutex<Vec<f64>> = Mutex::new(Vec::new());

#[lru_cache(key = x.to_bits(), maxsize = 1, on_evict = |_, value, _| ROOTS.lock().unwrap().push(*value))]
fn root(x: f64) -> f64 {
    x.sqrt()
}

#[test]
fn a_key_of_ones_own_is_given_as_it_is() {
    assert_eq!(Shop(7).price(1) + Shop(8).price(2), 18.0);
    assert_eq!(*PRICES.lock().unwrap(), [(7, 1)]);
    assert_eq!(root(4.0) + root(9.0), 5.0);
    assert_eq!(*ROOTS.lock().unwrap(), [2.0]);
}

#[test]
fn the_listener_may_call_the_function() {
    static AGAIN: Mutex<Vec<u64>> = Mutex::new(Vec::new());

    #[lru_cache(maxsize = 2, on_evict = |(x,), _, _| AGAIN.lock().unwrap().push(halved(*x % 2)))]
    fn halved(x: u64) -> u64 {
        x / 2
    }
    assert_eq!((0..2).map(halved).sum::<u64>(), 0);
    halved::invalidate(0).unwrap();
    assert_eq!((AGAIN.lock().unwrap().len(), halved::cache_info().currsize), (1, 2));
}
