//! The seam behind which places for bytes stand.

use crate::Result;
use crate::eviction::Policy;
use crate::time::Timestamp;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// One function's area inside a backend: its name and the bounds it must keep.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Space {
    /// Names the function, its version or fingerprint, and the shape of its keys. Two spaces are the same when their names are.
    /// A backend that keeps a clone may tell a space it has met by [`Arc::ptr_eq`], without comparing text.
    pub name: Arc<str>,
    /// Entries at most; `None` is unbounded.
    pub maxsize: Option<u64>,
    /// Bytes of records and keys at most; `None` is unbounded.
    pub max_bytes: Option<u64>,
    /// Who leaves when a bound is reached: see [`Policy::score`].
    pub policy: Policy,
    /// How long after writing its entries expire; each [`Record`] carries the moment itself.
    pub ttl: Option<Duration>,
}

impl Space {
    /// An unbounded space; the bounds are public fields.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Space { name: name.into(), maxsize: None, max_bytes: None, policy: Policy::Lru, ttl: None }
    }

    /// What stands for the tags of a backend, to be [watched](Backend::watch) for invalidations of them. No cache has
    /// this name.
    pub fn of_tags() -> Self {
        Space::new("memolith:tags")
    }
}

/// How far the tags of a backend have come: see [`Backend::tags`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagState {
    /// Another, at random, when the backend has lost what it knew about tags: what was tagged before is not to be believed
    /// then. Never 0.
    pub epoch: u64,
    /// Grows with every invalidation of a tag, within an epoch.
    pub clock: u64,
    /// For each tag asked about what the clock came to when it was invalidated last, or more; 0: never. A backend that
    /// forgets tags says of these what the last of them came to.
    pub invalidated: Vec<u64>,
}

/// What a backend keeps for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Sealed by the cache: a backend does not look inside.
    pub value: Vec<u8>,
    /// From then on the record is to be treated as absent, and may be reclaimed.
    pub expires: Timestamp,
}

/// Whether a [`Backend::scan`] goes on, and what becomes of the record just shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit {
    /// Keep the record, show the next.
    Keep,
    /// Remove the record, show the next.
    Remove,
    /// Keep the record and stop.
    Stop,
}

/// Told when another process has invalidated entries of a space, so that copies in memory are dropped.
pub trait Watch: Send + Sync {
    /// Some entries of the watched space were removed by somebody else; which ones is not known.
    fn invalidated(&self);

    /// As [`invalidated`](Self::invalidated), where somebody else has [taken back](Backend::take_back) what it had put:
    /// copies are dropped, and what is being computed or written is not concerned. By default taken for a removal.
    fn taken_back(&self) {
        self.invalidated();
    }

    /// From now on `word` tells too: whoever removes from or clears the watched space, in whatever process, raises it by
    /// one before it does so, and by 2^32 when it is done, before its call returns; who takes back what it has put, by
    /// 2^32 alone. The cache looks at it at every hit, and raises it itself for its own removals.
    /// Of several words the last one given counts. Several spaces may share one: news too many costs misses alone.
    fn follow(&self, word: &'static AtomicU64) {
        let _ = word;
    }
}

/// The announcement, in all processes that share a backend, that its holder computes a key; it ends when dropped.
#[must_use = "a claim ends when it is dropped"]
#[derive(Default)]
pub struct Claim(Option<Box<dyn Send + Sync>>);

impl Claim {
    /// A claim that lasts as long as `guard`, which releases it when dropped: without blocking, on any thread.
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Claim(Some(Box::new(guard)))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Claims end while callers unwind, and on threads that are not theirs: a guard that panics is nobody's to see.
        if let Some(guard) = self.0.take() {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(guard)));
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claim").field(&self.0.is_some()).finish()
    }
}

