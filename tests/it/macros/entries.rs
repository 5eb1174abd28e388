//! The companions: `cache`, `cache_info`, `cache_clear`, `invalidate`, `get`, `uncached`, and their names.

use memolith::{Cache, lru_cache};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

static RUNS: AtomicU32 = AtomicU32::new(0);

#[lru_cache]
fn area(kind: &str, r: u32) -> u32 {
    RUNS.fetch_add(1, SeqCst);
    if kind == "disc" { 3 * r * r } else { r * r }
}

#[test]
fn companions_act_on_the_functions_own_cache() {
    assert_eq!(area::get("disc", 2), None);
    assert_eq!(area("disc", 2), 12);
    assert_eq!(area("disc", 2), 12);
    assert_eq!(area("square", 2), 4);
    assert_eq!(RUNS.load(SeqCst), 2);
    assert_eq!(area::get("disc", 2), Some(12));
    let info = area::cache_info();
    assert_eq!((info.hits, info.misses, info.currsize), (2, 3, 2), "a `get` counts, as it does on a cache");

    assert_eq!(area::uncached("disc", 2), 12);
    assert_eq!(RUNS.load(SeqCst), 3);
    assert_eq!(area::cache_info(), info, "the original knows nothing of the cache");

    assert!(area::invalidate("disc", 2).is_ok_and(|was_there| was_there));
    assert!(area::invalidate("disc", 2).is_ok_and(|was_there| !was_there));
    assert_eq!(area("disc", 2), 12);
    assert_eq!(RUNS.load(SeqCst), 4);

    let cache: &'static Cache<(String, u32), u32> = area::cache();
    cache.insert(("disc".to_string(), 9), 1);
    assert_eq!(area("disc", 9), 1);
    assert!(area::cache_clear().is_ok());
    assert_eq!((area::cache_info().currsize, area::cache_info().misses), (0, 0));
}

mod shapes {
    use memolith::lru_cache;

    #[lru_cache]
    pub(super) fn circle(r: u32) -> u32 {
        r
    }

    #[lru_cache(handle = squares)]
    pub(in super::super) fn square(r: u32) -> u32 {
        r
    }
}

#[test]
fn one_use_brings_function_and_companions() {
    use shapes::circle;
    assert_eq!(circle(1), 1);
    assert_eq!(circle::cache_info().misses, 1);
}

#[test]
fn handle_names_the_companions() {
    use shapes::squares;
    assert_eq!(shapes::square(3), 3);
    assert_eq!(squares::get(3), Some(3));
}

#[test]
fn functions_inside_functions_have_companions() {
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    struct Local(u8);

    #[lru_cache]
    fn inner(x: Local) -> Local {
        Local(x.0 + 1)
    }
    assert_eq!(inner(Local(1)), Local(2));
    assert_eq!(inner::get(Local(1)), Some(Local(2)));
}

#[lru_cache]
fn r#type(r#in: u32) -> u32 {
    r#in
}

#[test]
fn raw_names_stay_raw() {
    assert_eq!(r#type(1), 1);
    assert_eq!(r#type::get(1), Some(1));
}

#[lru_cache]
fn nothing() {
    RUNS_OF_NOTHING.fetch_add(1, SeqCst);
}

static RUNS_OF_NOTHING: AtomicU32 = AtomicU32::new(0);

#[test]
fn no_arguments_and_no_result_are_a_key_and_a_value() {
    nothing();
    nothing();
    assert_eq!(RUNS_OF_NOTHING.load(SeqCst), 1);
    assert_eq!(nothing::get(), Some(()));
}
