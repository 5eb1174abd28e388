//! Every cache behind one trait, one file each, and the roster of those that take part.

mod cached;
mod floor;
mod foyer;
mod moka;
mod ours;
mod papaya;
mod quick_cache;
mod roster;
mod schnellru;

pub use floor::{Bare, BareLru};
pub use ours::{Ours, POLICIES};
pub use roster::{Visitor, every, ranked, unbounded};

use memolith::{Key, Value};

/// A cache as a race sees it. A clone is another handle of the same cache; of a floor it is a copy.
pub trait Store<K: Key, V: Value>: Clone + Send + 'static {
    /// What there is for `key`.
    fn get(&mut self, key: &K) -> Option<V>;

    /// Stores a value.
    fn insert(&mut self, key: K, value: V);

    /// What there is, or what `make` makes.
    #[inline]
    fn get_or_insert_with(&mut self, key: &K, make: impl FnOnce() -> V) -> V {
        if let Some(value) = self.get(key) {
            return value;
        }
        let value = make();
        self.insert(key.clone(), value.clone());
        value
    }

    /// Entries, once pending work is done.
    fn len(&mut self) -> usize;

    /// Whether there are none.
    fn is_empty(&mut self) -> bool {
        self.len() == 0
    }
}