/// A place for bytes.
///
/// Keys and records are opaque; time is an argument, so a backend owns no clock.
/// Every method may be called from many threads at once, and none is called under a lock of the cache.
/// An `Err` never reaches the caller of a cached function: it is counted, reported, and treated as a miss.
/// A method should give up in bounded time (a quarter of a second by convention) rather than wait for ever.
///
/// # A backend of one's own
///
/// `open` refuses what the place cannot keep; the rest is a map.
/// The suite `conformance::run`, behind the feature `conformance`, tells whether it keeps what this page promises.
///
/// ```
/// use memolith_core::{Backend, Error, ErrorKind, Record, Result, Space, Timestamp};
/// use parking_lot::Mutex;
/// use std::collections::HashMap;
///
/// #[derive(Debug, Default)]
/// struct Shelf(Mutex<HashMap<String, HashMap<Vec<u8>, Record>>>);
///
/// impl Backend for Shelf {
///     fn open(&self, space: &Space) -> Result<()> {
///         match space.maxsize.or(space.max_bytes) {
///             Some(_) => Err(Error::new(ErrorKind::Unsupported, "a shelf keeps no bounds, set maxsize = None")),
///             None => Ok(()),
///         }
///     }
///     fn get(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
///         Ok(self.0.lock().get(&*space.name).and_then(|it| it.get(key)).filter(|it| it.expires > now).cloned())
///     }
///     fn put(&self, space: &Space, key: &[u8], record: &Record, _: Timestamp) -> Result<()> {
///         self.0.lock().entry(space.name.to_string()).or_default().insert(key.to_vec(), record.clone());
///         Ok(())
///     }
///     fn remove(&self, space: &Space, key: &[u8]) -> Result<bool> {
///         Ok(self.0.lock().get_mut(&*space.name).is_some_and(|it| it.remove(key).is_some()))
///     }
///     fn clear(&self, space: &Space) -> Result<()> {
///         self.0.lock().remove(&*space.name);
///         Ok(())
///     }
///     fn len(&self, space: &Space) -> Result<u64> {
///         Ok(self.0.lock().get(&*space.name).map_or(0, |it| it.len() as u64))
///     }
/// }
///
/// # #[cfg(feature = "conformance")]
/// memolith_core::conformance::run(|| std::sync::Arc::new(Shelf::default()));
/// ```
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// Prepares `space`, and adapts it when its bounds have changed. Called before the first use, and again by `set_maxsize`.
    ///
    /// # Errors
    /// When the place cannot be reached, or the bounds cannot be kept there. The cache goes on and tries each operation.
    fn open(&self, space: &Space) -> Result<()>;

    /// The live record of `key`. A backend with a recency policy notes the use.
    fn get(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>>;

    /// As [`get`](Self::get), but shows the value where it lies, or in a copy that is used again; its expiry too.
    /// `show` is called once at most, outside of all locks. It verifies what it is shown, as a cache does: a backend need
    /// not find out whether its place was damaged.
    fn get_with(
        &self,
        space: &Space,
        key: &[u8],
        now: Timestamp,
        show: &mut dyn FnMut(&[u8], Timestamp),
    ) -> Result<()> {
        if let Some(record) = self.get(space, key, now)? {
            show(&record.value, record.expires);
        }
        Ok(())
    }

    /// Tells whether two backends are one place, so that what concerns the place is done once. By default the address of
    /// this value; a handle to something shared returns the address of that. It stays the same while the value lives.
    fn identity(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Whether a [`get_with`](Self::get_with) neither waits nor calls the system, and so costs less than to ask who else
    /// is asking. A cache that keeps nothing in memory then reads before it looks for other callers of the key.
    fn is_near(&self) -> bool {
        false
    }

    /// The live records of a batch, in the order of `keys`, in one step where the backend can. The default gets one by
    /// one and stops at the first error.
    fn get_many(&self, space: &Space, keys: &[&[u8]], now: Timestamp) -> Result<Vec<Option<Record>>> {
        keys.iter().map(|key| self.get(space, key, now)).collect()
    }

    /// Stores or replaces; evicts in the same step, so that the bounds of `space` hold at every moment.
    fn put(&self, space: &Space, key: &[u8], record: &Record, now: Timestamp) -> Result<()>;

    /// Stores a batch, in one step where the backend can. The default puts one by one and stops at the first error.
    fn put_many(&self, space: &Space, entries: &[(Vec<u8>, Record)], now: Timestamp) -> Result<()> {
        entries.iter().try_for_each(|(key, record)| self.put(space, key, record, now))
    }

    /// Removes, and says whether there was something live to remove.
    fn remove(&self, space: &Space, key: &[u8]) -> Result<bool>;

    /// Removes what the caller has put under `key`, because it was invalidated while it was computed or written. That is
    /// `record` if the caller still has it: what others have put in its place may then stay, and need not. Says whether
    /// something was removed.
    ///
    /// Others may have copies of it, whether it is still there or not. Who [watches](Self::watch) is to be told by
    /// [`Watch::taken_back`], since who is told of a removal takes back what it is writing itself, and tells others in
    /// turn, for as long as there are writers. By default it is removed as anything else is.
    fn take_back(&self, space: &Space, key: &[u8], record: Option<&Record>) -> Result<bool> {
        let _ = record;
        self.remove(space, key)
    }

    /// Removes every entry of `space`, and of no other space.
    fn clear(&self, space: &Space) -> Result<()>;

    /// How many entries `space` holds; expired ones that were not reclaimed yet may count.
    fn len(&self, space: &Space) -> Result<u64>;

    /// Shows every live record to `visit` once, in any order. Records written meanwhile may be missed.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) by default: `remove_if` then clears the space.
    fn scan(&self, space: &Space, now: Timestamp, visit: &mut dyn FnMut(&[u8], &Record) -> Visit) -> Result<()> {
        let _ = (space, now, visit);
        Err(crate::Error::new(crate::ErrorKind::Unsupported, "this backend cannot list its entries"))
    }

    /// Makes everything put so far as durable as it gets.
    fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// Announces that the caller computes `key`, so that other processes do not: the claim, to be held until the value
    /// is put. `None`: somebody else, in this process or another, had claimed the key; they put it, gave up or died, or
    /// have not ended after `wait`. Then look again, and claim again as long as there is time.
    ///
    /// Blocks for `wait` at most, not at all where that is zero; a cache asks for a quarter of a second or less at a time,
    /// and for five seconds where there is an [asynchronous](AsyncBackend::claim) form.
    /// A claimant that died is noticed at once, or as soon as the backend can tell.
    /// By default nobody is asked and everybody may compute. Only caches that were told to
    /// [`wait`](crate::CacheBuilder::wait) call it.
    ///
    /// # Errors
    /// When the place cannot be reached. The caller computes.
    fn claim(&self, space: &Space, key: &[u8], wait: Duration) -> Result<Option<Claim>> {
        let _ = (space, key, wait);
        Ok(Some(Claim::default()))
    }

    /// Remembers whom to tell when another process removes from or clears `space`.
    /// A backend that is not shared between processes has nobody to tell. The backend states how late the news may be.
    fn watch(&self, space: &Space, watch: Weak<dyn Watch>) {
        let _ = (space, watch);
    }

    /// What is known of `tags` in the whole backend, for all its spaces. An entry that carries tags and the clock at which
    /// its computation began is good as long as the epoch is the same and none of its tags was invalidated later.
    ///
    /// By default the tags are in one record of [`Space::of_tags`], up to 64 KiB of it, which every question reads and
    /// every invalidation writes; nothing that was tagged is believed once it is lost. Two processes that invalidate at
    /// once are kept apart by a [claim](Self::claim): where claims do not exclude each other, a backend that several
    /// processes share must bring its own, or one of two invalidations may be lost.
    ///
    /// # Errors
    /// When the place cannot be reached; `Unsupported` when it keeps no tags: then values that carry some are kept in
    /// memory alone.
    fn tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        crate::tags::record::tags(self, tags)
    }

    /// Moves the clock, by one at least and also for no tags at all, and notes it for each of `tags`, in one step and in
    /// constant time for each; whoever [watches](Self::watch) [`Space::of_tags`] is told.
    ///
    /// # Errors
    /// As for [`tags`](Self::tags). The tags may be invalid or not.
    fn invalidate_tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        crate::tags::record::invalidate_tags(self, tags)
    }

    /// The native asynchronous twin, if there is one. Otherwise calls are moved off the executor.
    fn as_async(&self) -> Option<&dyn AsyncBackend> {
        None
    }
}

