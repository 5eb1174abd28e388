//! The path of a hit: no lock, no locked instruction, and, in a small tier under LRU, no write to what others read.
//!
//! Once in a long while a log is full, or a clock too far ahead, and then there is one of each.

use super::slab::Opened;
use super::stripes::{Stripe, add};
use super::table::Table;
use super::{Memory, NEVER, later};
use crate::eviction::{Slot, Trace};
use crate::key::{Key, KeyRef, Value};
use std::ops::Deref;
use std::sync::atomic::Ordering::Relaxed;

/// What a hit has to do, in one word that it compares once.
struct Mode;

impl Mode {
    const TRACE: u32 = 3;
    const NOTHING: u32 = 0;
    /// The whole word in the common case: an exact LRU in which nothing expires.
    const STAMP: u32 = 1;
    const COUNT: u32 = 2;
    const LOG: u32 = 3;
    /// Some entries expire.
    const MORTAL: u32 = 4;
    /// How far hits are counted, from this bit on.
    const MOST: u32 = 8;
}

/// A value that was found. It stays in place until this is dropped: so be quick.
pub(crate) struct Hit<'a, K, V>(Opened<'a, K, V>);

impl<K, V> Deref for Hit<'_, K, V> {
    type Target = V;

    #[inline(always)]
    fn deref(&self) -> &V {
        &self.0.entry().1
    }
}

