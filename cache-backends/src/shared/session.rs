//! Who is alive.
//!
//! A process has a session for each region it writes to: a row of a table in the map, held by a record lock on a byte
//! of the file, and a generation, raised once the byte is held. Locks and claims name their owner by row and
//! generation. Whether it lives is asked of the kernel, so that nothing in the map has to be believed: no process
//! number, no pointer, no structure of a C library.
//!
//! A generation has 22 bits in such a name: to mistake a living owner for a dead one, a process would have to sleep
//! between two instructions while four million others came and went in one row.

use super::byte::{self, Byte};
use super::layout::{LANE, LANES, SESSIONS};
use super::map::Map;
use super::stores::step;
use super::vain::Vain;
use crate::sync::{AtomicU64, pause, planted};
use std::fmt;
use std::sync::atomic::{AtomicU64 as PrivateU64, Ordering};
use std::time::{Duration, Instant};

const ROW_BITS: u32 = 9;
const ROW: u32 = (1 << ROW_BITS) - 1;
/// Of a name in a lock or a claim; the highest bit is left to the lock.
const GENERATION: u32 = (1 << (31 - ROW_BITS)) - 1;
/// After a session was not to be had, the next call that asks again comes so much later.
const AGAIN: Duration = Duration::from_millis(250);
const JOINING: u32 = u32::MAX;
const _: () = assert!(SESSIONS < ROW as usize, "a row is left for the dead");

/// The name of a process in a region: never zero, below 2³¹.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner(u32);

/// This process in a region.
pub(super) struct Session {
    /// The number of forks when it was joined, and the name of the owner: zero before that and when it failed.
    me: AtomicU64,
    byte: Byte,
    born: Instant,
    /// Milliseconds after `born` before which nobody tries to join.
    again: PrivateU64,
    /// Who was waited for in vain.
    pub(super) vain: Vain,
}

/// A region in memory, and this process in it.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) session: Session,
    pub(super) map: Map,
}

impl Owner {
    /// Nobody, and so as good as dead: left where a writer gave up, or the machine was started anew.
    pub(super) const DEAD: Owner = Owner(ROW);

    /// The row of its session.
    pub(super) fn row(self) -> usize {
        (self.0 & ROW) as usize
    }

    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// The owner whose name this is; anything is a name, though not of somebody who lives.
    pub(super) fn from_bits(bits: u32) -> Self {
        Owner(bits & (u32::MAX >> 1))
    }
}

impl Session {
    /// The session of this process, joined at once if that can be.
    pub(super) fn new(map: &Map) -> Self {
        let session = Session {
            me: AtomicU64::new(0),
            byte: Byte::new(),
            born: Instant::now(),
            again: PrivateU64::new(0),
            vain: Vain::new(),
        };
        session.me(map);
        session
    }

    /// The name of this process; in the child of a fork a new one. `None` when none is to be had: then it must not write.
    #[inline]
    pub(super) fn me(&self, map: &Map) -> Option<Owner> {
        // Acquire pairs with the Release of whichever thread joined.
        let (forks, name) = split(self.me.load(Ordering::Acquire));
        if forks == byte::forks() && name != 0 && name != JOINING { Some(Owner(name)) } else { self.joined(map) }
    }

    /// Whether an owner may still be at work. Its last stores are visible when it is not.
    pub(super) fn is_alive(&self, map: &Map, owner: Owner) -> bool {
        // The kernel does not count what is our own.
        if self.me(map) == Some(owner) {
            return true;
        }
        let row = owner.row();
        if row >= SESSIONS {
            return false;
        }
        // It was stored before the name was, which the caller has loaded with Acquire. If it is another, the row
        // belongs to somebody else, who got it because this one is dead: Acquire pairs with their Release, for it is
        // they who have heard from the kernel that the dead one's stores are done.
        let generation = map.word(map.layout.session(row)).load(Ordering::Acquire) as u32 & GENERATION;
        generation == owner.0 >> ROW_BITS && self.byte.is_held(map, row)
    }

