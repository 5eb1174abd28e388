//! Which keys are being computed, and by whom.

use memolith_core::{Claim, Space};
use parking_lot::{Condvar, Mutex};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A space by name, and a key in it.
type Name = (Arc<str>, Vec<u8>);

/// The claims of one place. A claim knows it, and so may outlive the backend.
#[derive(Debug, Default)]
pub(super) struct Claims(Arc<Board>);

#[derive(Debug, Default)]
struct Board {
    held: Mutex<Held>,
    /// Some claim has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    /// Each with its number, by which it is told from the next one of its key.
    claims: HashMap<Name, u64>,
    next: u64,
}

impl Claims {
    /// The claim of `key`; none if somebody has it, and then when that one has ended or `wait` is over.
    pub(super) fn claim(&self, space: &Space, key: &[u8], wait: Duration) -> Option<Claim> {
        let board = &self.0;
        let until = Instant::now().checked_add(wait);
        let name = (space.name.clone(), key.to_vec());
        let mut held = board.held.lock();
        let number = held.next;
        let other = match held.claims.entry(name.clone()) {
            Entry::Occupied(taken) => *taken.get(),
            Entry::Vacant(free) => {
                free.insert(number);
                held.next += 1;
                return Some(Claim::new(Mine { board: Arc::clone(board), name }));
            }
        };
        while held.claims.get(&name) == Some(&other) {
            let Some(until) = until else {
                board.ended.wait(&mut held);
                continue;
            };
            if board.ended.wait_until(&mut held, until).timed_out() {
                return None;
            }
        }
        None
    }
}

/// A claim that is held.
struct Mine {
    board: Arc<Board>,
    name: Name,
}

impl Drop for Mine {
    fn drop(&mut self) {
        self.board.held.lock().claims.remove(&self.name);
        self.board.ended.notify_all();
    }
}
