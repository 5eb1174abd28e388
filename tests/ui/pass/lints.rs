//! Companions are as quiet as the user wants their own code to be.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused, rust_2018_idioms, unused_qualifications)]
#![deny(single_use_lifetimes, unused_lifetimes, elided_lifetimes_in_paths, trivial_casts)]

use memolith::lru_cache;

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id(pub u64);

/// Free.
#[lru_cache]
pub fn free(id: Id, name: &str, other: Option<&Id>) -> u64 {
    id.0 + name.len() as u64 + other.map_or(0, |id| id.0)
}

/// Lifetimes.
#[lru_cache]
pub fn lifetimes<'a, 'b: 'a, T: memolith::Key + 'a>(x: &'a T, y: &'b str) -> usize
where
    T: 'b + std::fmt::Debug,
    &'a T: std::fmt::Debug,
{
    format!("{x:?}").len() + y.len()
}

/// Patterns.
#[lru_cache(key = (a, d))]
pub fn patterns((a, b): (u8, u8), _: u8, mut c: u8, [d, ..]: [u8; 2]) -> u8 {
    c += a + b + d;
    c
}

/// Arguments that are there for the key alone.
#[lru_cache]
pub fn modified(path: &str, modified: u64) -> usize {
    path.len()
}

/// The same with a key of one's own.
#[lru_cache(key = (path.len(), modified))]
pub fn modified_too(path: &str, modified: u64) -> usize {
    path.len()
}

#[lru_cache]
#[expect(unused_variables, reason = "said by the user")]
fn expects(x: u8) -> u8 {
    let y = 1;
    0
}

#[lru_cache]
#[allow(dead_code)]
fn uncalled(x: u8) -> u8 {
    x
}

/// A type that callers are told to leave.
#[deprecated]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Old;

/// Lints that the user has an opinion on.
#[lru_cache]
#[allow(deprecated)]
pub fn speaks_of_old(x: &Old) -> Option<Old> {
    Some(x.clone())
}

/// A static borrow is as good as an owned value.
#[lru_cache(key = (name, x))]
pub fn static_key(name: &'static str, x: u8) -> usize {
    name.len() + usize::from(x)
}

#[cfg(any())]
#[lru_cache]
fn absent(x: NoSuchType) -> u8 {
    x
}

#[lru_cache]
#[cfg(any())]
fn absent_too(x: NoSuchType) -> u8 {
    x
}

impl Id {
    /// All of `self`.
    #[lru_cache]
    pub fn plus(&self, x: u64) -> Self {
        Id(self.0 + x)
    }

    /// By value.
    #[lru_cache(maxsize = 3)]
    pub fn into_plus(mut self, x: u64) -> u64 {
        self.0 += x;
        self.0
    }

    #[lru_cache]
    fn shared(self: std::sync::Arc<Self>) -> u64 {
        self.0
    }

    /// Raw names.
    #[lru_cache]
    pub fn r#type(&self, r#fn: u64) -> u64 {
        self.0 + r#fn
    }
}

/// Raw names.
#[lru_cache]
pub fn r#match(r#type: u8) -> u8 {
    r#type
}

fn main() {
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Local(u8);

    #[lru_cache(maxsize = 4)]
    fn local(x: Local) -> Local {
        Local(x.0 + 1)
    }

    let id = Id(1);
    let _ = (free(id.clone(), "", None), lifetimes(&1, ""), patterns((1, 2), 3, 4, [5, 6]), expects(1));
    let _ = (static_key("", 1), modified("", 1), modified_too("", 1));
    let _ = (id.plus(1), id.clone().into_plus(1), id.r#type(1), Id::type_cache_info(), r#match(1), r#match::cache_info());
    let _ = (local(Local(1)).0, local::cache_info(), std::sync::Arc::new(id).shared());
}
