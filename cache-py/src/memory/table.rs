//! The table of one cache. Nothing in this file runs Python code.

use super::clock::{Lifetimes, NEVER};
use super::departed::Departed;
use super::entry::{Rare, View, Whole};
use super::front::{self, Front, Turn};
use super::hash;
use super::index::{Index, prefetch};
use super::matching::same_call;
use super::mode::{Mode, Order};
use super::recency::Recency;
use super::same::Same;
use super::slab::Slab;
use crate::call::Call;
use memolith_core::__private::Evictor;
use pyo3::ffi::{self, PyObject};

/// Entries, who leaves next, and what is counted.
pub(super) struct Table {
    pub(super) index: Index,
    pub(super) slab: Slab,
    pub(super) recency: Recency,
    pub(super) evictor: Option<Evictor>,
    /// `None` where it does not pay.
    pub(super) front: Option<Front>,
    turn: Turn,
    pub(super) lifetimes: Lifetimes,
    pub(super) maxsize: usize,
    /// Rises whenever an entry comes or goes.
    pub(super) version: u64,
    /// Where the search for entries that are over goes on.
    hand: u32,
    pub(super) counts: Counts,
}

/// What was counted since the last clear.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) coalesced: u64,
    pub(super) evictions: u64,
    pub(super) expired: u64,
}

/// What a table knows about a call.
pub(super) enum Found {
    /// A new reference to the value.
    Hit(*mut PyObject),
    Absent,
    /// Only comparisons in Python can tell.
    Ask,
    /// There is an entry, whose time is over.
    Over(Place),
}

/// Where an entry is, as long as the table has this version.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) id: u32,
    pub(super) version: u64,
}

/// Where the entry of a call is.
#[derive(Clone, Copy)]
pub(super) enum Sought {
    At(u32),
    Absent,
    /// Only comparisons in Python can tell.
    Ask,
}

impl Table {
    pub(super) fn new(maxsize: usize, evictor: Option<Evictor>, lifetimes: Lifetimes) -> Self {
        Table {
            index: Index::new(),
            slab: Slab::new(),
            recency: Recency::default(),
            evictor,
            front: None,
            turn: Turn::new(),
            lifetimes,
            maxsize,
            version: 0,
            hand: 1,
            counts: Counts::default(),
        }
    }

    /// The value of a call whose arguments are the very objects of an entry.
    ///
    /// # Safety
    /// The thread is attached.
    #[inline(always)]
    pub(super) unsafe fn glance(&mut self, call: &Call<'_>, mode: Mode) -> Option<*mut PyObject> {
        let id = self.front.as_ref()?.get(call);
        if !front::is_identical(self.slab.view(id), call) {
            return None;
        }
        // SAFETY: passed on.
        match unsafe { self.hit(id, mode) } {
            Found::Hit(value) => Some(value),
            _ => None,
        }
    }

    /// The value of a call.
    ///
    /// # Safety
    /// The thread is attached, and `hash` is that of `call`.
    #[inline(always)]
    pub(super) unsafe fn find(&mut self, call: &Call<'_>, hash: u32, mode: Mode) -> Found {
        // SAFETY: passed on.
        match unsafe { self.seek(call, hash, mode) } {
            // SAFETY: passed on.
            Sought::At(id) => unsafe {
                let found = self.hit(id, mode);
                self.note(call, id);
                found
            },
            Sought::Absent => Found::Absent,
            Sought::Ask => Found::Ask,
        }
    }

    /// Has the front know the entry that was found without it.
    ///
    /// # Safety
    /// Arguments are alive.
    #[inline(always)]
    unsafe fn note(&mut self, call: &Call<'_>, id: u32) {
        if let Some(front) = &mut self.front
            // SAFETY: passed on.
            && unsafe { hash::is_quiet(call) }
        {
            front.set(call, id);
        }
        if cfg!(not(Py_GIL_DISABLED)) && self.turn.is_due() {
            let is_small = self.index.len() <= front::MOST;
            let shall_be = self.turn.decide(self.counts.hits, self.front.is_some()) && is_small;
            if shall_be != self.front.is_some() {
                self.front = shall_be.then(Front::new);
            }
        }
    }

