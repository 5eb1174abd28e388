//! That no function is answered with what another keeps in the same backend.

use super::persistence::Recorder;
use memolith::{Error, ErrorKind, lru_cache};
use std::sync::{Arc, LazyLock, Mutex};

/// One backend for all functions here.
static STORE: LazyLock<Arc<Recorder>> = LazyLock::new(Arc::default);

static FAULTS: Mutex<Vec<(ErrorKind, String)>> = Mutex::new(Vec::new());

fn note(error: &Error) {
    if let Ok(mut faults) = FAULTS.lock() {
        faults.push((error.kind(), error.to_string()));
    }
}

/// Whether a fault of configuration was reported that names this function.
fn refused(function: &str) -> usize {
    let faults = FAULTS.lock().map(|faults| faults.clone()).unwrap_or_default();
    faults.iter().filter(|(kind, text)| *kind == ErrorKind::Config && text.contains(function)).count()
}

struct Metre;
struct Mile;

macro_rules! sized {
    ($($owner:ident: $metres:literal),*) => {
        $(impl $owner {
            #[lru_cache(associated, backend = STORE.clone(), memory = 0, version = "1", name = "size")]
            fn size(x: u32) -> u32 {
                x * $metres
            }
        })*
    };
}

sized!(Metre: 1, Mile: 1609);

#[test]
fn methods_of_one_name_are_told_apart_by_their_type() {
    for _ in 0..2 {
        assert_eq!((Metre::size(2), Mile::size(2)), (2, 3218));
    }
    assert_eq!((Metre::size_cache_info().backend_hits, Mile::size_cache_info().backend_hits), (1, 1));
}

#[lru_cache(backend = STORE.clone(), memory = 0, skip(f), on_error = note)]
fn applied<F: Fn(u32) -> u32 + 'static>(x: u32, f: F) -> u32 {
    f(x)
}

fn doubled(x: u32) -> u32 {
    x * 2
}

fn halved(x: u32) -> u32 {
    x / 2
}

#[test]
fn closures_are_kept_in_memory_alone() {
    assert_eq!((applied(10, |x| x + 1), applied(10, |x| x * 2)), (11, 20));
    assert_eq!(refused("applied<"), 2);
    assert_eq!((applied(10, doubled), applied(10, halved)), (20, 5), "functions have names");
    assert_eq!(refused("applied<"), 2);
    let same = |x| x + 3;
    assert_eq!((applied(10, same), applied(10, same)), (13, 13));
}

struct Step<F>(F);

impl<F: Fn(u32) -> u32 + 'static> Step<F> {
    #[lru_cache(backend = STORE.clone(), memory = 0, skip(self), on_error = note)]
    fn stepped(&self, x: u32) -> u32 {
        (self.0)(x)
    }
}

#[test]
fn closures_inside_of_other_types_are_closures() {
    assert_eq!((Step(|x| x + 1).stepped(10), Step(|x| x * 2).stepped(10)), (11, 20));
    assert_eq!(refused("::stepped"), 2);
}

/// Two functions of one path and of the same tokens, in the blocks of another.
fn in_blocks(x: u32) -> (u32, u32) {
    let one = {
        const FACTOR: u32 = 1;
        #[lru_cache(backend = STORE.clone(), memory = 0, on_error = note)]
        fn scaled(x: u32) -> u32 {
            x * FACTOR
        }
        scaled(x)
    };
    let two = {
        const FACTOR: u32 = 2;
        #[lru_cache(backend = STORE.clone(), memory = 0, on_error = note)]
        fn scaled(x: u32) -> u32 {
            x * FACTOR
        }
        scaled(x)
    };
    (one, two)
}

#[test]
fn functions_in_blocks_do_not_share_results() {
    assert_eq!((in_blocks(10), in_blocks(10)), ((10, 20), (10, 20)));
    assert_eq!(refused("::scaled"), 1);
}

#[lru_cache(backend = STORE.clone(), name = "taken", version = "1", on_error = note)]
fn first(x: u32) -> u32 {
    x
}

#[lru_cache(backend = STORE.clone(), name = "taken", version = "1", on_error = note)]
fn second(x: u32) -> u32 {
    x + 1
}

#[test]
fn a_name_belongs_to_one_function_of_a_process() {
    assert_eq!((first(1), second(1), first(1), second(1)), (1, 2, 1, 2));
    assert_eq!(refused("`taken@v:1`"), 1);
    assert_eq!(second::cache_info().hits, 1);
}

/// A function in a closure has a name, be it an unwieldy one.
#[test]
fn functions_inside_of_closures_persist() {
    let call = || {
        #[lru_cache(backend = STORE.clone(), memory = 0, on_error = note)]
        fn enclosed(x: u32) -> u32 {
            x
        }
        (enclosed(1), enclosed(1), enclosed::cache_info().backend_hits)
    };
    assert_eq!(call(), (1, 1, 1));
    assert_eq!(refused("::enclosed"), 0);
}
