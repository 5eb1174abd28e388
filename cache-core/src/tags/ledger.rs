//! What this process knows of the tags of one backend, and how it asks and tells.

use super::recent::Moment;
use super::table::Table;
pub(crate) use super::table::Verdict;
use super::{Carried, Tag, reached, recent, registry};
use crate::backend::{Backend, Space, TagState, Watch};
use crate::error::{Error, ErrorKind, Result};
use crate::fault::{BACKEND, unpanicked};
use crate::stale::{Stale, Told};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Weak};

/// The tags of one backend, as all caches of this process on it know them.
#[derive(Debug)]
pub(crate) struct Ledger {
    backend: Arc<dyn Backend>,
    identity: usize,
    /// Invalidations by others.
    told: Arc<Told>,
    /// Whether the table was emptied for them.
    stale: Arc<Stale>,
    table: Mutex<Table>,
    caches: Mutex<Vec<(Weak<Stale>, Hears)>>,
    /// Whether the backend keeps no tags: then no entry of it that carries any is believed.
    unsupported: AtomicBool,
    watched: AtomicBool,
    /// Whether the backend was told of what this process had invalidated before.
    begun: AtomicBool,
}

/// How a cache learns that this process has invalidated a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hears {
    /// It knows which of its entries carry the tag, and removes these.
    Which,
    /// It does not, and drops its memory tier.
    That,
}

impl Ledger {
    /// The ledger of `backend`, the same for all caches on it.
    ///
    /// What this process has invalidated before is invalidated there now: the first cache on a backend may be made later
    /// than that, at the first call of its function. What was invalidated there already is not once more, though the
    /// caches and their ledger were gone since.
    pub(crate) fn of(backend: &Arc<dyn Backend>, cache: &Arc<Stale>, hears: Hears) -> (Arc<Ledger>, Result<()>) {
        let ledger = registry::ledger_of(backend, |identity| {
            let (told, stale) = (Arc::new(Told::default()), Arc::new(Stale::default()));
            stale.attend(&told);
            Ledger {
                backend: Arc::clone(backend),
                identity,
                told,
                stale,
                table: Mutex::default(),
                caches: Mutex::default(),
                unsupported: AtomicBool::new(false),
                watched: AtomicBool::new(false),
                begun: AtomicBool::new(false),
            }
        });
        ledger.tell(cache, hears);
        let begun = ledger.begin();
        (ledger, begun)
    }

    /// That of the backend.
    pub(super) fn identity(&self) -> usize {
        self.identity
    }

    fn begin(&self) -> Result<()> {
        if self.begun.load(Acquire) {
            return Ok(());
        }
        if !self.watched.swap(true, Relaxed) {
            let watch: Weak<Told> = Arc::downgrade(&self.told);
            // A backend that cannot watch is one that is not heard of.
            let _ = unpanicked(BACKEND, || {
                self.backend.watch(&Space::of_tags(), watch);
                Ok(())
            });
        }
        let (tags, complete, until) = match self.look() {
            Ok(()) => recent::since(reached::until(self.table.lock().last)),
            Err(_) => recent::since(Moment::default()),
        };
        if complete == recent::Complete::No {
            self.table.lock().lose();
        }
        let begun = match tags.is_empty() {
            true => self.look(),
            false => self.invalidate(&tags),
        };
        // What has failed is known to have failed.
        self.begun.store(true, Release);
        self.reached(until);
        begun
    }

    /// Every invalidation until then has been noted there, as far as none has failed.
    pub(super) fn reached(&self, until: Moment) {
        let table = self.table.lock();
        if self.begun.load(Acquire) && table.again().is_none() {
            reached::note(table.last, until);
        }
    }

    /// Has a cache told of invalidations, by others and, as far as it does not know by itself, by this process.
    fn tell(&self, stale: &Arc<Stale>, hears: Hears) {
        stale.attend(&self.told);
        let mut caches = self.caches.lock();
        caches.retain(|(stale, _)| stale.strong_count() > 0);
        caches.push((Arc::downgrade(stale), hears));
    }

    /// What an entry made from now on is to carry besides its tags: epoch and clock.
    pub(crate) fn present(&self) -> (u64, u64) {
        self.heed();
        self.table.lock().last
    }

    /// As a clock that was known once may say too much: a file can be replaced by an older copy of itself.
    pub(crate) fn earlier(&self, (epoch, clock): (u64, u64)) -> (u64, u64) {
        match self.table.lock().last {
            (current, least) if current == epoch => (epoch, clock.min(least)),
            _ => (epoch, clock),
        }
    }

    /// Whether epoch and clock are known, or never will be.
    pub(crate) fn is_ready(&self) -> bool {
        self.heed();
        self.table.lock().state.is_some() || self.unsupported.load(Relaxed)
    }

    /// Asks for epoch and clock.
    pub(crate) fn look(&self) -> Result<()> {
        self.ask(&[]).map(drop)
    }

    /// What is known of an entry without asking.
    pub(crate) fn verdict(&self, carried: &Carried) -> Verdict {
        if self.unsupported.load(Relaxed) {
            return Verdict::Invalidated;
        }
        self.heed();
        self.table.lock().verdict(carried)
    }