    /// Where the entry of a call is; nothing is counted.
    ///
    /// # Safety
    /// The thread is attached, and `hash` is that of `call`.
    #[inline(always)]
    pub(super) unsafe fn seek(&self, call: &Call<'_>, hash: u32, mode: Mode) -> Sought {
        if let Some(id) = self.index.guess(hash) {
            let view = self.slab.view(id);
            // SAFETY: arguments and entries are alive.
            if view.entry.hash == hash && unsafe { same_call(view, call, mode) } == Same::Yes {
                return Sought::At(id);
            }
        }
        if self.index.is_absent(hash) {
            return Sought::Absent;
        }
        // SAFETY: passed on.
        unsafe { self.seek_on(call, hash, mode) }
    }

    /// The same for entries that are not where they like to be, and those that are not there.
    ///
    /// # Safety
    /// As [`seek`](Self::seek).
    #[inline(never)]
    unsafe fn seek_on(&self, call: &Call<'_>, hash: u32, mode: Mode) -> Sought {
        let mut is_asked = false;
        let found = self.index.find(hash, |id| {
            let view = self.slab.view(id);
            if view.entry.hash != hash {
                return false;
            }
            // SAFETY: arguments and entries are alive.
            let same = unsafe { same_call(view, call, mode) };
            is_asked |= same == Same::Ask;
            same == Same::Yes
        });
        match found {
            Some(id) => Sought::At(id),
            None if is_asked => Sought::Ask,
            None => Sought::Absent,
        }
    }

    /// The value of an entry, which is used thereby.
    ///
    /// # Safety
    /// The thread is attached.
    #[inline(always)]
    pub(super) unsafe fn hit(&mut self, id: u32, mode: Mode) -> Found {
        if mode.timed
            && let Some(rare) = self.slab.rare_mut(id)
            && rare.deadline != NEVER
        {
            let now = self.lifetimes.now();
            if now >= rare.deadline {
                return Found::Over(Place { id, version: self.version });
            }
            rare.deadline = self.lifetimes.extend(now, rare.limit);
        }
        self.counts.hits += 1;
        self.use_once(id, mode);
        let value = self.slab.get(id).value;
        // SAFETY: the entry keeps it alive.
        unsafe { ffi::Py_INCREF(value) };
        Found::Hit(value)
    }

    /// Tells who leaves next that an entry was used.
    #[inline(always)]
    fn use_once(&mut self, id: u32, mode: Mode) {
        match mode.order {
            Order::Recency => self.recency.touch(id),
            Order::Policy => {
                if let Some(evictor) = &mut self.evictor {
                    evictor.hit(id);
                }
            }
            Order::Unbounded | Order::Off => {}
        }
    }

    /// Has the processor fetch what the next insertions will need: who leaves now was fetched when the one before left.
    #[inline(always)]
    pub(super) fn expect_miss(&mut self, mode: Mode) {
        if mode.order == Order::Recency && self.index.len() >= self.maxsize {
            let last = self.recency.last();
            let leaving = self.slab.get(last);
            self.index.prefetch(leaving.hash);
            prefetch(leaving.value);
            prefetch(leaving.only());
            self.slab.prefetch(self.recency.before(last));
        }
    }

    /// Adds an entry that is not there. Who has to leave for it goes to `departed`.
    /// `ttl` are nanoseconds to live, if not as the cache says.
    // Inlined, so that the entry is written once, to where it stays: copies of what was just written are slow.
    #[inline(always)]
    pub(super) fn add(&mut self, mut new: Whole, ttl: Option<u64>, mode: Mode, departed: &mut Departed) {
        let hash = new.entry.hash;
        self.version += 1;
        if mode.timed {
            let now = self.lifetimes.now();
            (new.rare.deadline, new.rare.limit) = self.lifetimes.begin(now, ttl);
            self.sweep(now, mode, departed);
        }
        if self.index.len() >= self.maxsize {
            self.evict(hash, mode, departed);
        }
        if self.index.is_full() {
            self.index.grow(self.slab.hashes());
        }
        let Some(id) = self.slab.insert(new) else {
            departed.push(new);
            return;
        };
        self.index.insert(hash, id);
        match mode.order {
            Order::Recency => self.recency.insert(id),
            Order::Policy => {
                if let Some(evictor) = &mut self.evictor {
                    evictor.insert(id, spread(hash));
                }
            }
            Order::Unbounded | Order::Off => {}
        }
        if self.index.len() == front::MOST + 1 {
            self.front = None;
        }
    }