/// A boxed future, so that [`AsyncBackend`] is object safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The operations of a [`Backend`] that a cached `async fn` awaits.
///
/// A future may be dropped at any point. The cache ends what it has begun through the [`Backend`] then, as it cannot know how
/// far that came: what of it is still on its way must not arrive after that.
pub trait AsyncBackend: Send + Sync {
    /// As [`Backend::get`].
    fn get<'a>(&'a self, space: &'a Space, key: &'a [u8], now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>>;
    /// As [`Backend::put`].
    fn put<'a>(
        &'a self,
        space: &'a Space,
        key: &'a [u8],
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<()>>;
    /// As [`Backend::get_many`]. The default gets one by one.
    fn get_many<'a>(
        &'a self,
        space: &'a Space,
        keys: &'a [&'a [u8]],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async move {
            let mut records = Vec::with_capacity(keys.len());
            for key in keys {
                records.push(self.get(space, key, now).await?);
            }
            Ok(records)
        })
    }
    /// As [`Backend::put_many`]. The default puts one by one.
    fn put_many<'a>(
        &'a self,
        space: &'a Space,
        entries: &'a [(Vec<u8>, Record)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for (key, record) in entries {
                self.put(space, key, record, now).await?;
            }
            Ok(())
        })
    }
    /// As [`Backend::remove`].
    fn remove<'a>(&'a self, space: &'a Space, key: &'a [u8]) -> BoxFuture<'a, Result<bool>>;
    /// As [`Backend::take_back`]. The default removes.
    fn take_back<'a>(
        &'a self,
        space: &'a Space,
        key: &'a [u8],
        record: Option<&'a Record>,
    ) -> BoxFuture<'a, Result<bool>> {
        let _ = record;
        self.remove(space, key)
    }
    /// As [`Backend::claim`], which by default is called instead, on a thread that may block. Threads wait by it as well.
    ///
    /// It is for backends that tell who waits when a claim has ended: between two calls of it a cache asks nothing.
    fn claim<'a>(
        &'a self,
        space: &'a Space,
        key: &'a [u8],
        wait: Duration,
    ) -> Option<BoxFuture<'a, Result<Option<Claim>>>> {
        let _ = (space, key, wait);
        None
    }
}

