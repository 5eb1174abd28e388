//! What hits and misses count, in lines that each thread has for itself.

use super::layout::{LANES, SESSIONS};
use super::map::Map;
#[cfg(not(loom))]
use super::region::Region;
#[cfg(not(loom))]
use super::spaces::Space;
#[cfg(not(loom))]
use std::cell::Cell;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[cfg(not(loom))]
impl Region {
    /// Counts a hit or a miss, in a line of the thread's own with a plain load and store: a locked instruction would keep
    /// the next lookup's loads from starting. Threads beyond the lanes share the last.
    #[inline(always)]
    pub(super) fn count(&self, space: &Space, hit: bool) {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            /// One more than the number of its lane; zero until it has one.
            static LANE: Cell<u8> = const { Cell::new(0) };
        }
        let Some(me) = self.ground.session.me(self.map()) else { return };
        let lane = LANE.with(|lane| {
            if lane.get() == 0 {
                lane.set(THREADS.fetch_add(1, Relaxed).min(LANES - 1) as u8 + 1);
            }
            usize::from(lane.get()) - 1
        });
        let word = self.map().word(self.map().layout.lane(me.row(), lane) + space.row * 2 + usize::from(!hit));
        if lane < LANES - 1 {
            word.store(word.load(Relaxed).wrapping_add(1), Relaxed);
        } else {
            word.fetch_add(1, Relaxed);
        }
    }
}

/// All that was ever counted for the space in `row`, whosever it was: hits, misses, evictions.
pub(super) fn counted(map: &Map, row: usize) -> [u64; 3] {
    let sessions = (0..SESSIONS).filter(|session| map.load(map.layout.session(*session)) != 0);
    let lanes = sessions.flat_map(|session| (0..LANES).map(move |lane| map.layout.lane(session, lane) + row * 2));
    let calls = lanes.fold([0_u64; 2], |[hits, misses], at| {
        [hits.wrapping_add(map.load(at)), misses.wrapping_add(map.load(at + 1))]
    });
    let evictions = (0..map.layout.stripes).map(|stripe| super::stripe::evictions(map, stripe, row));
    [calls[0], calls[1], evictions.fold(0, u64::wrapping_add)]
}
