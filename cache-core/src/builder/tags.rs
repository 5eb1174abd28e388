//! Which tags values carry.

use super::CacheBuilder;
use crate::key::{Key, Value};
use crate::tags::Tag;

impl<K: Key, V: Value> CacheBuilder<K, V> {
    /// Gives each value tags, by which it is found: [`invalidate_tag`](crate::invalidate_tag) ends all values that carry
    /// one, in this cache and in all others of the process, and in the backends behind them for everybody.
    ///
    /// A tag is text or bytes. The rule is asked once for each value that is computed or inserted, outside of all locks;
    /// it is to give the same tags for the same value, few of them, and short ones: they are stored with it.
    ///
    /// Hits cost one look at a word more. An entry costs a copy of its key and some dozens of bytes for each tag, and in a
    /// backend 20 bytes and the tags; a value read there is compared with what this process knows of its tags, and only
    /// what it does not know is asked for. Caches whose entries carry tags drop their memory tier when another process
    /// invalidates a tag in their backend.
    ///
    /// ```
    /// use memolith_core::{Cache, invalidate_tag};
    ///
    /// let cache = Cache::<u64, Vec<u64>>::builder().tags(|_, value| value.iter().map(u64::to_string)
    ///     .collect::<Vec<_>>()).build();
    /// cache.insert(1, vec![10, 20]);
    /// cache.insert(2, vec![20, 30]);
    /// invalidate_tag("10")?;
    /// assert_eq!((cache.get(&1), cache.get(&2)), (None, Some(vec![20, 30])));
    /// # Ok::<(), memolith_core::Error>(())
    /// ```
    pub fn tags<I>(mut self, tags: impl Fn(&K, &V) -> I + Send + Sync + 'static) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        self.tags = Some(Some(Box::new(move |key, value| all(tags(key, value)))));
        self
    }

    /// Values are handed over with their tags.
    pub(crate) fn tagged(mut self) -> Self {
        self.tags = Some(None);
        self
    }
}

/// The tags, each once.
pub(crate) fn all<I>(tags: I) -> Vec<Tag>
where
    I: IntoIterator,
    I::Item: AsRef<[u8]>,
{
    let mut all: Vec<Tag> = Vec::new();
    for tag in tags {
        let tag = tag.as_ref();
        if !all.iter().any(|other| **other == *tag) {
            all.push(Tag::from(tag));
        }
    }
    all
}
