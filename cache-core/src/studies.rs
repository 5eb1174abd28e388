//! Miniatures of a running cache, played the sampled part of its requests.
//!
//! Waldspurger, Saemundsson, Ahmad and Park, "Cache Modeling and Optimization using Miniature Simulations",
//! USENIX ATC 2017, <https://www.usenix.org/conference/atc17/technical-sessions/presentation/waldspurger>:
//! a cache of a hundredth of the size, asked for a hundredth of the keys only, has nearly the same hit ratio.

mod sample;

pub(crate) use sample::Sample;

use crate::simulate::{Shadows, Simulated};
use crate::sync::{AtomicU64, Mutex};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Requests that are played together: the caller who notes the last one plays them, so it is few.
const BATCH: usize = 32;

/// The studies of one cache.
#[derive(Debug)]
pub(crate) struct Studies {
    /// Hashes below this are noted by somebody; 0 while nobody studies.
    noted: AtomicU64,
    running: Mutex<Vec<Running>>,
}

#[derive(Debug)]
struct Running {
    sample: Sample,
    batch: Vec<u64>,
    shadows: Arc<Mutex<Shadows>>,
}

impl Default for Studies {
    fn default() -> Self {
        Studies { noted: AtomicU64::new(0), running: Mutex::new(Vec::new()) }
    }
}

impl Studies {
    /// A call for the key that hashes to `hash`. While nobody studies it costs one branch that is never taken.
    #[inline(always)]
    pub(crate) fn request(&self, hash: u64) {
        if hash < self.noted.load(Relaxed) {
            self.note(hash);
        }
    }

    /// From now on `shadows` are played the requests of `sample`.
    pub(crate) fn begin(&self, sample: Sample, shadows: Shadows) -> Arc<Mutex<Shadows>> {
        let shadows = Arc::new(Mutex::new(shadows));
        let mut running = self.running.lock();
        running.push(Running { sample, batch: Vec::with_capacity(BATCH), shadows: Arc::clone(&shadows) });
        self.notice(&running);
        shadows
    }

    /// `shadows` are played nothing any more.
    pub(crate) fn end(&self, shadows: &Arc<Mutex<Shadows>>) {
        let mut running = self.running.lock();
        running.retain(|study| !Arc::ptr_eq(&study.shadows, shadows));
        self.notice(&running);
    }

    /// How `shadows` did up to now, of `calls` in all.
    pub(crate) fn report(&self, shadows: &Arc<Mutex<Shadows>>, sample: Sample, calls: u64) -> Vec<Simulated> {
        let mut running = self.running.lock();
        let study = running.iter_mut().find(|study| Arc::ptr_eq(&study.shadows, shadows));
        let rest = study.map(|study| study.take()).unwrap_or_default();
        drop(running);
        let mut shadows = shadows.lock();
        shadows.play(&rest);
        shadows.results(|policy, hits, requests| sample.estimate(policy, hits, (requests, calls)))
    }

    #[cold]
    #[inline(never)]
    fn note(&self, hash: u64) {
        let mut due = Vec::new();
        for study in self.running.lock().iter_mut().filter(|study| study.sample.has(hash)) {
            study.batch.push(mixed(hash));
            if study.batch.len() >= BATCH {
                due.push((Arc::clone(&study.shadows), study.take()));
            }
        }
        // Others note meanwhile; who has the next batch ready waits here for this one.
        for (shadows, batch) in due {
            shadows.lock().play(&batch);
        }
    }

    fn notice(&self, running: &[Running]) {
        let below = running.iter().map(|study| study.sample.below()).max();
        self.noted.store(below.unwrap_or(0), Relaxed);
    }
}

impl Running {
    fn take(&mut self) -> Vec<u64> {
        std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH))
    }
}

/// The hashes of a sample all begin with the same bits, and tables look at those. Nothing is lost: each step can be undone.
fn mixed(hash: u64) -> u64 {
    let spread = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let spread = (spread ^ (spread >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    spread ^ (spread >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eviction::Policy;
    use std::sync::Weak;

    #[test]
    fn what_has_ended_notes_nothing_and_holds_nothing() {
        let studies = Studies::default();
        let (few, all) = (Sample::for_size(1 << 20), Sample::for_size(1));
        let begin = |sample| studies.begin(sample, Shadows::new(&[Policy::Lru], &[1], |maxsize| maxsize));
        assert_eq!(studies.noted.load(Relaxed), 0);
        let (long, short) = (begin(few), begin(all));
        assert_eq!(studies.noted.load(Relaxed), all.below());
        studies.end(&short);
        assert_eq!(studies.noted.load(Relaxed), few.below());
        studies.end(&long);
        assert_eq!(studies.noted.load(Relaxed), 0);
        // A call that began before the end comes too late.
        studies.note(0);
        let held: Vec<Weak<_>> = vec![Arc::downgrade(&long), Arc::downgrade(&short)];
        drop((long, short));
        assert!(held.iter().all(|shadows| shadows.upgrade().is_none()));
    }
}
