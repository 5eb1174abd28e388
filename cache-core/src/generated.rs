//! What generated code names beside the cache itself. Not covered by semantic versioning.

mod argument;
mod claim;
mod listing;
mod scoped;
#[cfg(feature = "serde")]
mod stored;
mod tags;

#[cfg(feature = "serde")]
pub use crate::bytes::codec::PORTABLE_SHAPE;
#[cfg(feature = "serde")]
pub use crate::bytes::keys::portable::{self, PortableKey, PortableKeyRef};
pub use crate::eviction::Evictor;
pub use crate::scope::{Event, Mode};
pub use argument::{Given, KeyArgument, KeyReceiver, Owned, OwnedArgument, OwnedSelf, This, given};
pub use claim::claim;
pub use listing::visit;
pub use scoped::{Mark, apart};
#[cfg(feature = "serde")]
pub use stored::StoredKey;
pub use tags::{tagged, with_tags};

pub use core::any::type_name;
pub use core::cfg;
pub use core::clone::Clone;
pub use core::marker::PhantomData;
pub use core::option::Option;
pub use core::result::Result::{Err, Ok};
pub use core::time::Duration;
pub use std::sync::OnceLock;

use crate::key::KeyRef;
use crate::many::Keeping;
use crate::memory::Hit;
use crate::stop::Asking;
use crate::{Backend, Cache, Cause, IntoBackend, Key, Lease, Lookup, Result, Value};
use std::fmt::{self, Write};
use std::sync::Arc;

/// A value that memory has, and where it lies; it is copied where it is wanted.
#[expect(missing_debug_implementations, reason = "lives for one lookup in generated code")]
pub struct Held<'a, K: Key, V: Value>(Hit<'a, K, V>);

impl<K: Key, V: Value> Held<'_, K, V> {
    /// The value where it lies. What is done with it is to be short: who removes it may wait.
    #[inline(always)]
    pub fn get(&self) -> &V {
        &self.0
    }

    /// A copy of the value.
    #[inline(always)]
    pub fn value(&self) -> V {
        V::clone(&self.0)
    }
}

/// The common case of [`Cache::lookup`], or the hash with which [`look_on`] goes on.
#[inline(always)]
pub fn look<'a, K: Key, V: Value, Q: KeyRef<K> + ?Sized>(
    cache: &'a Cache<K, V>,
    key: &Q,
) -> core::result::Result<Held<'a, K, V>, u64> {
    let hash = cache.hash(key);
    cache.hit(hash, key).map(Held).ok_or(hash)
}

/// All other cases of it.
#[inline(always)]
pub fn look_on<'a, K: Key, V: Value, Q: KeyRef<K> + ?Sized>(
    cache: &'a Cache<K, V>,
    hash: u64,
    key: &Q,
) -> Lookup<'a, K, V> {
    cache.lookup_cold(hash, key)
}

/// As [`look_on`] for a thread that may have to leave: while it waits for others, `ask` is asked every 50 ms.
///
/// # Errors
/// Those of `ask`.
pub fn look_on_asking<'a, K: Key, V: Value, Q: KeyRef<K> + ?Sized, L>(
    cache: &'a Cache<K, V>,
    hash: u64,
    key: &Q,
    ask: impl Fn() -> core::result::Result<(), L>,
) -> core::result::Result<Lookup<'a, K, V>, L> {
    cache.lookup_until(hash, key, &Asking(ask))
}

