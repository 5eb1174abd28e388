//! The name of a function's space: where it stands, its type arguments, its version or the fingerprint of its tokens.

use super::persistence::Recorder;
use memolith::lru_cache;
use std::sync::{Arc, LazyLock, Mutex};

/// One recorder for all functions here, asked for the last space while nobody else may open one.
static STORE: LazyLock<Arc<Recorder>> = LazyLock::new(Arc::default);
static TURN: Mutex<()> = Mutex::new(());

/// The name of the space that `call` opens, without the shape of the key that follows `#`.
fn opened<T>(call: impl FnOnce() -> T) -> String {
    let _turn = TURN.lock();
    call();
    let name = STORE.space().name;
    name.split('#').next().unwrap_or_default().to_string()
}

macro_rules! backed {
    ($($item:tt)*) => {
        #[lru_cache(backend = STORE.clone(), memory = 0)]
        $($item)*
    };
}

/// The part behind the `@`.
fn version(name: &str) -> &str {
    name.split_once('@').map_or("", |(_, version)| version)
}

mod a {
    use super::*;
    backed! {
        /// Documented.
        pub(super) fn f(x: u8) -> u8 {
            // A comment.
            x.wrapping_add(1)
        }
    }
    backed! { pub(super) fn g(x: u8) -> u8 { x.wrapping_add(1) } }
}

mod b {
    use super::*;
    backed! { #[inline] pub(in super::super) fn f ( x : u8, ) -> u8 { x.wrapping_add( 1, ) } }
}

mod c {
    use super::*;
    backed! { pub(super) fn f(x: u8) -> u8 { x.wrapping_add(2) } }
}

#[test]
fn a_name_is_path_and_fingerprint() {
    let [a, b, c, g] = [opened(|| a::f(1)), opened(|| b::f(1)), opened(|| c::f(1)), opened(|| a::g(1))];
    assert!(a.starts_with("it::macros::names::a::f@"), "{a}");
    assert_eq!(version(&a).len(), 16);
    assert!(version(&a).chars().all(|digit| digit.is_ascii_hexdigit()));
    assert_eq!(version(&a), version(&b), "layout, docs and visibility mean nothing");
    assert_ne!(version(&a), version(&c), "another body is another version");
    assert_ne!(a, g);
}

mod arguments {
    use super::*;

    pub(super) mod plain {
        use super::*;
        #[lru_cache(backend = STORE.clone())]
        pub(in super::super) fn f(x: u8, y: u8) -> Option<u8> {
            x.checked_sub(y)
        }
    }
    pub(super) mod bounded {
        use super::*;
        #[lru_cache(backend = STORE.clone(), maxsize = 7, ttl = "1h", policy = Sieve, memory = 3, writes = Through)]
        pub(in super::super) fn f(x: u8, y: u8) -> Option<u8> {
            x.checked_sub(y)
        }
    }
    pub(super) mod skipped {
        use super::*;
        #[lru_cache(backend = STORE.clone(), skip(y))]
        pub(in super::super) fn f(x: u8, y: u8) -> Option<u8> {
            x.checked_sub(y)
        }
    }
    pub(super) mod keyed {
        use super::*;
        #[lru_cache(backend = STORE.clone(), key = (x, y))]
        pub(in super::super) fn f(x: u8, y: u8) -> Option<u8> {
            x.checked_sub(y)
        }
    }
    pub(super) mod conditional {
        use super::*;
        #[lru_cache(backend = STORE.clone(), cache_if = |x| x.is_some())]
        pub(in super::super) fn f(x: u8, y: u8) -> Option<u8> {
            x.checked_sub(y)
        }
    }
    pub(super) mod tagged {
        use super::*;
        #[lru_cache(backend = STORE.clone(), tags = |x, _, _| [x.to_string()])]
        pub(in super::super) fn f(x: u8, y: u8) -> Option<u8> {
            x.checked_sub(y)
        }
    }
    pub(super) mod some {
        use super::*;
        #[lru_cache(backend = STORE.clone(), cache_none = false)]
        pub(in super::super) fn f(x: u8, y: u8) -> Option<u8> {
            x.checked_sub(y)
        }
    }
}

#[test]
fn what_decides_results_is_in_the_fingerprint_and_bounds_are_not() {
    use arguments::{bounded, conditional, keyed, plain, skipped, some, tagged};
    let names = [
        opened(|| plain::f(2, 1)),
        opened(|| skipped::f(2, 1)),
        opened(|| keyed::f(2, 1)),
        opened(|| conditional::f(2, 1)),
        opened(|| some::f(2, 1)),
        opened(|| tagged::f(2, 1)),
    ];
    for (at, name) in names.iter().enumerate() {
        assert!(names[..at].iter().all(|other| version(other) != version(name)), "{name}");
    }
    assert_eq!(version(&opened(|| bounded::f(2, 1))), version(&names[0]));
}

mod conditions {
    use super::*;
    backed! { pub(super) fn of_tests() -> bool { cfg!(test) } }
    backed! { pub(super) fn of_nothing() -> bool { cfg!(any()) } }
}

#[test]
fn conditions_in_the_body_are_asked_where_it_is_compiled() {
    let (one, other) = (opened(conditions::of_tests), opened(conditions::of_nothing));
    assert_ne!(version(&one), version(&other));
}

#[lru_cache(backend = STORE.clone(), version = "2", name = "short")]
fn named(x: u8) -> u8 {
    x
}

#[lru_cache(backend = STORE.clone(), version = VERSION)]
fn versioned(x: u8) -> u8 {
    x
}

const VERSION: &str = concat!("v", 3);

#[test]
fn name_and_version_are_given_by_hand() {
    assert_eq!(opened(|| named(1)), "short@v:2");
    assert_eq!(opened(|| versioned(1)), "it::macros::names::versioned@v:v3");
}

#[lru_cache(backend = STORE.clone(), version = "1")]
fn generic<T: 'static, const N: usize>() -> usize {
    size_of::<[T; N]>()
}

struct Owner<T>(T);

impl<T: 'static> Owner<T> {
    #[lru_cache(backend = STORE.clone(), version = "1", skip(self))]
    fn method(&self) -> usize {
        size_of_val(&self.0)
    }

    #[lru_cache(backend = STORE.clone(), version = "1", name = "short", skip(self))]
    fn named(&self) -> usize {
        size_of_val(&self.0)
    }

    #[lru_cache(associated, backend = STORE.clone(), version = "1", handle = other)]
    fn associated(x: u8) -> u8 {
        x
    }
}

#[test]
fn type_arguments_are_part_of_the_name() {
    assert_eq!(opened(generic::<u8, 3>), "it::macros::names::generic<u8, 3>@v:1");
    assert_eq!(opened(generic::<u8, 4>), "it::macros::names::generic<u8, 4>@v:1");
    assert_eq!(opened(|| Owner(1_u8).method()), "it::macros::names::Owner<u8>::method@v:1");
    assert_eq!(opened(|| Owner(1_u8).named()), "short<it::macros::names::Owner<u8>>@v:1");
    assert_eq!(opened(|| Owner(1_u16).named()), "short<it::macros::names::Owner<u16>>@v:1");
    assert_eq!(opened(|| Owner::<u8>::associated(1)), "it::macros::names::Owner<u8>::associated@v:1");
    assert_eq!(Owner::<u8>::other_cache_info().misses, 1);
}
