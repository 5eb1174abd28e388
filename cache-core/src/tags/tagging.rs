//! The tags of a cache's entries, as far as they are in memory.

use super::index::{Index, Placed};
use super::recent::{self, Moment};
use super::{Tag, registry};
use crate::flights::Flights;
use crate::key::{Key, Value};
use crate::memory::Memory;
use crate::sync::{AtomicBool, Mutex};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

/// Keys that are seen to at a time.
const FEW: usize = 64;

/// The tags that a value has by itself.
pub(crate) type TagsOf<K, V> = Box<dyn Fn(&K, &V) -> Vec<Tag> + Send + Sync>;

/// A cache that can be told of an invalidation.
pub(crate) trait Tagged: Send + Sync {
    fn invalidate(&self, tags: &[Tag]);
}

/// What a cache keeps of the tags of its entries, shared with who invalidates. The memory tier is not: keys that are to
/// leave wait here, and whoever uses the cache next removes them first.
pub(crate) struct Tagging<K: Key, V: Value> {
    /// None where tags are handed over with each value.
    tags_of: Option<TagsOf<K, V>>,
    flights: Arc<Flights<K, V>>,
    books: Mutex<Books<K>>,
    /// Whether a key is to leave. Until it has left every caller removes it, so that nobody reads what another is about
    /// to remove.
    due: AtomicBool,
}

struct Books<K> {
    index: Index<K>,
    /// Not listed any more, and not yet to leave: who invalidates one of their tags too sees to all that came before.
    doomed: VecDeque<(u64, K)>,
    /// How many of those are to leave by now, or have left.
    condemned: u64,
    leaving: Vec<(u64, K)>,
    /// How many have left so far.
    left: u64,
}

impl<K: Key, V: Value> Tagging<K, V> {
    pub(crate) fn new(tags_of: Option<TagsOf<K, V>>, flights: &Arc<Flights<K, V>>) -> Arc<Self> {
        let (doomed, leaving) = (VecDeque::new(), Vec::new());
        let books = Books { index: Index::default(), doomed, condemned: 0, leaving, left: 0 };
        let tagging = Arc::new(Tagging {
            tags_of,
            flights: Arc::clone(flights),
            books: Mutex::new(books),
            due: AtomicBool::new(false),
        });
        let told: Arc<dyn Tagged> = Arc::clone(&tagging) as _;
        registry::register(Arc::downgrade(&told));
        tagging
    }

    /// The tags of a value, by the user's rule; none where they are handed over.
    pub(crate) fn tags_of(&self, key: &K, value: &V) -> Vec<Tag> {
        self.tags_of.as_ref().map_or_else(Vec::new, |tags_of| tags_of(key, value))
    }

    pub(crate) fn asks_key(&self) -> bool {
        self.tags_of.is_some()
    }

    /// Puts a value with `tags` into memory by `keep`, which is told not to if one of them was invalidated since `began`.
    /// To be called with the part of the board locked that the key belongs to: who invalidates takes that lock after
    /// it has noted the invalidation and looked here, so that one of the two sees the other.
    pub(crate) fn place(
        &self,
        (hash, key): (u64, &K),
        (tags, began): (&[Tag], Option<Moment>),
        keep: impl FnOnce(Placed),
    ) -> Placed {
        self.books.lock().index.place(hash, key, tags);
        let placed = match began.is_some_and(|began| recent::invalidated(tags, began)) {
            true => Placed::Refused,
            false => Placed::Kept,
        };
        keep(placed);
        self.books.lock().index.placed(hash, key, tags, placed);
        placed
    }

    /// Lists `key` under the tags of an old value that is to be offered to others, while its computation is posted. Whether
    /// none of them was invalidated since `began`; if one is later, nobody follows that computation any more.
    pub(crate) fn list(&self, hash: u64, key: &K, (tags, began): (&[Tag], Moment)) -> bool {
        self.books.lock().index.place(hash, key, tags);
        let invalidated = recent::invalidated(tags, began);
        // Its tags stay beside those of what is in place.
        self.books.lock().index.placed(hash, key, tags, Placed::Refused);
        !invalidated
    }

    /// Whether keys are to leave memory.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        // Pairs with the Release in `invalidate`.
        self.due.load(Acquire)
    }

    /// Removes what is to leave by `remove`, outside of the lock, and returns what that made of it.
    pub(crate) fn leave<R>(&self, remove: impl FnOnce(&[(u64, K)]) -> R) -> R {
        let (leaving, left) = {
            let books = self.books.lock();
            (books.leaving.clone(), books.left)
        };
        let removed = remove(&leaving);
        // Dropped after the lock.
        let _gone: Vec<(u64, K)>;
        let mut books = self.books.lock();
        // Another may have removed the first of them too.
        let done = (left + leaving.len() as u64).saturating_sub(books.left);
        let done = usize::try_from(done).unwrap_or(usize::MAX).min(books.leaving.len());
        _gone = books.leaving.drain(..done).collect();
        books.left += done as u64;
        // Pairs with the Acquire in `is_due`: who sees it sees memory without them.
        self.due.store(!books.leaving.is_empty(), Release);
        removed
    }

    /// Has some of the doomed leave, whoever has doomed them. Whether there are more, up to number `last`.
    fn condemn(&self, last: u64) -> bool {
        let (keys, first): (Vec<(u64, K)>, u64) = {
            let books = self.books.lock();
            if books.condemned >= last {
                return false;
            }
            (books.doomed.iter().take(FEW).cloned().collect(), books.condemned)
        };
        // What is being written to the backend goes too, and nobody who comes now follows it. Before the key is to
        // leave: what is put into memory after this has seen the invalidation, and what was put there before will
        // leave. Until it is to leave, who computes it anew offers nobody what memory has.
        let _invalidations: Vec<_> = keys.iter().map(|(hash, key)| self.flights.invalidate(*hash, key)).collect();
        let mut locked = self.books.lock();
        let books = &mut *locked;
        // Another may have done the first of them too.
        let done = (first + keys.len() as u64).saturating_sub(books.condemned);
        let done = usize::try_from(done).unwrap_or(usize::MAX).min(books.doomed.len());
        books.leaving.extend(books.doomed.drain(..done));
        books.condemned += done as u64;
        self.due.store(!books.leaving.is_empty(), Release);
        books.condemned < last
    }

    /// Forgets keys that have left memory by themselves, if there may be many.
    pub(crate) fn tidy(&self, memory: &Memory<K, V>, now: impl Fn() -> u64) {
        let suspects = self.books.lock().index.suspects();
        if suspects.is_empty() {
            return;
        }
        // First the board: an old value goes from there into memory, and is not listed anew.
        let is_gone = |hash: u64, key: &K| !self.flights.is_posted(hash, key) && !memory.contains(hash, key, &now);
        let gone: Vec<_> = suspects.into_iter().filter(|(.., hash, key)| is_gone(*hash, key)).collect();
        self.books.lock().index.forget(&gone);
    }
}

impl<K: Key, V: Value> Tagged for Tagging<K, V> {
    fn invalidate(&self, tags: &[Tag]) {
        let last = {
            let mut books = self.books.lock();
            let keys = books.index.take(tags);
            books.doomed.extend(keys);
            books.condemned + books.doomed.len() as u64
        };
        while self.condemn(last) {}
    }
}

impl<K: Key, V: Value> fmt::Debug for Tagging<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tagging").field("due", &self.is_due()).finish_non_exhaustive()
    }
}
