//! What a backend holds, entry by entry.

use crate::{Cache, Key, Result, Value};

/// Shows every live entry that the backend of `cache` holds; `None` for a key that is stored as a hash, because it is
/// long. Without a backend there are none. Nothing is removed, and no use is noted.
///
/// # Errors
/// Those of the backend: [`Unsupported`](crate::ErrorKind::Unsupported) where it cannot list its entries.
pub fn visit<K: Key, V: Value>(cache: &Cache<K, V>, show: &mut dyn FnMut(Option<&K>, &V)) -> Result<()> {
    let Some(remote) = &cache.remote else { return Ok(()) };
    cache.counted(remote.visit(cache.settings.clock.now(), show))
}
