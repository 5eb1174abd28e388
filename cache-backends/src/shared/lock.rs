//! Locks whose dead owners are noticed, and whose living owners are never robbed.
//!
//! A lock is a word of the map: the low half names the owner, the high half counts its turns. It is taken with one
//! exchange. Who finds it taken sleeps a millisecond at a time and asks whether the owner lives; a dead one's lock is
//! taken over, and what it guards has to be repaired. No call waits longer than its patience, whatever happens.

use super::futex::{self, Deadline};
use super::map::Map;
use super::session::{Owner, Session};
use super::stores::step;
use super::vain::Turn;
use crate::sync::{AtomicU32, fence, pause, planted};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a call waits for a living owner.
pub(super) const PATIENCE: Duration = Duration::from_millis(20);
/// How long nobody waits for an owner again who has not moved while he was waited for.
const SPARED: Duration = Duration::from_millis(250);
/// A death is noticed so late at most.
const SLICE: Duration = Duration::from_millis(1);
/// Looks before the first sleep: most locks are held for less than a microsecond.
const SPINS: u32 = if cfg!(loom) { 0 } else { 64 };

const FREE: u32 = 0;
/// Somebody sleeps, or did: wake one.
const AWAITED: u32 = 1 << 31;

/// The lock was not to be had in time: its owner is slow or stopped, or this process has no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// A held lock.
#[derive(Debug)]
#[must_use = "a lock is released when its guard is dropped"]
pub(super) struct Guard<'a> {
    owner: &'a AtomicU32,
    /// Whether the last owner died with the lock, so that what it guards may be in between.
    pub(super) repair: bool,
}

/// Takes the lock in the word `at`, waiting for `patience` at most.
pub(super) fn lock<'a>(session: &Session, map: &'a Map, at: usize, patience: Duration) -> Result<Guard<'a>, Busy> {
    let me = session.me(map).ok_or(Busy)?;
    let word = Word { owner: map.half(at * 2), turns: map.half(at * 2 + 1) };
    if word.exchange(FREE, me.bits()) {
        return Ok(word.taken(Repair::No));
    }
    Waiter { session, map, word, me }.wait(at, patience)
}

impl Guard<'_> {
    /// Leaves the lock as a dead owner would: the next one repairs.
    pub(super) fn poison(self) {
        self.leave(Owner::DEAD.bits());
        std::mem::forget(self);
    }

    fn leave(&self, owner: u32) {
        step();
        // Release pairs with the Acquire of the next owner's exchange.
        let order = if planted("released too early") { Ordering::Relaxed } else { Ordering::Release };
        if self.owner.swap(owner, order) & AWAITED != 0 {
            futex::wake(self.owner, 1);
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.leave(if std::thread::panicking() { Owner::DEAD.bits() } else { FREE });
    }
}

struct Word<'a> {
    owner: &'a AtomicU32,
    turns: &'a AtomicU32,
}

enum Repair {
    No,
    Yes,
}

impl<'a> Word<'a> {
    fn exchange(&self, found: u32, owner: u32) -> bool {
        step();
        // Acquire pairs with the Release of the former owner's `leave`; for a dead one's word, what was stored before
        // the death is visible since the kernel was asked. Release: who finds this owner's name finds the generation
        // of its session, and does not take a living owner for a dead one.
        let order = if planted("name before generation") { Ordering::Acquire } else { Ordering::AcqRel };
        if planted("taken without a look") {
            self.owner.swap(owner, order);
            return true;
        }
        self.owner.compare_exchange(found, owner, order, Ordering::Relaxed).is_ok()
    }

    /// Says that somebody sleeps while the owner is `found`.
    fn announce(&self, found: u32) -> bool {
        // Relaxed: an exchange does not hide what the name was stored with from those who load the word after it.
        let exchange = || self.owner.compare_exchange(found, found | AWAITED, Ordering::Relaxed, Ordering::Relaxed);
        found & AWAITED != 0 || exchange().is_ok()
    }

    fn taken(&self, repair: Repair) -> Guard<'a> {
        step();
        // Nobody else stores it now.
        self.turns.store(self.turns.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        if !planted("no fence under the lock") {
            // Pairs with the Acquire fence of those who read without a lock: whoever reads a word that this owner stores
            // sees all that the former ones did, such as the odd generation of a segment that is used again.
            fence(Ordering::Release);
        }
        Guard { owner: self.owner, repair: matches!(repair, Repair::Yes) }
    }
}

struct Waiter<'a, 's> {
    session: &'s Session,
    map: &'a Map,
    word: Word<'a>,
    me: Owner,
}

impl<'a> Waiter<'a, '_> {
    #[cold]
    fn wait(&self, at: usize, patience: Duration) -> Result<Guard<'a>, Busy> {
        for round in 0..SPINS {
            if self.word.owner.load(Ordering::Relaxed) == FREE && self.word.exchange(FREE, self.me.bits()) {
                return Ok(self.word.taken(Repair::No));
            }
            pause(round);
        }
        let deadline = Deadline::after(patience);
        let first = self.turn(at);
        let mut moved = false;
        // From here on others may sleep of whom this one does not know. So it says that somebody does.
        let mine = self.me.bits() | AWAITED;
        // Every way around looks at the time: however often the lock changes hands or owners die, it ends.
        loop {
            // Acquire pairs with the exchange that stored the name: its session's generation is visible.
            let found = self.word.owner.load(Ordering::Acquire);
            let owner = Owner::from_bits(found);
            let is_free = found & !AWAITED == FREE;
            let is_dead = !is_free && !self.session.is_alive(self.map, owner);
            if (is_free || is_dead) && self.word.exchange(found, mine) {
                return Ok(self.word.taken(if is_dead { Repair::Yes } else { Repair::No }));
            }
            let turn = self.turn(at);
            moved |= turn != first;
            let left = deadline.left();
            if left.is_zero() {
                if !moved {
                    self.session.vain.remember(turn, SPARED);
                }
                return Err(Busy);
            }
            if !moved && self.session.vain.knows(turn) {
                return Err(Busy);
            }
            if !is_free && !is_dead && self.word.announce(found) {
                futex::sleep_on(self.word.owner, found | AWAITED, left.min(SLICE));
            }
        }
    }

    /// Whose turn it is, as a number that the next turn does not have.
    fn turn(&self, at: usize) -> Turn {
        let owner = self.word.owner.load(Ordering::Relaxed) & !AWAITED;
        Turn { at, owner, count: self.word.turns.load(Ordering::Relaxed) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(all(test, loom))]
mod loom_models;
