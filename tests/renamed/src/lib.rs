//! Uses memolith under another name, and from behind a module of its own.

/// Where another crate might re-export the attribute from.
pub mod facade {
    pub use stone;
}

/// Under the dependency's own name here.
#[stone::lru_cache(crate = stone, maxsize = 10, ttl = "1h")]
pub fn double(x: u64) -> u64 {
    2 * x
}

/// By a path.
#[facade::stone::lru_cache(crate = crate::facade::stone, backend = "memory:", codec = Postcard, key = (x, name.len()))]
pub fn length(x: u64, name: &str) -> Result<usize, String> {
    if x == 0 { Err(name.to_string()) } else { Ok(name.len()) }
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id(pub u64);

impl Id {
    /// With `self`.
    #[stone::lru_cache(crate = ::stone)]
    pub async fn next(&self) -> Id {
        Id(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Id, double, length};

    #[test]
    fn functions_are_cached_under_the_other_name() {
        assert_eq!((double(2), double(2)), (4, 4));
        assert_eq!(double::cache_info().hits, 1);
        assert_eq!((length(1, "abc"), length(1, "xyz")), (Ok(3), Ok(3)));
        assert_eq!(length::cache_info().hits, 1);
        assert_eq!(Id::next_cache_info().misses, 0);
    }
}