    /// Whether an entry is good; the backend is asked where that is not known.
    pub(crate) fn is_good(&self, carried: &Carried) -> Result<bool> {
        let verdict = match self.verdict(carried) {
            Verdict::Unknown => {
                let state = self.ask(&carried.tags)?;
                self.table.lock().judge(carried, &state)
            }
            known => known,
        };
        Ok(verdict == Verdict::Good)
    }

    /// As [`is_good`](Self::is_good) for each of `all`, with one question about all that is not known.
    pub(crate) fn are_good(&self, all: &[Arc<Carried>]) -> Result<Vec<bool>> {
        let verdicts: Vec<Verdict> = all.iter().map(|carried| self.verdict(carried)).collect();
        let unknown = || all.iter().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Unknown);
        let tags: BTreeSet<&Tag> = unknown().flat_map(|(carried, _)| &carried.tags).collect();
        let tags: Vec<Tag> = tags.into_iter().cloned().collect();
        if unknown().next().is_none() {
            return Ok(verdicts.into_iter().map(|verdict| verdict == Verdict::Good).collect());
        }
        let answer = self.ask(&tags)?;
        let table = self.table.lock();
        let judge = |(carried, verdict): (&Arc<Carried>, Verdict)| match verdict {
            Verdict::Unknown => table.judge(carried, &part(&answer, &tags, carried)) == Verdict::Good,
            known => known == Verdict::Good,
        };
        Ok(all.iter().zip(verdicts.iter().copied()).map(judge).collect())
    }

    /// The same, if nobody has to be asked.
    pub(crate) fn known(&self, all: &[Arc<Carried>]) -> Option<Vec<bool>> {
        let verdict = |carried: &Arc<Carried>| match self.verdict(carried) {
            Verdict::Unknown => None,
            known => Some(known == Verdict::Good),
        };
        all.iter().map(verdict).collect()
    }

    /// Invalidates `tags` in the backend, and tells others. If that fails, this process believes no entry that carries
    /// one of them until it has succeeded, and each use of such an entry tries again.
    pub(super) fn invalidate(&self, tags: &[Tag]) -> Result<()> {
        let answer = self.invalidate_there(tags);
        match &answer {
            Ok(state) => self.table.lock().invalidated(tags, state),
            Err(_) => self.table.lock().failed(tags),
        }
        // Whether it has failed or not, others may have a copy.
        self.announce();
        answer.map(drop)
    }

    fn announce(&self) {
        let mut knowing = vec![Arc::clone(&self.stale)];
        for (cache, hears) in self.caches.lock().iter() {
            let Some(cache) = cache.upgrade() else { continue };
            match hears {
                Hears::Which => knowing.push(cache),
                Hears::That => cache.invalidated(),
            }
        }
        self.told.raise_but_for(&knowing);
    }

    fn ask(&self, tags: &[Tag]) -> Result<TagState> {
        if self.unsupported.load(Relaxed) {
            return Err(unsupported());
        }
        self.heed();
        let (generation, again) = {
            let table = self.table.lock();
            (table.generation, table.again())
        };
        if let Some(again) = again {
            let state = self.invalidate_there(&again.tags)?;
            self.table.lock().made_good(&again, &state);
            self.announce();
        }
        let answer = unpanicked(BACKEND, || self.backend.tags(&slices(tags)));
        let state = self.checked(tags, answer)?;
        // News that came while it was asked is news about the answer too.
        self.heed();
        self.table.lock().learn(generation, tags, &state);
        Ok(state)
    }

    fn invalidate_there(&self, tags: &[Tag]) -> Result<TagState> {
        let answer = unpanicked(BACKEND, || self.backend.invalidate_tags(&slices(tags)));
        self.checked(tags, answer)
    }

    fn checked(&self, tags: &[Tag], answer: Result<TagState>) -> Result<TagState> {
        if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unsupported) {
            self.unsupported.store(true, Relaxed);
        }
        let state = answer?;
        if state.invalidated.len() != tags.len() || state.epoch == 0 {
            let message = "the backend's answer about tags does not fit the question, they are taken for invalid";
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        Ok(state)
    }

    /// Empties the table if others have invalidated something.
    fn heed(&self) {
        if let Some(news) = self.stale.news() {
            self.table.lock().outdate();
            self.stale.heed(news);
        }
    }
}

/// What an answer about `tags`, which are in order, says of those of an entry.
fn part(answer: &TagState, tags: &[Tag], carried: &Carried) -> TagState {
    // One that was not asked about is taken for invalidated.
    let at = |tag: &Tag| tags.binary_search(tag).map_or(u64::MAX, |at| answer.invalidated[at]);
    TagState { invalidated: carried.tags.iter().map(at).collect(), ..*answer }
}

fn slices(tags: &[Tag]) -> Vec<&[u8]> {
    tags.iter().map(|tag| &**tag).collect()
}

fn unsupported() -> Error {
    let message = "this backend keeps no tags, so values that carry some are kept in memory alone";
    Error::new(ErrorKind::Unsupported, message)
}
