//! Every cache of this process whose entries carry tags, and every backend behind one.

use super::ledger::Ledger;
use super::tagging::Tagged;
use super::{Tag, recent};
use crate::backend::Backend;
use crate::error::Result;
use crate::fault::{BACKEND, panicked};
use crate::offload::offload;
use parking_lot::{Mutex, RwLock};
use std::sync::{Arc, Weak};

static CACHES: Mutex<Vec<Weak<dyn Tagged>>> = Mutex::new(Vec::new());
static LEDGERS: Mutex<Vec<Weak<Ledger>>> = Mutex::new(Vec::new());
/// Read by each invalidation that is under way.
static UNDER_WAY: RwLock<()> = RwLock::new(());

/// Invalidates every value that carries `tag`, of every cache of this process, and of everybody who shares a backend
/// with one of them. When it returns, no call of this process that begins later gets a value whose computation began
/// before, nor does who has heard of it elsewhere; what is being computed meanwhile is returned to those who have asked
/// for it, and not kept.
///
/// Text or bytes name a tag; a value has those that the argument `tags` of `#[lru_cache]` or
/// [`CacheBuilder::tags`](crate::CacheBuilder::tags) gave it. A cache that is made later, at the first call of its
/// function, takes it into account. A process in which no cache uses a backend does not reach it.
///
/// Costs one write in each backend that a tagged cache of this process uses, however many values carry the tag, and a
/// removal in memory for each that is there. It blocks while it writes.
///
/// ```
/// use memolith_core::{Cache, invalidate_tag};
///
/// let names = Cache::<u64, String>::builder().tags(|id, _| [format!("user:{id}")]).build();
/// names.get_or_insert_with(&5, || "Ada".into());
/// names.get_or_insert_with(&6, || "Bob".into());
/// invalidate_tag("user:5")?;
/// assert_eq!((names.get(&5), names.get(&6)), (None, Some("Bob".into())));
/// # Ok::<(), memolith_core::Error>(())
/// ```
///
/// # Errors
/// The first of those of the backends. Others may then see the values that it holds; this process does not, and each use
/// of one tries again to invalidate it.
pub fn invalidate_tag(tag: impl AsRef<[u8]>) -> Result<()> {
    invalidate(&[Tag::from(tag.as_ref())])
}

/// As [`invalidate_tag`], for tasks: it blocks no executor. Cancelled, it is done all the same.
///
/// ```
/// use memolith_core::{Cache, invalidate_tag_async};
///
/// # async fn example() -> memolith_core::Result<()> {
/// let names = Cache::<u64, String>::builder().tags(|id, _| [format!("user:{id}")]).build();
/// names.insert_async(5, "Ada".into()).await;
/// invalidate_tag_async("user:5").await?;
/// assert_eq!(names.get_async(&5).await, None);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As those of [`invalidate_tag`].
pub async fn invalidate_tag_async(tag: impl AsRef<[u8]>) -> Result<()> {
    invalidate_async(vec![Tag::from(tag.as_ref())]).await
}

/// As [`invalidate_tag`] for several, in one step of each backend.
///
/// # Errors
/// As those of [`invalidate_tag`].
pub fn invalidate_tags<T: AsRef<[u8]>>(tags: impl IntoIterator<Item = T>) -> Result<()> {
    let tags: Vec<Tag> = tags.into_iter().map(|tag| Tag::from(tag.as_ref())).collect();
    if tags.is_empty() { Ok(()) } else { invalidate(&tags) }
}

/// As [`invalidate_tags`], for tasks, like [`invalidate_tag_async`].
///
/// # Errors
/// As those of [`invalidate_tag`].
pub async fn invalidate_tags_async<T: AsRef<[u8]>>(tags: impl IntoIterator<Item = T>) -> Result<()> {
    let tags: Vec<Tag> = tags.into_iter().map(|tag| Tag::from(tag.as_ref())).collect();
    if tags.is_empty() { Ok(()) } else { invalidate_async(tags).await }
}

/// As `invalidate`, off the executor. Also where there is no backend now: one may be opened meanwhile.
async fn invalidate_async(tags: Vec<Tag>) -> Result<()> {
    offload(move || invalidate(&tags)).await.unwrap_or_else(|| Err(panicked(BACKEND)))
}

fn invalidate(tags: &[Tag]) -> Result<()> {
    let result = {
        let _under_way = UNDER_WAY.read();
        invalidate_everywhere(tags)
    };
    let ledgers = living(&LEDGERS);
    // Else the last to end sees to it: what is under way is noted and may not have arrived.
    if let Some(_none) = UNDER_WAY.try_write() {
        ledgers.iter().for_each(|ledger| ledger.reached(recent::now()));
    }
    result
}

fn invalidate_everywhere(tags: &[Tag]) -> Result<()> {
    // First: a ledger that is not found now was made after this, and looks here.
    recent::note(tags);
    let mut result = Ok(());
    for ledger in living(&LEDGERS) {
        let invalidated = ledger.invalidate(tags);
        result = result.and(invalidated);
    }
    // Once more: who has begun since may have read what the backends held until now.
    recent::note(tags);
    living(&CACHES).iter().for_each(|cache| cache.invalidate(tags));
    result
}

/// Upgraded outside of what follows, for the last one may end in the hands of the caller.
fn living<T: ?Sized>(list: &Mutex<Vec<Weak<T>>>) -> Vec<Arc<T>> {
    let mut list = list.lock();
    list.retain(|it| it.strong_count() > 0);
    list.iter().filter_map(Weak::upgrade).collect()
}

/// From now on `cache` is told.
pub(super) fn register(cache: Weak<dyn Tagged>) {
    let mut caches = CACHES.lock();
    caches.retain(|cache| cache.strong_count() > 0);
    caches.push(cache);
}

/// The ledger of `backend`, made if there is none.
pub(super) fn ledger_of(backend: &Arc<dyn Backend>, make: impl FnOnce(usize) -> Ledger) -> Arc<Ledger> {
    let identity = backend.identity();
    // Dropped after the lock: with a ledger may go its backend.
    let ledgers: Vec<Arc<Ledger>>;
    let mut list = LEDGERS.lock();
    list.retain(|ledger| ledger.strong_count() > 0);
    ledgers = list.iter().filter_map(Weak::upgrade).collect();
    if let Some(ledger) = ledgers.iter().find(|ledger| ledger.identity() == identity) {
        return Arc::clone(ledger);
    }
    let ledger = Arc::new(make(identity));
    list.push(Arc::downgrade(&ledger));
    ledger
}