    /// Gives the entry a new value, and a new life of `ttl` nanoseconds, if not as the cache says. This is a use of it.
    /// The old one goes to `departed`.
    pub(super) fn renew(&mut self, id: u32, new: (Whole, Option<u64>), mode: Mode, departed: &mut Departed) {
        let (mut new, ttl) = new;
        self.use_once(id, mode);
        if ttl.is_some() || self.lifetimes.are_bounded() {
            let now = self.lifetimes.now();
            let (deadline, limit) = self.lifetimes.begin(now, ttl);
            let rare = *self.slab.rare(id);
            self.slab.set_rare(id, Rare { deadline, limit, ..rare });
        } else if let Some(rare) = self.slab.rare_mut(id) {
            (rare.deadline, rare.limit) = (NEVER, NEVER);
        }
        // The arguments that came first stay, as in a dict.
        std::mem::swap(&mut self.slab.get_mut(id).value, &mut new.entry.value);
        departed.push(new);
    }

    /// Whether the time of an entry is over.
    pub(super) fn is_over(&self, id: u32) -> bool {
        let deadline = self.slab.rare(id).deadline;
        deadline != NEVER && self.lifetimes.now() >= deadline
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, id: u32, mode: Mode, departed: &mut Departed) {
        match mode.order {
            Order::Recency => self.recency.remove(id),
            Order::Policy => {
                if let Some(evictor) = &mut self.evictor {
                    evictor.remove(id);
                }
            }
            Order::Unbounded | Order::Off => {}
        }
        self.take(id, departed);
    }

    /// Takes everything out.
    pub(super) fn clear(&mut self) -> Slab {
        self.version += 1;
        self.index = Index::new();
        self.recency.clear();
        self.front = None;
        self.hand = 1;
        self.counts = Counts::default();
        std::mem::replace(&mut self.slab, Slab::new())
    }

    /// How many entries there are whose time is not over.
    pub(super) fn len(&self) -> usize {
        if self.slab.is_timed() { self.live().count() } else { self.index.len() }
    }

    /// Entries whose time is not over.
    pub(super) fn live(&self) -> impl Iterator<Item = View<'_>> {
        let now = if self.slab.is_timed() { self.lifetimes.now() } else { 0 };
        self.slab.iter().filter(move |view| view.rare.deadline > now)
    }

    /// Takes out who leaves next.
    pub(super) fn evict(&mut self, incoming: u32, mode: Mode, departed: &mut Departed) {
        let id = match mode.order {
            Order::Recency => {
                let id = self.recency.last();
                if id != 0 {
                    self.recency.remove(id);
                }
                id
            }
            Order::Policy => self.evictor.as_mut().and_then(|evictor| evictor.evict(spread(incoming))).unwrap_or(0),
            Order::Unbounded | Order::Off => 0,
        };
        if id != 0 {
            self.take(id, departed);
            self.counts.evictions += 1;
        }
    }

    fn take(&mut self, id: u32, departed: &mut Departed) {
        self.version += 1;
        let gone = self.slab.remove(id);
        self.index.remove(gone.entry.hash, id);
        if let Some(front) = &mut self.front {
            front.forget(gone.view(), id);
        }
        departed.push(gone);
    }

    /// Looks at the next two entries, so that those which nobody asks for any more do not stay for ever.
    fn sweep(&mut self, now: u64, mode: Mode, departed: &mut Departed) {
        for _ in 0..2 {
            if self.hand >= self.slab.end() {
                self.hand = 1;
                return;
            }
            let id = self.hand;
            self.hand += 1;
            if !self.slab.get(id).is_free() && self.slab.rare(id).deadline <= now {
                self.counts.expired += 1;
                self.remove(id, mode, departed);
            }
        }
    }
}

/// What policies take for a hash.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