/// As [`Cache::try_get_or_insert_many`] for a thread that may have to leave, as [`look_on_asking`] has it. What was computed
/// is kept inside of `keeping`, which calls what it is given once.
///
/// # Errors
/// Those of `compute`, and of `ask`.
pub fn many_asking<'q, K: Key, V: Value, Q: KeyRef<K> + 'q, E>(
    cache: &Cache<K, V>,
    keys: &'q [Q],
    compute: impl FnMut(Vec<&'q Q>) -> core::result::Result<Vec<V>, E>,
    (keeping, ask): (&Keeping<'_>, impl Fn() -> core::result::Result<(), E>),
) -> core::result::Result<Vec<V>, E> {
    cache.insert_many_until(keys, compute, (keeping, &Asking(ask)))?
}

/// What memory has at a second look, or a near backend where memory keeps nothing: what [`look_on`] does before it may
/// wait. A hit is counted, and nothing else.
#[inline(never)]
pub fn look_near<K: Key, V: Value, Q: KeyRef<K> + ?Sized>(cache: &Cache<K, V>, hash: u64, key: &Q) -> Option<V> {
    cache.find_again(hash, key).or_else(|| cache.find_near(hash, key))
}

/// The old value that memory has of a key that somebody computes anew, counted as a hit.
pub fn look_old<K: Key, V: Value, Q: KeyRef<K> + ?Sized>(cache: &Cache<K, V>, key: &Q) -> Option<V> {
    cache.find_old(cache.hash(key), key)
}

/// As [`Lease::fill`] for a value that lives for `ttl`, as [`Cache::insert_with_ttl`] has it.
pub fn fill_with_ttl<K: Key, V: Value>(lease: Lease<'_, K, V>, value: V, ttl: Duration) -> V {
    lease.fill_within(value, core::option::Option::Some(ttl))
}

/// As [`Lease::fail`] for a value that is a failure and is not kept: an old value, or this one, which goes to those who
/// wait as well.
pub fn fail_with<K: Key, V: Value>(lease: Lease<'_, K, V>, failure: V) -> V {
    lease.fail_with(failure)
}

/// Counts and reports a fault that the caller has met with a value of the cache.
pub fn fault<K: Key, V: Value>(cache: &Cache<K, V>, error: &crate::Error) {
    cache.fault(error);
}

/// Counts a hit that waited for another caller, outside of the cache.
pub fn count_coalesced<K: Key, V: Value>(cache: &Cache<K, V>) {
    cache.count_coalesced();
}

/// The value that a fallible function keeps.
pub type OkOf<T> = <T as Fallible>::Ok;

/// A `Result` under whatever name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the `Result` of the standard library",
    note = "say `cache_err` to keep whatever the function returns"
)]
pub trait Fallible {
    /// What `Ok` holds.
    type Ok;
}

impl<T, E> Fallible for core::result::Result<T, E> {
    type Ok = T;
}

/// A bound on entries; its type makes `usize` of a literal.
pub fn bound(entries: usize) -> Option<usize> {
    Some(entries)
}

/// No bound on entries.
pub fn unbounded() -> Option<usize> {
    None
}

/// The user's weigher of values, as the builder wants it. It tells a closure the type of its argument.
pub fn weigher<K: Key, V: Value>(
    weigh: impl Fn(&V) -> u64 + Send + Sync + 'static,
) -> impl Fn(&K, &V) -> u64 + Send + Sync + 'static {
    move |_, value| weigh(value)
}

/// The user's listener, as the builder wants it. It tells a closure the types of its arguments.
pub fn listener<K: Key, V: Value>(
    on_evict: impl Fn(&K, &V, Cause) + Send + Sync + 'static,
) -> impl Fn(&K, &V, Cause) + Send + Sync + 'static {
    on_evict
}

/// Whether there is a value to keep.
pub fn is_some<T>(value: &Option<T>) -> bool {
    value.is_some()
}

/// Whether the user's condition holds. It tells a closure the type of its argument.
pub fn holds<V>(value: &V, condition: impl FnOnce(&V) -> bool) -> bool {
    condition(value)
}

/// What a function returned whose type is not called `Result`, and may be one under another name.
#[expect(missing_debug_implementations, reason = "lives for one call in generated code")]
pub struct Returned<'a, T>(pub &'a T);

impl<T, E> Returned<'_, core::result::Result<T, E>> {
    /// Whether there is no error. Where the type is a `Result`, this goes before the method of [`Whole`].
    pub fn is_kept(&self) -> bool {
        self.0.is_ok()
    }
}

