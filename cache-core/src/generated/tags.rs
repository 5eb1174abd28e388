//! Tags that generated code gives a value, because only it knows the arguments.

use crate::builder::tags_of;
use crate::{CacheBuilder, Key, Lease, Value};

/// A cache whose values are handed over with their tags.
pub fn tagged<K: Key, V: Value>(builder: CacheBuilder<K, V>) -> CacheBuilder<K, V> {
    builder.tagged()
}

/// A lease whose value will carry `tags`: to be filled at once.
pub fn with_tags<'a, K: Key, V: Value, I>(lease: Lease<'a, K, V>, tags: I) -> Lease<'a, K, V>
where
    I: IntoIterator,
    I::Item: AsRef<[u8]>,
{
    lease.with_tags(tags_of(tags))
}
