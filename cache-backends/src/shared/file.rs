//! The file of a region: found, or made as a whole before it gets its name.

use super::fork::Unshared;
use super::layout::{LANE, LANES, Layout, SESSIONS, SPACES_LOCK};
use super::map::Map;
use super::place::{self, refused, unavailable};
use super::session::Owner;
use memolith_core::Result;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: u64 = u64::from_le_bytes(*b"memolith");
const VERSION: u64 = 1;
/// Words of the header: the magic, written last; the version, the four numbers, their checksum; the boot id.
const HEADER: usize = 8;
const CHECKSUM: usize = 6;
const BOOT: usize = 7;
/// How long another process may take to make the region.
const MAKING: Duration = Duration::from_secs(5);

/// Maps the region in the file `path`, which is made if there is none of this version. The layout of one that is there
/// counts; `layout` is for a new one.
///
/// # Errors
/// `Config` for a file that must not be used or replaced, `Unavailable` when the disk is full or the system refuses,
/// `Busy` when another process has been making the region for 5 s.
pub(super) fn open(path: &Path, layout: Layout) -> Result<Map> {
    if let Found::Region(map) = find(path)? {
        return Ok(map);
    }
    // One at a time, and nothing is left behind: the lock is on the directory.
    let _alone = Directory::lock(path)?;
    match find(path)? {
        Found::Region(map) => Ok(map),
        Found::FromBefore(map) => {
            distrust(&map);
            Ok(map)
        }
        Found::Nothing => make(path, layout).map_err(|error| {
            let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            let why = if full { "has no room on its disk, free some or lower `max_bytes`" } else { "cannot be made" };
            unavailable(path, why).with_source(error)
        }),
    }
}

impl Map {
    /// Which file is mapped.
    ///
    /// # Errors
    /// When the system does not say.
    pub(super) fn identity(&self) -> io::Result<(u64, u64)> {
        Ok(place::identity(&self.file().metadata()?))
    }

    /// Whether the file `path` is still the one that is mapped, as long as it was.
    pub(super) fn is_current(&self, path: &Path) -> bool {
        let Ok(found) = fs::symlink_metadata(path) else { return false };
        found.size() == self.layout.words as u64 * 8
            && self.identity().is_ok_and(|mapped| mapped == place::identity(&found))
    }
}

enum Found {
    Region(Map),
    /// Written before the machine was started anew: its pages may have reached the disk in any order.
    FromBefore(Map),
    Nothing,
}

fn find(path: &Path) -> Result<Found> {
    let Some((file, found)) = place::existing(path)? else { return Ok(Found::Nothing) };
    let mut bytes = [0; HEADER * 8];
    // Read, not mapped: a file that is cut is an error here.
    let read = file.read_exact_at(&mut bytes, 0);
    let mut header = [0; HEADER];
    for (word, bytes) in header.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    let known = header[0] == MAGIC && header[1] == VERSION && header[CHECKSUM] == checksum(&header[1..CHECKSUM]);
    let shape = if read.is_ok() && known { shape(&header[2..CHECKSUM]) } else { None };
    let Some(layout) = shape.filter(|layout| found.len() == layout.words as u64 * 8) else {
        // Replaced, unless it looks like something that somebody wants to keep.
        let ours = found.len() % 4096 == 0 || header[0] == MAGIC;
        let stranger = || refused(path, "is a file of something else, name another path");
        return if ours { Ok(Found::Nothing) } else { Err(stranger()) };
    };
    let map = Map::new(file, layout).map_err(|error| unavailable(path, "cannot be mapped").with_source(error))?;
    // Acquire pairs with the Release in `distrust`.
    let same = map.word(BOOT).load(Ordering::Acquire) == boot();
    Ok(if same { Found::Region(map) } else { Found::FromBefore(map) })
}

fn shape(numbers: &[u64]) -> Option<Layout> {
    let number = |at: usize| usize::try_from(*numbers.get(at)?).ok();
    Layout::new(number(0)?, number(1)?, number(2)?, number(3)?)
}

fn checksum(words: &[u64]) -> u64 {
    xxh3_64(&words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>())
}

/// Differs from one start of the machine to the next; never zero.
fn boot() -> u64 {
    xxh3_64(&fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default()) | 1
}

/// Leaves every lock as a dead owner would, so that what it guards is rebuilt from what can be verified.
fn distrust(map: &Map) {
    let dead = |word: usize| map.half(word * 2).store(Owner::DEAD.bits(), Ordering::Relaxed);
    dead(SPACES_LOCK);
    (0..map.layout.stripes).for_each(|stripe| dead(map.layout.stripe(stripe)));
    map.publish(BOOT, boot());
}

fn make(path: &Path, layout: Layout) -> io::Result<Map> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // One name: a process that dies here leaves one file, which the next removes.
    let unfinished = path.with_file_name(format!(".{name}.new"));
    let made = fill(place::fresh(&unfinished)?, layout).and_then(|map| {
        // Whoever has mapped the file of this name keeps it.
        fs::rename(&unfinished, path)?;
        Ok(map)
    });
    if made.is_err() {
        // Nothing can be done if that fails as well, and the next removes it.
        let _ = fs::remove_file(&unfinished);
    }
    made
}

fn fill(file: File, layout: Layout) -> io::Result<Map> {
    file.set_len(layout.words as u64 * 8)?;
    let map = Map::new(file, layout)?;
    // The index now, the log as it is used, the counters of a session when it joins.
    let (lanes, stripes) = (layout.lane(0, 0), layout.stripe(0));
    debug_assert_eq!(stripes - lanes, SESSIONS * LANES * LANE);
    map.allocate(0, lanes)?;
    map.allocate(stripes, layout.data - stripes)?;
    for stripe in 0..layout.stripes {
        // Odd: it is free.
        (0..layout.segments).for_each(|segment| map.store(layout.generation(stripe, segment), 1));
    }
    let numbers =
        [VERSION, layout.stripes as u64, layout.buckets as u64, layout.segments as u64, layout.segment as u64];
    numbers.iter().enumerate().for_each(|(at, number)| map.store(1 + at, *number));
    map.store(CHECKSUM, checksum(&numbers));
    map.store(BOOT, boot());
    // Last: a file without it is no region.
    map.publish(0, MAGIC);
    Ok(map)
}

/// The lock of whoever makes a region in a directory.
struct Directory(#[expect(dead_code, reason = "the lock is held as long as it")] Unshared);

impl Directory {
    fn lock(path: &Path) -> Result<Directory> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let cannot = |error| unavailable(path, "lies in a directory that cannot be locked").with_source(error);
        let kept = Unshared::new();
        let start = Instant::now();
        loop {
            let mut held = false;
            let tried = kept.keep(|| {
                let dir = place::directory(dir)?;
                held = match dir.try_lock() {
                    Ok(()) => true,
                    Err(TryLockError::WouldBlock) => false,
                    Err(TryLockError::Error(error)) => return Err(error),
                };
                Ok(dir)
            });
            match tried {
                Ok(_) if held => return Ok(Directory(kept)),
                // Its owner may be stopped.
                Ok(_) if start.elapsed() > MAKING => {
                    return Err(memolith_core::Error::new(
                        memolith_core::ErrorKind::Busy,
                        format!(
                            "another process has been making the shared map {} for 5 s, look for a stopped one",
                            path.display()
                        ),
                    ));
                }
                Ok(_) => std::thread::sleep(Duration::from_micros(200)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && start.elapsed() < MAKING => {}
                Err(error) => return Err(cannot(error)),
            }
        }
    }
}