impl<K: Key, V: Value> Memory<K, V> {
    /// The live value of `key`, counted as a hit and noted for the policy. `now` is only asked where something expires.
    ///
    /// It is a part of every cached function, and so only for the common case: anything unusual is `None`, so ask
    /// [`get`](Self::get) then.
    #[inline(always)]
    pub(crate) fn hit<Q: KeyRef<K> + ?Sized>(
        &self,
        hash: u64,
        key: &Q,
        now: impl Fn() -> u64,
    ) -> Option<Hit<'_, K, V>> {
        let stripe = self.stripes.mine_near()?;
        let way = self.index.first(hash)?.word();
        let opened = self.slab.open_near(stripe.hazard_near()?.try_protect(way)?)?;
        if !key.is(&opened.entry().0) {
            return None;
        }
        let mode = self.mode.load(Relaxed);
        // Before the reading ends, so that the slot has no new tenant yet.
        let noted = match mode {
            Mode::STAMP => stripe.stamp(opened.slot(), opened.mark(), &self.clock.0),
            Mode::NOTHING => true,
            _ => self.note(stripe, opened.slot(), mode, now),
        };
        if !noted {
            return None;
        }
        add(&stripe.hits);
        Some(Hit(opened))
    }

    /// As [`hit`](Self::hit) in every case, and a copy. `now` is only asked where something expires.
    #[inline(always)]
    pub(crate) fn get<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, now: impl Fn() -> u64) -> Option<V> {
        // All that most of those do who miss.
        if self.index.is_absent(hash) { None } else { self.get_present(hash, key, now) }
    }

    #[inline(never)]
    fn get_present<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, now: impl Fn() -> u64) -> Option<V> {
        match self.stripes.mine() {
            Some(stripe) => Some(V::clone(&*self.hit_by(stripe, hash, key, now)?)),
            None => self.with_stripe(|stripe| Some(V::clone(&*self.hit_by(stripe, hash, key, now)?))),
        }
    }

    fn hit_by<'a, Q: KeyRef<K> + ?Sized>(
        &'a self,
        stripe: &'a Stripe,
        hash: u64,
        key: &Q,
        now: impl Fn() -> u64,
    ) -> Option<Hit<'a, K, V>> {
        let opened = self.find(stripe, hash, key)?;
        if !self.note(stripe, opened.slot(), self.mode.load(Relaxed), now) {
            return None;
        }
        add(&stripe.hits);
        Some(Hit(opened))
    }

    /// Whether `key` has a live value; no hit for anybody.
    pub(crate) fn contains<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, now: impl Fn() -> u64) -> bool {
        self.with_stripe(|stripe| {
            let found = self.find(stripe, hash, key);
            found.is_some_and(|opened| {
                let end = self.end(opened.slot());
                end == NEVER || end > now()
            })
        })
    }

    /// The value of `key` that may still be served, be it one that is no hit any more, and until when; no hit for anybody.
    pub(crate) fn old<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, now: u64) -> Option<(V, u64)> {
        self.with_stripe(|stripe| {
            let opened = self.find(stripe, hash, key)?;
            let end = self.end(opened.slot());
            (end > now).then(|| (V::clone(&opened.entry().1), end))
        })
    }

    /// Has `key` hit until `due` if its hits have ended, but no longer than it may be served. Whether it is there.
    pub(crate) fn postpone<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, now: u64, due: u64) -> bool {
        self.with_stripe(|stripe| {
            // While it is read, the slot is no other entry's.
            let Some(opened) = self.find(stripe, hash, key) else { return false };
            let slot = opened.slot();
            if self.deadline(slot) <= now
                && let Some(deadline) = self.deadlines.get(slot as usize)
            {
                deadline.store(!due.min(self.end(slot)), Relaxed);
            }
            true
        })
    }

    fn find<'a, Q: KeyRef<K> + ?Sized>(&'a self, stripe: &'a Stripe, hash: u64, key: &Q) -> Option<Opened<'a, K, V>> {
        let hazard = stripe.hazard()?;
        self.index.find(hash, |place| {
            let opened = self.slab.open(hazard.protect(place.word())?);
            if key.is(&opened.entry().0) { Some(opened) } else { None }
        })
    }

    /// Notes a hit on `slot`, if its time is not over.
    #[inline(never)]
    fn note(&self, stripe: &Stripe, slot: Slot, mode: u32, now: impl Fn() -> u64) -> bool {
        if mode & Mode::MORTAL != 0 && !self.lives_on(slot, now) {
            return false;
        }
        let mark = self.slab.mark(slot);
        match mode & Mode::TRACE {
            Mode::NOTHING => {}
            Mode::STAMP => stripe.stamp_and_share(slot, mark, &self.clock.0),
            Mode::COUNT => {
                let count = mark.load(Relaxed);
                // A line that nobody writes stays in the caches of all the cores that read it.
                if count < u64::from(mode >> Mode::MOST) {
                    mark.store(count + 1, Relaxed);
                }
            }
            _ => {
                if !stripe.log(slot) {
                    self.tell(&mut self.table.0.lock());
                    stripe.log(slot);
                }
            }
        }
        true
    }

    /// Whether the time of `slot` is not over; a use moves its end.
    #[inline]
    fn lives_on(&self, slot: Slot, now: impl Fn() -> u64) -> bool {
        let deadline = self.deadline(slot);
        if deadline == NEVER {
            return true;
        }
        let now = now();
        if deadline <= now {
            return false;
        }
        if let Some(tti) = self.tti {
            let limit = self.limits.get(slot as usize).map_or(NEVER, |limit| !limit.load(Relaxed));
            let moved = later(now, tti).min(limit);
            if moved > deadline
                && let Some(deadline) = self.deadlines.get(slot as usize)
            {
                deadline.store(!moved, Relaxed);
            }
        }
        true
    }

    /// When `slot` is not to be served any more.
    #[inline]
    pub(super) fn end(&self, slot: Slot) -> u64 {
        // Uses move the end of what can be idle; nothing moves that of others.
        let ends = if self.tti.is_some() { &self.deadlines } else { &self.limits };
        ends.get(slot as usize).map_or(NEVER, |end| !end.load(Relaxed))
    }

    /// When hits on `slot` end.
    #[inline]
    pub(super) fn deadline(&self, slot: Slot) -> u64 {
        self.deadlines.get(slot as usize).map_or(NEVER, |deadline| !deadline.load(Relaxed))
    }

    /// Tells the policy of the hits that were logged.
    #[inline]
    pub(super) fn tell(&self, table: &mut Table) {
        if self.mode.load(Relaxed) & Mode::TRACE == Mode::LOG {
            self.tell_all(table);
        }
    }

    #[inline(never)]
    fn tell_all(&self, table: &mut Table) {
        let Some(eviction) = &mut table.eviction else { return };
        for stripe in self.stripes.all() {
            // A hit can be told after its entry has left.
            stripe.tell(|slot| {
                if table.live.contains(slot) {
                    eviction.touch(slot)
                }
            });
        }
    }

    /// Whether hits count, so that marks begin at 0.
    #[inline]
    pub(super) fn counts(&self) -> bool {
        self.mode.load(Relaxed) & Mode::TRACE == Mode::COUNT
    }

    /// Says anew what hits have to do.
    pub(super) fn set_mode(&self, table: &Table) {
        let trace = table.eviction.as_ref().map_or(Trace::Nothing, |eviction| eviction.trace());
        let trace = match trace {
            Trace::Nothing => Mode::NOTHING,
            Trace::Stamp => Mode::STAMP,
            Trace::Count(most) => Mode::COUNT | u32::from(most) << Mode::MOST,
            Trace::Log => Mode::LOG,
        };
        let mortal = if self.mortal.load(Relaxed) { Mode::MORTAL } else { 0 };
        self.mode.store(trace | mortal, Relaxed);
    }
}
