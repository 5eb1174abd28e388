//! A page of words in a file, mapped by every process that opens it: each is raised by whoever invalidates.

#![expect(unsafe_code, reason = "a page that is mapped is found by a pointer")]

use parking_lot::Mutex;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::ptr::null_mut;
use std::sync::atomic::AtomicU64;
use xxhash_rust::xxh3::xxh3_64;

/// Words of a board.
const WORDS: usize = 512;
/// Bytes of a board.
const BYTES: u64 = (WORDS * size_of::<AtomicU64>()) as u64;

/// The words of a page of a file. They stay for as long as the process does, whatever becomes of the file.
///
/// Who cuts the file ends every process that looks at a word afterwards, unless somebody catches the signal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Board {
    words: &'static [AtomicU64; WORDS],
}

/// Which part of which file a board is: device, inode, page. A file that is mapped keeps its inode.
type Page = (u64, u64, u64);

/// The boards of this process. A page is mapped once, so that a word has one address, and never let go: caches follow
/// its words for as long as they live.
static BOARDS: Mutex<Vec<(Page, Board)>> = Mutex::new(Vec::new());

impl Board {
    /// The board that page `page` of 4 KiB of `file` is. A fork shares it with its parent.
    ///
    /// The mapping keeps `file` open, and with it a lock that was taken through it: it must have none.
    ///
    /// # Errors
    /// When the file ends before the page does, cannot be written, or cannot be mapped.
    pub(crate) fn of(file: &File, page: u64) -> io::Result<Board> {
        let found = file.metadata()?;
        let start =
            page.checked_mul(BYTES).filter(|start| start.checked_add(BYTES).is_some_and(|end| end <= found.len()));
        let start = start.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the file has no such page"))?;
        let page = (found.dev(), found.ino(), page);
        let mut boards = BOARDS.lock();
        if let Some((_, board)) = boards.iter().find(|(known, _)| *known == page) {
            return Ok(*board);
        }
        let board = Board { words: mapped(file, start)? };
        boards.push((page, board));
        Ok(board)
    }

    /// As [`of`](Self::of) for the first page of a file that is made longer if it has none. What is in it stays.
    ///
    /// To be called by one process at a time: where the system must write to make a file longer, it would write over
    /// what another has raised.
    pub(crate) fn first_of(file: &File) -> io::Result<Board> {
        if file.metadata()?.len() < BYTES {
            // SAFETY: the descriptor is open for as long as `file` is borrowed, and no memory is passed.
            let failure = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, BYTES as libc::off_t) };
            if failure != 0 {
                return Err(io::Error::from_raw_os_error(failure));
            }
        }
        Board::of(file, 0)
    }

    /// The word of `space`: by a hash that is a written format, because all processes must agree. Spaces that share a
    /// word hear of each other's removals, which costs misses alone.
    pub(crate) fn word(&self, space: &str) -> &'static AtomicU64 {
        &self.words[(xxh3_64(space.as_bytes()) % WORDS as u64) as usize]
    }
}

/// The words that begin at byte `start` of `file`, which is longer.
fn mapped(file: &File, start: u64) -> io::Result<&'static [AtomicU64; WORDS]> {
    // SAFETY: it only answers.
    let unit = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(BYTES).max(BYTES);
    // Where the pages of the system are larger, a board lies within one.
    let before = start % unit;
    let start = libc::off_t::try_from(start - before).map_err(io::Error::other)?;
    let (protection, length) = (libc::PROT_READ | libc::PROT_WRITE, (before + BYTES) as usize);
    // SAFETY: no address is asked for, so nothing that is mapped is replaced; the descriptor is open for as long as
    // `file` is borrowed, and the mapping does not need it afterwards.
    let address = unsafe { libc::mmap(null_mut(), length, protection, libc::MAP_SHARED, file.as_raw_fd(), start) };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `before + BYTES` bytes are mapped there, for as long as nobody unmaps them, and nobody does. The sum is a
    // multiple of `BYTES`, and so aligned and not null. Any bits make an `AtomicU64`; this process reaches them by
    // references to the atomics alone, and what others do to the file is to it as if they were atomic stores.
    Ok(unsafe { &*address.byte_add(before as usize).cast::<[AtomicU64; WORDS]>() })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::os::unix::fs::FileExt;
    use std::path::PathBuf;
    use std::sync::atomic::Ordering::{Relaxed, SeqCst};

    /// A file of a test's own, removed at its end.
    struct Draft(PathBuf, File);

    impl Draft {
        fn new(name: &str, length: u64) -> Draft {
            let path = std::env::temp_dir().join(format!("memolith-board-{name}-{}", std::process::id()));
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
            file.set_len(length).unwrap();
            Draft(path, file)
        }
    }

    impl Drop for Draft {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn a_page_is_mapped_once_and_is_the_file() {
        let draft = Draft::new("once", 3 * BYTES);
        let again = OpenOptions::new().read(true).write(true).open(&draft.0).unwrap();
        let (one, other, third) =
            (Board::of(&draft.1, 1).unwrap(), Board::of(&again, 1).unwrap(), Board::of(&again, 2).unwrap());
        assert!(std::ptr::eq(one.words, other.words));
        assert!(!std::ptr::eq(one.words, third.words));
        one.word("space").fetch_add(7, SeqCst);
        assert_eq!(third.word("space").load(SeqCst), 0);
        let mut bytes = vec![0; 3 * BYTES as usize];
        draft.1.read_exact_at(&mut bytes, 0).unwrap();
        let at = bytes.iter().position(|byte| *byte == 7).unwrap();
        assert_eq!(at as u64, BYTES + 8 * (xxh3_64(b"space") % 512), "where others look for it");
    }

    #[test]
    fn every_process_finds_a_space_in_the_same_place() {
        let draft = Draft::new("format", BYTES);
        let board = Board::of(&draft.1, 0).unwrap();
        let at = |space: &str| (board.word(space).as_ptr().addr() - board.words.as_ptr().addr()) / 8;
        assert_eq!([at(""), at("a"), at("examples::area@v:2")], [194, 31, 331]);
    }

    #[test]
    fn a_page_that_is_not_there_is_no_board() {
        let draft = Draft::new("short", BYTES - 1);
        for page in [0, 1, u64::MAX, u64::MAX / BYTES] {
            assert!(Board::of(&draft.1, page).is_err(), "page {page}");
        }
        let sealed = OpenOptions::new().read(true).open(&draft.0).unwrap();
        draft.1.set_len(BYTES).unwrap();
        assert!(Board::of(&sealed, 0).is_err(), "a board that cannot be raised");
    }

    #[test]
    fn a_file_grows_and_keeps_what_is_in_it() {
        let draft = Draft::new("grown", 0);
        draft.1.write_all_at(&[1; 16], 0).unwrap();
        let board = Board::first_of(&draft.1).unwrap();
        let sum = || board.words.iter().map(|word| word.load(Relaxed)).fold(0, u64::wrapping_add);
        assert_eq!(sum(), u64::from_ne_bytes([1; 8]).wrapping_mul(2));
        draft.1.set_len(2 * BYTES).unwrap();
        Board::first_of(&draft.1).unwrap();
        assert_eq!((sum(), draft.1.metadata().unwrap().len()), (u64::from_ne_bytes([1; 8]).wrapping_mul(2), 2 * BYTES));
    }
}
