//! The file of a region: found, or made as a whole before it gets its name.

use super::fork::Unshared;
use super::layout::{LANE, LANES, Layout, PAGE, SESSIONS, SPACES_LOCK};
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
const VERSION: u64 = 2;
// Words of the header: the magic, written last; the version, the four numbers, their checksum; the boot id.
const CHECKSUM: usize = 6;
const BOOT: usize = 7;
/// The magic once more, at the end of the header's page: what one of the two is left of is ours to replace.
const AGAIN: usize = PAGE - 1;
/// How long another process may take to make the region.
pub(super) const MAKING: Duration = Duration::from_secs(1);

/// Maps the region in the file `path`, which is made if there is none of this version. The layout of one that is there
/// counts; `layout` is for a new one. Another process that is making it is waited for as long as `patience`.
///
/// # Errors
/// `Config` for a file that must not be used or replaced, `Unavailable` when the disk is full or the system refuses,
/// `Busy` when another process is making the region and is not ready in time.
pub(super) fn open(path: &Path, layout: Layout, patience: Duration) -> Result<Map> {
    if let Found::Region(map) = find(path)? {
        return Ok(map);
    }
    // One at a time, and nothing is left behind: the lock is on the directory.
    let _alone = Directory::lock(path, patience)?;
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
    /// Whether the file `path` is still the one that is mapped, as long as it was.
    pub(super) fn is_current(&self, path: &Path) -> bool {
        let Ok(found) = fs::symlink_metadata(path) else { return false };
        found.size() == self.layout.words as u64 * 8 && place::identity(&found) == self.identity()
    }
}

/// Whether a region of another version of the library lies at `path`. Two versions that run side by side would replace
/// each other's for ever: who has its own open stays there.
pub(super) fn is_of_another_version(path: &Path) -> bool {
    let mut bytes = [0; 16];
    let Ok(Some((file, _))) = place::existing(path) else { return false };
    let read = file.read_exact_at(&mut bytes, 0);
    let [magic, version] = [0, 8].map(|at| bytes[at..].first_chunk().map_or(0, |word| u64::from_ne_bytes(*word)));
    read.is_ok() && magic == MAGIC && version != VERSION
}

enum Found {
    Region(Map),
    /// Written before the machine was started anew: its pages may have reached the disk in any order.
    FromBefore(Map),
    Nothing,
}

