//! Changes of a mapping with a backend, one after the other for each key.

use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many changes may be under way at once.
const STRIPES: usize = 16;

type Stripes = [Stripe; STRIPES];

/// Locks by key. They are held while the core writes, by threads that are detached, and no Python code runs meanwhile.
///
/// Who has looked before changes what it saw only if nobody has changed it since: see [`change_if`](Self::change_if).
pub(crate) struct Turns(AtomicPtr<Stripes>);

#[derive(Default)]
struct Stripe {
    lock: Mutex<()>,
    /// How many changes have ended.
    ended: AtomicU64,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Turns(AtomicPtr::new(Box::into_raw(Box::default())))
    }

    /// A number that another is there instead of once the entry of `key` has changed. To be asked before a look.
    pub(crate) fn ended(&self, key: &[u8]) -> u64 {
        // Acquire pairs with the end of a change: who sees its number sees what it did.
        self.stripe(key).ended.load(Ordering::Acquire)
    }

    /// Changes the entry of `key`.
    pub(crate) fn change<R>(&self, key: &[u8], change: impl FnOnce() -> R) -> R {
        let turn = self.stripe(key).take();
        let changed = change();
        turn.end();
        changed
    }

    /// The same if nothing has changed since [`ended`](Self::ended) gave `seen`. None if something has: some other
    /// change has succeeded then.
    pub(crate) fn change_if<R>(&self, key: &[u8], seen: u64, change: impl FnOnce() -> R) -> Option<R> {
        let turn = self.stripe(key).take();
        if turn.stripe.ended.load(Ordering::Relaxed) != seen {
            return None;
        }
        let changed = change();
        turn.end();
        Some(changed)
    }

    /// Changes any entries.
    pub(crate) fn change_all<R>(&self, change: impl FnOnce() -> R) -> R {
        // All who take several take them in this order, so that nobody waits for who waits for them.
        let turns = self.stripes().each_ref().map(Stripe::take);
        let changed = change();
        turns.into_iter().for_each(Turn::end);
        changed
    }

    /// Has a child of the process not wait for threads that it has not got.
    pub(crate) fn renew(&self) {
        let fresh = Box::<Stripes>::default();
        for (fresh, old) in fresh.iter().zip(self.stripes()) {
            fresh.ended.store(old.ended.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        // The old ones stay where they are, a few hundred bytes: a lock that is held cannot be dropped.
        self.0.store(Box::into_raw(fresh), Ordering::Release);
    }

    fn stripe(&self, key: &[u8]) -> &Stripe {
        // FNV-1a: who chooses keys that meet here makes them wait for each other, and no more.
        let hash = key.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        &self.stripes()[(hash >> 32) as usize % STRIPES]
    }

    fn stripes(&self) -> &Stripes {
        // SAFETY: from a box, which nobody drops before `self`, whether it is replaced or not.
        unsafe { &*self.0.load(Ordering::Acquire) }
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        // SAFETY: from a box; this is the end of the only one who has it.
        drop(unsafe { Box::from_raw(*self.0.get_mut()) });
    }
}

impl Stripe {
    fn take(&self) -> Turn<'_> {
        Turn { stripe: self, _guard: self.lock.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

/// The right to change what belongs to a stripe.
struct Turn<'a> {
    stripe: &'a Stripe,
    _guard: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// Counted at the end: who looks while a change is under way may see what was there before it.
    fn end(self) {
        self.stripe.ended.fetch_add(1, Ordering::Release);
    }
}
