//! The region and the kernel of a model: every access is one that loom watches, and a death is a store.

use crate::sync::{AtomicU32, AtomicU64};
use std::ops::Range;

/// Processes of a model.
const ROWS: usize = 3;

/// The mapping.
pub(super) mod map {
    use super::{AtomicU32, AtomicU64, ROWS, Range};
    use crate::shared::layout::Layout;
    use loom::sync::atomic::AtomicBool;
    use std::io;
    use std::sync::Arc;

    /// Those parts of a region that a model uses. A copy is the map of another process.
    #[derive(Clone, Debug)]
    pub(in crate::shared) struct Map {
        pub(in crate::shared) layout: Layout,
        memory: Arc<Memory>,
    }

    #[derive(Debug)]
    struct Memory {
        words: Vec<(usize, Vec<AtomicU64>)>,
        halves: Vec<(usize, Vec<AtomicU32>)>,
        /// The bytes that the kernel vouches for.
        held: Vec<AtomicBool>,
    }

    impl Map {
        /// A new region of which only some words, and only some halves of others, are there; those of the first
        /// sessions always are.
        pub(in crate::shared) fn blank(layout: Layout, words: &[Range<usize>], halves: &[Range<usize>]) -> Map {
            let sessions = layout.session(0)..layout.session(ROWS);
            let words = words.iter().cloned().chain([sessions]);
            let memory = Memory {
                words: words.map(|part| (part.start, part.map(|_| AtomicU64::new(0)).collect())).collect(),
                halves: halves
                    .iter()
                    .map(|part| (part.start, part.clone().map(|_| AtomicU32::new(0)).collect()))
                    .collect(),
                held: (0..ROWS).map(|_| AtomicBool::new(false)).collect(),
            };
            Map { layout, memory: Arc::new(memory) }
        }

        pub(super) fn held(&self) -> &[AtomicBool] {
            &self.memory.held
        }

        pub(in crate::shared) fn word(&self, at: usize) -> &AtomicU64 {
            &self.words(at, 1).expect("a word of this model")[0]
        }

        pub(in crate::shared) fn half(&self, at: usize) -> &AtomicU32 {
            &self.halves(at, 1).expect("a half of this model")[0]
        }

        pub(in crate::shared) fn words(&self, at: usize, length: usize) -> Option<&[AtomicU64]> {
            find(&self.memory.words, at, length)
        }

        pub(in crate::shared) fn halves(&self, at: usize, length: usize) -> Option<&[AtomicU32]> {
            find(&self.memory.halves, at, length)
        }

        pub(in crate::shared) fn allocate(&self, _at: usize, _length: usize) -> io::Result<()> {
            Ok(())
        }

        pub(in crate::shared) fn prefetch(&self, _at: usize) {}

        pub(in crate::shared) fn is_cut(&self) -> bool {
            false
        }
    }

    fn find<T>(parts: &[(usize, Vec<T>)], at: usize, length: usize) -> Option<&[T]> {
        parts.iter().find_map(|(start, part)| part.get(at.checked_sub(*start)?..)?.get(..length))
    }
}

/// The kernel.
pub(super) mod byte {
    use super::map::Map;
    use std::io;
    use std::sync::atomic::Ordering;

    #[derive(Debug)]
    pub(in crate::shared) struct Byte;

    impl Byte {
        pub(in crate::shared) fn new() -> Self {
            Byte
        }

        pub(in crate::shared) fn take(&self, map: &Map) -> io::Result<usize> {
            let take = |row: &usize| {
                map.held()[*row].compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            };
            (0..map.held().len()).find(take).ok_or_else(|| io::ErrorKind::QuotaExceeded.into())
        }

        pub(in crate::shared) fn is_held(&self, map: &Map, byte: usize) -> bool {
            // The kernel has seen all that the dead did.
            map.held().get(byte).is_some_and(|held| held.load(Ordering::Acquire))
        }
    }

    /// The process with this row dies.
    #[cfg(test)]
    pub(in crate::shared) fn die(map: &Map, row: usize) {
        map.held()[row].store(false, Ordering::Release);
    }

    pub(in crate::shared) fn forks() -> u32 {
        0
    }
}

#[cfg(test)]
pub(super) use check::check;

#[cfg(test)]
mod check {
    use crate::sync::plant;
    use std::any::type_name;
    use std::process::Command;

    /// Changes of thread where none is needed.
    const PREEMPTIONS: usize = 3;
    /// Names the bug to plant, in a process of its own: a model that has failed cannot be taken down.
    const BUG: &str = "MEMOLITH_PLANTED";

    /// The model holds in every order of its steps, and does not with any of `bugs`. To be called by the test itself,
    /// with a closure.
    ///
    /// Who only reads is to be the thread that is spawned: it goes second where nothing else is known, and for each of its
    /// loads the checker goes back to the store before. For a store it goes back to the last access alone, which may be
    /// the storing thread's own.
    ///
    /// What is planted before stays: so a model can do without a part that would hide a fault of another.
    pub(in crate::shared) fn check<M: Fn() + Copy + Send + Sync + 'static>(model: M, bugs: &[&'static str]) {
        let bug = std::env::var(BUG).ok();
        if let Some(bug) = &bug {
            plant(bugs.iter().find(|known| *known == bug).expect("a bug of this model"));
        }
        let mut orders = loom::model::Builder::new();
        orders.preemption_bound.get_or_insert(PREEMPTIONS);
        orders.max_branches = 20_000;
        orders.check(model);
        if bug.is_some() {
            return;
        }
        let (_, test) = type_name::<M>().split_once("::").expect("the crate's name comes first");
        let test = test.trim_end_matches("::{{closure}}");
        for bug in bugs {
            let mut alone = Command::new(std::env::current_exe().expect("a test knows its program"));
            let run = alone.args(["--exact", test, "--nocapture"]).env(BUG, bug).output().expect("it starts again");
            let said = String::from_utf8_lossy(&run.stderr);
            assert!(
                !run.status.success() && said.contains("panicked"),
                "the planted bug \"{bug}\" is not seen: {said}"
            );
        }
    }
}
