//! The region of a place, opened anew when its file was deleted or replaced.

use super::file;
use super::layout::Layout;
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
    first: Node,
    /// When the place was last looked at, in microseconds since 1970.
    checked: AtomicU64,
    /// Whether there is no region at the place now.
    lost: AtomicBool,
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
    /// Opens the region at `place`, or makes one of `layout`.
    pub(super) fn open(place: PathBuf, layout: Layout) -> Result<Handle> {
        let region = Region::new(file::open(&place, layout)?);
        Ok(Handle {
            place,
            layout,
            first: Node { region, next: OnceLock::new() },
            checked: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            watchers: Mutex::new(vec![]),
        })
    }

    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// The region of now.
    #[inline]
    pub(super) fn region(&self, now: Timestamp) -> Result<&Region> {
        let passed = now.as_micros().wrapping_sub(self.checked.load(Relaxed));
        if passed > CHECKED.as_micros() as u64 {
            self.check(now);
        }
        if self.lost.load(Acquire) {
            return Err(lost());
        }
        Ok(self.last())
    }

    /// The region as it was last seen.
    #[inline]
    pub(super) fn last(&self) -> &Region {
        let mut node = &self.first;
        while let Some(next) = node.next.get() {
            node = next;
        }
        &node.region
    }

    /// Looks whether the file at the place is still the one that is mapped.
    #[cold]
    fn check(&self, now: Timestamp) {
        self.checked.store(now.as_micros(), Relaxed);
        let current = self.last();
        if current.map().is_current(&self.place) {
            return;
        }
        // Whoever comes second finds it done.
        let Some(watchers) = self.watchers.try_lock() else { return };
        if !std::ptr::eq(current, self.last()) {
            return;
        }
        let Ok(map) = file::open(&self.place, self.layout) else {
            return self.lost.store(true, Release);
        };
        let mut node = &self.first;
        while let Some(next) = node.next.get() {
            node = next;
        }
        let _ = node.next.set(Box::new(Node { region: Region::new(map), next: OnceLock::new() }));
        self.lost.store(false, Release);
        let told: Vec<_> =
            watchers.iter().filter_map(|watcher| Some((watcher.space.clone(), watcher.told.upgrade()?))).collect();
        // No lock is held: they are foreign code.
        drop(watchers);
        for (space, watch) in told {
            watch.follow(self.last().word(&space));
            watch.invalidated();
        }
    }

    /// Has `watch` told of what other processes remove from `space`.
    pub(super) fn watch(&self, space: &Space, watch: Weak<dyn Watch>) {
        if let Some(watch) = watch.upgrade() {
            watch.follow(self.last().word(&space.name));
        }
        // Held for longer only while a region is made anew, or by a thread that a fork has left behind.
        let Some(mut watchers) = self.watchers.try_lock_for(PATIENCE) else { return };
        watchers.retain(|watcher| watcher.told.strong_count() > 0);
        watchers.push(Watcher { space: space.name.clone(), told: watch });
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

#[cold]
fn lost() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the file of the shared region is gone and cannot be made again, look at its directory",
    )
}