/// What is kept whatever it is.
pub trait Whole {
    /// Always.
    fn is_kept(&self) -> bool;
}

impl<T> Whole for Returned<'_, T> {
    fn is_kept(&self) -> bool {
        true
    }
}

/// The type of a key that is nowhere written.
#[expect(missing_debug_implementations, reason = "carries a type from one line of generated code to the next")]
pub struct KeyType<K>(PhantomData<fn() -> K>);

impl<K> KeyType<K> {
    /// The type of a key at hand.
    #[inline]
    pub fn of(_: &K) -> Self {
        KeyType(PhantomData)
    }

    /// The type of the key that the closure would return. It is never run.
    pub fn returned_by(_: impl FnOnce() -> K) -> Self {
        KeyType(PhantomData)
    }
}

/// Stands for an argument in a call that is never run.
pub fn argument<T>() -> T {
    unreachable!("only named in closures that nothing calls")
}

/// What was given as `backend = ..`, with the function that opens a URL.
///
/// A backend opens as such; what is none but is text, one reference further, is a URL.
#[expect(missing_debug_implementations, reason = "lives for one call in generated code")]
pub struct Place<T>(pub T, pub fn(&str) -> Result<Arc<dyn Backend>>);

/// A place that can stand for a backend.
pub trait OpenBackend {
    /// The backend, or why there is none.
    fn open(self) -> Result<Arc<dyn Backend>>;
}

impl<T: IntoBackend> OpenBackend for Place<T> {
    fn open(self) -> Result<Arc<dyn Backend>> {
        self.0.into_backend()
    }
}

/// A place named by a URL.
pub trait OpenUrl {
    /// The backend, or why there is none.
    fn open(self) -> Result<Arc<dyn Backend>>;
}

impl<T: AsRef<str>> OpenUrl for &Place<T> {
    fn open(self) -> Result<Arc<dyn Backend>> {
        (self.1)(self.0.as_ref())
    }
}

/// What tells the results of one version of a function from those of another.
#[derive(Clone, Copy, Debug)]
pub enum Version<'a> {
    /// As the user calls it.
    Given(&'a str),
    /// A fingerprint of the function's tokens, and the conditions they ask about.
    Tokens(u64, &'a [bool]),
}

/// The name of a function's space: `name<instance>@version`.
pub fn space(name: &str, instance: &[&dyn fmt::Display], version: Version<'_>) -> String {
    let mut space = name.to_string();
    let parts: Vec<String> = instance.iter().map(|part| part.to_string()).filter(|part| !part.is_empty()).collect();
    if !parts.is_empty() {
        let _ = write!(space, "<{}>", parts.join(", "));
    }
    let _ = match version {
        Version::Given(version) => write!(space, "@v:{version}"),
        Version::Tokens(fingerprint, conditions) => write!(space, "@{:016x}", mixed(fingerprint, conditions)),
    };
    space
}

/// FNV-1a over the conditions. Part of the format of names, so it stays as it is.
fn mixed(fingerprint: u64, conditions: &[bool]) -> u64 {
    conditions.iter().fold(fingerprint, |hash, holds| (hash ^ u64::from(*holds) ^ 2).wrapping_mul(0x0100_0000_01b3))
}

/// The path of an associated function.
pub fn member(owner: &str, function: &str) -> String {
    format!("{owner}::{function}")
}

#[cfg(test)]
mod tests {
    use super::{Version, mixed, space};

    #[test]
    fn a_space_is_named_by_function_instance_and_version() {
        assert_eq!(space("a::f", &[], Version::Given("2")), "a::f@v:2");
        assert_eq!(space("a::f", &[&"u8", &3], Version::Tokens(10, &[])), "a::f<u8, 3>@000000000000000a");
        assert_eq!(space("a::f", &[&""], Version::Given("2")), "a::f@v:2");
    }

    #[test]
    fn conditions_count_with_their_number_and_order() {
        let all = [&[][..], &[true], &[false], &[true, false], &[false, true], &[false, false]].map(|c| mixed(7, c));
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{at}");
        }
    }
}