fn find(path: &Path) -> Result<Found> {
    let Some((file, found)) = place::existing(path)? else { return Ok(Found::Nothing) };
    let mut bytes = [0; PAGE * 8];
    // Read, not mapped: a file that is cut is an error here.
    let read = file.read_exact_at(&mut bytes, 0);
    let mut header = [0; PAGE];
    for (word, bytes) in header.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    let known = header[0] == MAGIC && header[1] == VERSION && header[CHECKSUM] == checksum(&header[1..CHECKSUM]);
    let shape = if read.is_ok() && known { shape(&header[2..CHECKSUM]) } else { None };
    let Some(layout) = shape.filter(|layout| found.len() == layout.words as u64 * 8) else {
        // Replaced, unless it is something that somebody may want to keep.
        let is_start = found.len() < 8 && MAGIC.to_ne_bytes().starts_with(&bytes[..found.len() as usize]);
        let ours = is_start || [header[0], header[AGAIN]].contains(&MAGIC) || bytes.iter().all(|byte| *byte == 0);
        let stranger = || refused(path, "is a file of something else, remove it or name another path");
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
    // What was invalidated may not have reached the disk.
    super::tags::lose(map);
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
    let (lanes, tags) = (layout.lane(0, 0), layout.tag_state());
    debug_assert_eq!(tags - lanes, SESSIONS * LANES * LANE);
    map.allocate(0, lanes)?;
    map.allocate(tags, layout.data - tags)?;
    for stripe in 0..layout.stripes {
        // Odd: it is free.
        (0..layout.segments).for_each(|segment| map.store(layout.generation(stripe, segment), 1));
    }
    let numbers =
        [VERSION, layout.stripes as u64, layout.buckets as u64, layout.segments as u64, layout.segment as u64];
    numbers.iter().enumerate().for_each(|(at, number)| map.store(1 + at, *number));
    map.store(CHECKSUM, checksum(&numbers));
    map.store(BOOT, boot());
    map.store(AGAIN, MAGIC);
    // Last: a file without it is no region.
    map.publish(0, MAGIC);
    Ok(map)
}

/// The lock of whoever makes a region in a directory.
struct Directory(#[expect(dead_code, reason = "the lock is held as long as it")] Unshared);

impl Directory {
    fn lock(path: &Path, patience: Duration) -> Result<Directory> {
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
                Ok(_) if start.elapsed() >= patience => {
                    return Err(memolith_core::Error::new(
                        memolith_core::ErrorKind::Busy,
                        format!(
                            "another process is making the shared map {}, if that takes long look for a stopped one",
                            path.display()
                        ),
                    ));
                }
                Ok(_) => std::thread::sleep(Duration::from_micros(200)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && start.elapsed() < patience => {}
                Err(error) => return Err(cannot(error)),
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::trial::{Other, Scratch, role, say, small, wait};
    use super::*;
    use memolith_core::ErrorKind;
    use std::collections::BTreeSet;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    const WORD: usize = 700;

    fn open(path: &Path, layout: Layout) -> Result<Map> {
        super::open(path, layout, MAKING)
    }

    #[test]
    fn a_region_is_private_and_sparse_and_found_again() {
        let scratch = Scratch::new();
        let path = scratch.path("region");
        let large = Layout::of_bytes(8 << 20).unwrap();
        let first = open(&path, large).unwrap();
        let found = fs::metadata(&path).unwrap();
        assert_eq!(found.mode() & 0o7777, 0o600);
        assert_eq!(found.len(), large.words as u64 * 8);
        assert!(found.blocks() * 512 < found.len() / 2, "{} of {} bytes are taken", found.blocks() * 512, found.len());
        assert!((0..large.segments).all(|segment| first.load(large.generation(0, segment)) == 1));
        first.store(WORD, 7);
        let second = open(&path, small()).unwrap();
        assert_eq!(second.layout, large);
        assert_eq!(second.load(WORD), 7);
        assert_eq!(first.identity(), second.identity());
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
    }

    #[test]
    fn the_header_is_what_others_expect() {
        let scratch = Scratch::new();
        let path = scratch.path("region");
        let layout = small();
        drop(open(&path, layout).unwrap());
        let bytes = fs::read(&path).unwrap();
        let word = |at: usize| u64::from_ne_bytes(bytes[at * 8..][..8].try_into().unwrap());
        assert_eq!(&bytes[..8], b"memolith");
        let numbers = [layout.stripes, layout.buckets, layout.segments, layout.segment].map(|number| number as u64);
        assert_eq!([word(2), word(3), word(4), word(5)], numbers);
        assert_eq!((word(1), word(6)), (2, xxh3_64(&bytes[8..48])));
    }

    #[test]
    fn what_must_not_be_used_is_refused_and_stays() {
        let scratch = Scratch::new();
        let path = scratch.path("region");
        drop(open(&path, small()).unwrap());
        let refused = |path: &Path, why: &str| {
            let error = open(path, small()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
            assert!(error.to_string().contains(why), "{error}");
            assert!(fs::symlink_metadata(path).is_ok());
        };
        let other = scratch.path("other");
        std::os::unix::fs::symlink(&path, &other).unwrap();
        refused(&other, "symbolic link");
        fs::remove_file(&other).unwrap();
        fs::hard_link(&path, &other).unwrap();
        refused(&path, "second name");
        fs::remove_file(&other).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        refused(&path, "chmod 600");
        fs::create_dir(&other).unwrap();
        refused(&other, "is no file");
        let pipe = scratch.path("pipe");
        assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status().unwrap().success());
        refused(&pipe, "is no file");
        let letter = scratch.path("letter");
        fs::write(&letter, "dear reader").unwrap();
        fs::set_permissions(&letter, Permissions::from_mode(0o600)).unwrap();
        refused(&letter, "something else");
    }

    #[test]
    fn another_version_or_a_damaged_header_gives_a_new_file_and_the_old_one_is_kept_by_who_has_it() {
        let scratch = Scratch::new();
        let path = scratch.path("region");
        // The magic, the version, a number, the checksum.
        for word in [0, 1, 3, CHECKSUM] {
            let old = open(&path, small()).unwrap();
            old.store(WORD, 7);
            old.store(word, 9);
            let new = open(&path, small()).unwrap();
            assert_ne!(old.identity(), new.identity());
            assert_eq!((old.load(WORD), new.load(WORD)), (7, 0));
            assert!(new.is_current(&path) && !old.is_current(&path));
            assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
        }
        let old = open(&path, small()).unwrap();
        old.file().set_len(4096).unwrap();
        assert!(!old.is_current(&path));
        assert_ne!(old.identity(), open(&path, small()).unwrap().identity());
        fs::remove_file(&path).unwrap();
        assert!(!old.is_current(&path));
    }

    #[test]
    fn what_a_dead_maker_left_is_removed() {
        let scratch = Scratch::new();
        fs::write(scratch.path(".region.new"), "half").unwrap();
        open(&scratch.path("region"), small()).unwrap();
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
    }

    #[test]
    fn after_a_new_start_of_the_machine_nothing_is_believed_once() {
        let scratch = Scratch::new();
        let path = scratch.path("region");
        let before = open(&path, small()).unwrap();
        let owners =
            |map: &Map| [SPACES_LOCK, map.layout.stripe(0)].map(|word| map.half(word * 2).load(Ordering::Relaxed));
        before.store(BOOT, 1);
        let after = open(&path, small()).unwrap();
        assert_eq!(owners(&after), [Owner::DEAD.bits(); 2]);
        after.half(SPACES_LOCK * 2).store(0, Ordering::Relaxed);
        assert_eq!(owners(&open(&path, small()).unwrap()), [0, Owner::DEAD.bits()]);
    }

    #[test]
    fn all_who_open_at_once_agree() {
        if let Some((_, place)) = role() {
            say("ready");
            wait();
            let open = || open(&place, small()).unwrap().identity().1;
            let seen: BTreeSet<u64> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            return say(format!("{seen:?}"));
        }
        let scratch = Scratch::new();
        let test = "shared::file::tests::all_who_open_at_once_agree";
        let mut others: Vec<_> = (0..8).map(|_| Other::start(test, "open", &scratch.path("region"))).collect();
        others.iter_mut().for_each(|other| assert_eq!(other.hear(), "ready"));
        others.iter_mut().for_each(Other::go_on);
        let seen: BTreeSet<String> = others.iter_mut().map(Other::hear).collect();
        let here = open(&scratch.path("region"), small()).unwrap().identity().1;
        assert_eq!(seen, BTreeSet::from([format!("{{{here}}}")]));
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
    }
}
