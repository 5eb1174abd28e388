//! That no function is answered with what another keeps in the same backend.

use super::persistence::Recorder;
use memolith::lru_cache;
use std::sync::{Arc, LazyLock};

/// One backend for all functions here.
static STORE: LazyLock<Arc<Recorder>> = LazyLock::new(Arc::default);

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