    #[cold]
    fn joined(&self, map: &Map) -> Option<Owner> {
        for round in 0..1 << 12 {
            let found = self.me.load(Ordering::Acquire);
            let (forks, name) = split(found);
            let now = byte::forks();
            match name {
                JOINING if forks == now => pause(round),
                0 if forks == now && self.is_too_early() => return None,
                _ if name != 0 && forks == now => return Some(Owner(name)),
                // Never, or in a parent: the threads of a parent are not there to go on.
                _ => {
                    let joining = join(now, JOINING);
                    if self.me.compare_exchange(found, joining, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                        let owner = self.enter(map);
                        self.me.store(join(now, owner.map_or(0, Owner::bits)), Ordering::Release);
                        return owner;
                    }
                }
            }
        }
        None
    }

    fn enter(&self, map: &Map) -> Option<Owner> {
        let entered = self.byte.take(map).and_then(|row| {
            // The lines of its counters get their room now: no hit finds the disk full.
            map.allocate(map.layout.lane(row, 0), LANES * LANE)?;
            Ok(row)
        });
        let Ok(row) = entered else {
            let again = self.born.elapsed() + AGAIN;
            self.again.store(u64::try_from(again.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
            return None;
        };
        let generation = map.word(map.layout.session(row));
        let mut next = generation.load(Ordering::Relaxed);
        if !planted("generation not raised") {
            next = next.wrapping_add(1);
        }
        // Zero is what is found in a new region, and with the first row it would be a free lock.
        if next as u32 & GENERATION == 0 {
            next = next.wrapping_add(1);
        }
        step();
        // Release pairs with `is_alive`. Whoever reads the name of this session in a lock finds this stored, since the
        // name is stored with Release as well.
        let order = if planted("generation without the past") { Ordering::Relaxed } else { Ordering::Release };
        generation.store(next, order);
        Some(Owner((next as u32 & GENERATION) << ROW_BITS | row as u32))
    }

    fn is_too_early(&self) -> bool {
        let again = self.again.load(Ordering::Relaxed);
        again > 0 && self.born.elapsed() < Duration::from_millis(again)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, name) = split(self.me.load(Ordering::Relaxed));
        f.debug_struct("Session").field("me", &Owner(name)).finish_non_exhaustive()
    }
}

fn split(me: u64) -> (u32, u32) {
    ((me >> 32) as u32, me as u32)
}

fn join(forks: u32, name: u32) -> u64 {
    u64::from(forks) << 32 | u64::from(name)
}

#[cfg(all(test, not(loom)))]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::trial::{Scratch, region};
    use super::*;

    #[test]
    fn sessions_of_a_process_are_apart_and_a_row_is_used_again() {
        let scratch = Scratch::new();
        let path = scratch.path("region");
        let (one, two) = (region(&path), region(&path));
        let names = [&one, &two].map(|region| region.session.me(&region.map).unwrap());
        assert_ne!(names[0].row(), names[1].row());
        for region in [&one, &two] {
            assert!(names.iter().all(|name| region.session.is_alive(&region.map, *name)));
            assert!(!region.session.is_alive(&region.map, Owner::DEAD));
        }
        drop(one);
        assert!(!two.session.is_alive(&two.map, names[0]));
        let three = region(&path);
        let name = three.session.me(&three.map).unwrap();
        assert_eq!(name.row(), names[0].row());
        assert_ne!(name, names[0]);
        assert!(!two.session.is_alive(&two.map, names[0]));
    }

    #[test]
    fn no_name_is_a_free_lock_or_has_the_bit_of_one_that_is_awaited() {
        let scratch = Scratch::new();
        let first = region(&scratch.path("region"));
        for before in [u64::from(GENERATION) - 1, u64::from(GENERATION), u64::MAX - 1, u64::MAX] {
            (0..SESSIONS).for_each(|row| first.map.store(first.map.layout.session(row), before));
            let next = region(&scratch.path("region"));
            let name = next.session.me(&next.map).unwrap();
            assert!(name.bits() >> ROW_BITS != 0 && name.bits() < 1 << 31);
        }
    }

    #[test]
    fn who_finds_every_row_taken_does_not_write_and_asks_again_later() {
        let scratch = Scratch::new();
        let path = scratch.path("region");
        let mut regions: Vec<_> = (0..SESSIONS).map(|_| region(&path)).collect();
        let last = region(&path);
        assert_eq!(last.session.me(&last.map), None);
        regions.clear();
        assert_eq!(last.session.me(&last.map), None);
        last.session.again.store(1, Ordering::Relaxed);
        assert!(last.session.me(&last.map).is_some());
    }
}
