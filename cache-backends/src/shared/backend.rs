//! What users of a region have in their hands.

use super::handle::{self, Handle};
use super::info::SharedInfo;
use super::layout::Layout;
use super::place;
use super::region::Region;
use memolith_core::{Backend, Claim, Error, ErrorKind, Record, Result, Space, TagState, Timestamp, Visit, Watch};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Bytes of a region that is not told how large it is to be.
const MAX_BYTES: u64 = 64 << 20;

/// Keeps bytes in a memory-mapped file that all processes of a user on this machine share, and that outlives them.
///
/// A hit takes no lock, and a process makes one system call in 50 ms for all of them; a put takes one lock of several.
/// Entries of many functions share a region; each has a bound and a policy of its own, and when the region is full what
/// was not used for longest leaves, whosever it is.
///
/// No process that is killed, in whatever it does, breaks the region for others: the next to write repairs what it left.
/// One that is stopped makes others wait for 20 ms at most, and what they could not write is a fault, counted, and computed
/// again; one that is stopped while it makes the file, for a second, once.
///
/// A file that is damaged or truncated costs misses: for the sake of that, opening one installs a handler for `SIGBUS`,
/// which hands on what does not concern a region.
///
/// The file is readable by its owner alone, and takes room as entries come. Its size is set by whoever makes it first;
/// `maxsize` and policy of a function by whoever opens it last. It may be deleted at any time: who uses it notices within
/// 50 ms, a cache that is answered from its memory alone with its next miss. Another version of the library may lay it out in another way, and then makes a new one, while those who
/// have the old one open go on with it.
///
/// Under `Lru`, `Mru` and `Lfu` a function of up to 64 entries is evicted exactly, by uses that are 4 ms apart; `Lfu` tells
/// those of equally many uses apart by 33 s. With more, `Lru` gives who was used a second chance, `Lfu` as many as it was
/// used, and `Mru` looks at the 64 that came last. `Fifo` is what it is, `Random` takes one of 64 that follow each other,
/// and all others are `Sieve`.
/// `maxsize` above 1,024 and `max_bytes` above 2 MiB are divided among parts of the region, of 8 MiB in one of the usual
/// size; such a bound is reached when each part is full, and no value is kept that is larger than a part's share.
/// A function with a smaller bound lives in one part, and has no more room than that; only values of more than 128 KiB (a
/// 64th of a part) lie in all of them.
///
/// Up to 256 processes write to a region at a time; those that come later read. Up to 127 functions have entries in it;
/// one more gets the place of the one that was not opened or written to for longest.
///
/// Linux alone: elsewhere opening one is an error.
#[derive(Clone)]
pub struct Shared {
    handle: Arc<Handle>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shared").field(&self.handle.place()).finish()
    }
}

impl Shared {
    /// The region called `place`: a name, or a path, which holds a `/`. Made, with 64 MiB, if there is none.
    ///
    /// Names are files in `/dev/shm/memolith-UID`, where UID is the number of the user: in memory, until the machine is
    /// restarted. Where there is no `/dev/shm` they are in the user's cache directory.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) when the name is none, or the file or its directory belong to somebody else or may be
    /// used by others. A region that cannot be made or reached now is no error here, as on a full disk: opening a function
    /// in it is one, and it is tried again with what follows, every 50 ms at most.
    pub fn open(place: impl AsRef<Path>) -> Result<Shared> {
        Shared::sized(place, MAX_BYTES)
    }

    /// As [`open`](Self::open); a region that is made takes `max_bytes` at most for entries and their index, and up to
    /// 2.7 MB beside them for its tables. It has a place for one entry in each 160 bytes, and keeps values of up to an
    /// eighth of its [`capacity`](SharedInfo::capacity). One that is there keeps its size.
    ///
    /// # Errors
    /// As those of `open`, and [`Config`](ErrorKind::Config) when `max_bytes` makes no region.
    pub fn sized(place: impl AsRef<Path>, max_bytes: u64) -> Result<Shared> {
        let layout = Layout::of_bytes(max_bytes).ok_or_else(|| {
            let message = format!("{max_bytes} bytes make no shared region, say from 1 MiB to 30 GiB");
            Error::new(ErrorKind::Config, message)
        })?;
        let handle = handle::shared(place::named(place.as_ref())?, layout)?;
        Ok(Shared { handle })
    }

    /// The counters of the region. It costs some microseconds, and stops nobody.
    pub fn info(&self) -> SharedInfo {
        self.handle.last().map(Region::info).unwrap_or_default()
    }
}

impl Backend for Shared {
    fn open(&self, space: &Space) -> Result<()> {
        let now = now();
        self.handle.region(now)?.open(space, now).map(drop)
    }

    #[inline]
    fn get(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        Ok(self.handle.region(now)?.get(space, key, now))
    }

    fn get_with(
        &self,
        space: &Space,
        key: &[u8],
        now: Timestamp,
        show: &mut dyn FnMut(&[u8], Timestamp),
    ) -> Result<()> {
        self.handle.region(now)?.get_with(space, key, now, show);
        Ok(())
    }

    fn is_near(&self) -> bool {
        true
    }

    fn put(&self, space: &Space, key: &[u8], record: &Record, now: Timestamp) -> Result<()> {
        self.handle.region(now)?.put(space, (key, record), now)
    }

    fn remove(&self, space: &Space, key: &[u8]) -> Result<bool> {
        let now = now();
        self.handle.region_for_sure(now)?.remove(space, key, now)
    }

    fn take_back(&self, space: &Space, key: &[u8], record: Option<&Record>) -> Result<bool> {
        let now = now();
        self.handle.region_for_sure(now)?.take_back(space, (key, record), now)
    }

    fn clear(&self, space: &Space) -> Result<()> {
        let now = now();
        self.handle.region_for_sure(now)?.clear(space, now);
        Ok(())
    }

    fn len(&self, space: &Space) -> Result<u64> {
        Ok(self.handle.region(now())?.len(space))
    }

    fn scan(&self, space: &Space, now: Timestamp, visit: &mut dyn FnMut(&[u8], &Record) -> Visit) -> Result<()> {
        self.handle.region(now)?.scan(space, now, visit)
    }

    /// Has the pages written to the disk, where the file is on one.
    fn flush(&self) -> Result<()> {
        let Some(region) = self.handle.last() else { return Ok(()) };
        let file = region.map().file();
        let failed =
            |error| Error::new(ErrorKind::Unavailable, "the shared region could not be synced").with_source(error);
        file.sync_data().map_err(failed)
    }

    /// Claims are of processes and their threads. That a claimant has died is noticed within some milliseconds.
    fn claim(&self, space: &Space, key: &[u8], wait: Duration) -> Result<Option<Claim>> {
        Ok(self.handle.region(now())?.claim(space, key, wait))
    }

    /// Tags are kept in 65,536 places of the region, two for each: those of others that fall on both are invalidated too.
    fn tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        self.handle.region(now())?.tags(tags)
    }

    fn invalidate_tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        self.handle.region_for_sure(now())?.invalidate_tags(tags)
    }

    fn identity(&self) -> usize {
        Arc::as_ptr(&self.handle).addr()
    }

    /// What a cache removes is news to the others before its call returns, in whatever process. What is removed by this
    /// trait alone is told to nobody.
    fn watch(&self, space: &Space, watch: Weak<dyn Watch>) {
        self.handle.watch(space, watch);
    }
}

/// The time of the system. What is opened, removed or counted goes by no other clock.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
