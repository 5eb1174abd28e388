//! Values that are to be computed anew, and may be served meanwhile.

use super::{Cache, Lookup};
use crate::aging::{Old, Term};
use crate::bytes::Stamp;
use crate::flight::Flight;
use crate::key::{Key, KeyRef, Value};
use crate::lease::{Fetched, Lease};
use crate::memory::{Life, NEVER, later};
use crate::remote::Remote;
use crate::scope::Mode;
use crate::stale::{Basis, Mark};
use crate::storing::Storing;
use crate::sync::planted;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

impl<K: Key, V: Value> Cache<K, V> {
    /// How a lookup ends that has asked the backend, and what is then to be written there.
    pub(super) fn settled<'a>(
        &'a self,
        mut lease: Lease<'a, K, V>,
        fetched: Fetched<V>,
        mode: Mode,
    ) -> (Lookup<'a, K, V>, Option<Storing<K, V>>) {
        match fetched {
            Fetched::Fresh(value, stamp, rest) => {
                let (value, storing) = self.found(lease, (value, stamp, rest));
                (Lookup::Hit(value), storing)
            }
            Fetched::Elsewhere(_) => match lease.fall_back() {
                Some(value) => {
                    self.count_hit();
                    (Lookup::Hit(value), None)
                }
                None => (self.miss(lease, mode), None),
            },
            Fetched::Old(_) | Fetched::Nothing => (self.miss(lease, mode), None),
        }
    }

    /// A value that the backend had: it goes into memory and to those who wait.
    pub(crate) fn found(&self, lease: Lease<'_, K, V>, found: (V, Stamp, Term)) -> (V, Option<Storing<K, V>>) {
        self.count_backend_hit();
        lease.keep(found.0, found.1, found.2)
    }

    /// What is to be made of a record of the backend.
    pub(crate) fn sift(&self, found: Option<(V, Stamp)>) -> Fetched<V> {
        let Some((value, stamp)) = found else { return Fetched::Nothing };
        let rest = self.settings.rest(&stamp, self.settings.clock.now());
        if !self.settings.is_due(&rest) {
            return Fetched::Fresh(value, stamp, rest);
        }
        let until = rest.end.map_or(NEVER, |end| later(self.now(), end));
        Fetched::Old(Old { value: value.into(), until, tags: stamp.tags })
    }

    /// What the backend has for somebody who keeps nothing.
    pub(crate) fn passed(&self, fetched: Fetched<V>) -> Option<V> {
        let value = match fetched {
            Fetched::Fresh(value, ..) => value,
            Fetched::Old(old) => {
                self.count_stale(old.until, self.now());
                V::clone(&old.value)
            }
            Fetched::Elsewhere(_) | Fetched::Nothing => return None,
        };
        self.count_backend_hit();
        Some(value)
    }

    /// The old value that whoever computes the key has offered to others.
    #[inline]
    pub(crate) fn offered(&self, flight: &Flight<V>, now: u64) -> Option<V> {
        if !self.settings.aging.is_on() {
            return None;
        }
        let old = flight.offered(now)?;
        self.count_hit();
        self.count_stale(old.until, now);
        Some(V::clone(&old.value))
    }

    /// The old value that memory has, counted as a hit.
    pub(crate) fn find_old<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<V> {
        let now = self.now();
        let (value, until) = self.recalled(hash, key, now).filter(|_| self.mode().reads)?;
        self.count_hit();
        self.count_stale(until, now);
        Some(value)
    }

    /// Gives `lease` the old value that memory has, to offer it to others, unless others have removed something since
    /// `before`, when the lease was not yet on the board: it may be this, and nobody would take it back.
    pub(crate) fn recall<Q: KeyRef<K> + ?Sized>(&self, lease: &mut Lease<'_, K, V>, key: &Q, before: Option<Mark>) {
        // What leaves by a tag after this takes the lease off the board.
        self.leave_if_due();
        let Some((value, until)) = self.recalled(lease.hash(), key, self.now_if_aging()) else { return };
        let unheard = |remote: &Remote<K, V>| {
            remote.store.news().is_none() && before.is_some_and(|before| !remote.store.is_past(before))
        };
        if self.remote.as_ref().is_none_or(unheard) || planted("offered before the news") {
            lease.recall(Old { value: value.into(), until, tags: None });
        }
    }

    /// What others have removed, where that matters to an old value.
    #[inline]
    pub(crate) fn mark_if_aging(&self) -> Option<Mark> {
        self.remote.as_ref().filter(|_| self.settings.aging.is_on()).map(|remote| remote.store.mark(Basis::Read))
    }

    /// The old value that memory has, and until when it may be served.
    fn recalled<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, now: u64) -> Option<(V, u64)> {
        if self.settings.aging.is_on() && !self.memory.is_off() { self.memory.old(hash, key, now) } else { None }
    }

    /// Counts an answer, if its time to live was over.
    pub(crate) fn count_stale(&self, until: u64, now: u64) {
        if self.settings.aging.is_past(until, now) {
            self.counts.stale.fetch_add(1, Relaxed);
        }
    }

    /// The time, where anything may be old.
    #[inline]
    pub(crate) fn now_if_aging(&self) -> u64 {
        if self.settings.aging.is_on() { self.now() } else { 0 }
    }

    /// How long a value lives in memory, beginning now.
    #[inline]
    pub(crate) fn life(&self, term: Term, weight: u64) -> Life {
        if term.end.is_some() || self.settings.expires() || self.memory.is_mortal() {
            return self.life_from(self.now(), term, weight);
        }
        Life { now: 0, due: NEVER, limit: NEVER, weight }
    }

    #[inline(never)]
    fn life_from(&self, now: u64, term: Term, weight: u64) -> Life {
        let after = |left: Option<Duration>| left.map_or(NEVER, |left| later(now, left));
        Life { now, due: after(term.due), limit: after(term.end), weight }
    }
}