/// What can stand for a backend in a builder: a backend, a shared one, or the result of opening one.
pub trait IntoBackend {
    /// The shared backend, or why there is none.
    fn into_backend(self) -> Result<Arc<dyn Backend>>;
}

impl<B: Backend> IntoBackend for B {
    fn into_backend(self) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(self))
    }
}

impl<B: Backend> IntoBackend for Arc<B> {
    fn into_backend(self) -> Result<Arc<dyn Backend>> {
        Ok(self)
    }
}

impl IntoBackend for Arc<dyn Backend> {
    fn into_backend(self) -> Result<Arc<dyn Backend>> {
        Ok(self)
    }
}

impl<T: IntoBackend> IntoBackend for Result<T> {
    fn into_backend(self) -> Result<Arc<dyn Backend>> {
        self.and_then(T::into_backend)
    }
}

#[cfg(test)]
mod tests {
    use super::Claim;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("planned");
        }
    }

    #[test]
    fn a_guard_that_panics_is_nobodys_to_see() {
        drop(Claim::new(Bomb));
        let unwinding = AssertUnwindSafe(|| {
            let _claim = Claim::new(Bomb);
            panic!("another");
        });
        assert_eq!(catch_unwind(unwinding).unwrap_err().downcast_ref(), Some(&"another"));
    }
}
