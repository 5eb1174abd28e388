//! The region of a place, opened anew when its file was deleted or replaced.

use super::file;
use super::layout::Layout;
use super::map::Map;
use super::region::Region;
use memolith_core::{Error, ErrorKind, Result, Space, Timestamp, Watch};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

/// How often the place is looked at.
const CHECKED: Duration = Duration::from_millis(50);
/// How long another thread of this process is waited for that opens or registers.
const PATIENCE: Duration = Duration::from_millis(250);

/// A place, and the region that lies there.
#[derive(Debug)]
pub(super) struct Handle {
    place: PathBuf,
    layout: Layout,
    regions: OnceLock<Box<Node>>,
    /// When the place was last looked at, in microseconds since 1970.
    checked: AtomicU64,
    /// Whether there is no region at the place now.
    lost: AtomicBool,
    /// Why, as it was when somebody last tried.
    why: Mutex<Option<(ErrorKind, String)>>,
    watchers: Mutex<Vec<Watcher>>,
}

/// A region, and the one that came after it. Those before stay open: somebody may be reading there.
#[derive(Debug)]
struct Node {
    region: Region,
    next: OnceLock<Box<Node>>,
}

struct Watcher {
    space: Arc<str>,
    told: Weak<dyn Watch>,
}

impl Handle {
    /// Opens the region at `place`, or makes one of `layout`. One that cannot be reached now is tried again.
    ///
    /// # Errors
    /// What will not heal by itself.
    fn open(place: PathBuf, layout: Layout) -> Result<Handle> {
        let handle = Handle {
            place,
            layout,
            regions: OnceLock::new(),
            checked: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            why: Mutex::new(None),
            watchers: Mutex::new(vec![]),
        };
        match file::open(&handle.place, layout, file::MAKING) {
            Ok(map) => handle.push(map),
            Err(error) if error.kind() == ErrorKind::Config => return Err(error),
            Err(error) => handle.lose(&error),
        }
        Ok(handle)
    }

    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// The region of now, looked for whenever that was done last: what is removed must be gone from where others look.
    pub(super) fn region_for_sure(&self, now: Timestamp) -> Result<&Region> {
        self.checked.store(0, Relaxed);
        self.region(now)
    }

    /// The region of now.
    #[inline]
    pub(super) fn region(&self, now: Timestamp) -> Result<&Region> {
        let passed = now.as_micros().wrapping_sub(self.checked.load(Relaxed));
        if passed > CHECKED.as_micros() as u64 {
            self.check(now);
        }
        match self.last() {
            Some(region) if !self.lost.load(Acquire) => Ok(region),
            _ => Err(self.lost()),
        }
    }

    /// The region as it was last seen.
    #[inline]
    pub(super) fn last(&self) -> Option<&Region> {
        let mut node = self.regions.get()?;
        while let Some(next) = node.next.get() {
            node = next;
        }
        Some(&node.region)
    }

    fn push(&self, map: Map) {
        let mut last = &self.regions;
        while let Some(node) = last.get() {
            last = &node.next;
        }
        let _ = last.set(Box::new(Node { region: Region::new(map), next: OnceLock::new() }));
        self.lost.store(false, Release);
    }

    fn lose(&self, error: &Error) {
        if let Some(mut why) = self.why.try_lock() {
            *why = Some((error.kind(), error.to_string()));
        }
        self.lost.store(true, Release);
    }

    #[cold]
    fn lost(&self) -> Error {
        let why = self.why.try_lock().and_then(|why| why.clone());
        let (kind, why) =
            why.unwrap_or((ErrorKind::Unavailable, "the shared region is gone, look at its directory".into()));
        Error::new(kind, why)
    }

    /// Looks whether the file at the place is still the one that is mapped, and opens another if not. Waits for nobody.
    #[cold]
    fn check(&self, now: Timestamp) {
        self.checked.store(now.as_micros(), Relaxed);
        let current = self.last();
        if let Some(current) = current.filter(|current| current.map().is_current(&self.place)) {
            return current.touch(now);
        }
        if current.is_some() && file::is_of_another_version(&self.place) {
            return;
        }
        // Whoever comes second finds it done.
        let Some(watchers) = self.watchers.try_lock() else { return };
        if self.last().map(std::ptr::from_ref) != current.map(std::ptr::from_ref) {
            return;
        }
        match file::open(&self.place, self.layout, Duration::ZERO) {
            Ok(map) => self.push(map),
            Err(error) => return self.lose(&error),
        }
        if let Some(current) = current {
            current.map().give_up();
        }
        let told: Vec<_> =
            watchers.iter().filter_map(|watcher| Some((watcher.space.clone(), watcher.told.upgrade()?))).collect();
        // No lock is held: they are foreign code.
        drop(watchers);
        for (space, watch) in told {
            self.follow(&space, &*watch);
            watch.invalidated();
        }
    }

    fn follow(&self, space: &str, watch: &dyn Watch) {
        if let Some(region) = self.last() {
            watch.follow(region.word(space));
        }
    }

    /// Has `watch` told of what other processes remove from `space`.
    pub(super) fn watch(&self, space: &Space, watch: Weak<dyn Watch>) {
        // Held for longer only by a thread that a fork has left behind.
        let Some(mut watchers) = self.watchers.try_lock_for(PATIENCE) else { return };
        watchers.retain(|watcher| watcher.told.strong_count() > 0);
        watchers.push(Watcher { space: space.name.clone(), told: watch.clone() });
        drop(watchers);
        // After that, so that no region that is opened meanwhile is missed.
        if let Some(watch) = watch.upgrade() {
            self.follow(&space.name, &*watch);
        }
    }
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watcher").field("space", &self.space).finish_non_exhaustive()
    }
}

/// The handles of this process: one for each place.
static HANDLES: Mutex<Vec<Weak<Handle>>> = Mutex::new(vec![]);

/// The handle of `place`, which all users of this process share.
pub(super) fn shared(place: PathBuf, layout: Layout) -> Result<Arc<Handle>> {
    let Some(mut handles) = HANDLES.try_lock_for(PATIENCE) else {
        // Another thread is at it, or held the lock when this process was forked, and is not here: one of its own will do.
        return Handle::open(place, layout).map(Arc::new);
    };
    handles.retain(|handle| handle.strong_count() > 0);
    if let Some(handle) = handles.iter().filter_map(Weak::upgrade).find(|handle| handle.place == place) {
        return Ok(handle);
    }
    let handle = Arc::new(Handle::open(place, layout)?);
    handles.push(Arc::downgrade(&handle));
    Ok(handle)
}
