//! A thread that is there while it is needed.

use crate::redis::lock::{Condvar, Mutex};
use std::sync::{Arc, Weak};
use std::time::Duration;
use std::{io, thread};

/// How long it waits for more work.
const IDLE: Duration = Duration::from_secs(5);

/// Does one kind of work for a `T`, on a thread that begins when it is first called, and ends when it was not for some
/// seconds or when the `T` is gone.
#[derive(Debug)]
pub(crate) struct Hand {
    name: &'static str,
    bell: Arc<Bell>,
}

#[derive(Debug, Default)]
struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct State {
    runs: bool,
    called: bool,
    ended: bool,
}

impl Hand {
    pub(crate) fn new(name: &'static str) -> Self {
        Hand { name, bell: Arc::default() }
    }

    /// Has `work` done once more, and all of it that there is then.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn call<T: Send + Sync + 'static>(&self, of: &Arc<T>, work: fn(&Arc<T>)) -> io::Result<()> {
        let mut state = self.bell.state.lock();
        state.called = true;
        if state.runs {
            self.bell.rung.notify_one();
            return Ok(());
        }
        state.runs = true;
        let (bell, of) = (Arc::clone(&self.bell), Arc::downgrade(of));
        let begun = thread::Builder::new().name(self.name.into()).spawn(move || bell.serve(&of, work));
        state.runs = begun.is_ok();
        begun.map(drop)
    }

    /// Sends the thread home.
    pub(crate) fn end(&self) {
        self.bell.state.lock().ended = true;
        self.bell.rung.notify_one();
    }
}

impl Bell {
    fn serve<T>(&self, of: &Weak<T>, work: fn(&Arc<T>)) {
        while self.is_called() {
            let Some(of) = of.upgrade() else { break };
            work(&of);
        }
    }

    /// Waits for a call; `false` when none came.
    fn is_called(&self) -> bool {
        let mut state = self.state.lock();
        while !state.called && !state.ended {
            let (woken, is_idle) = self.rung.wait_for(state, IDLE);
            state = woken;
            if is_idle && !state.called {
                state.runs = false;
                return false;
            }
        }
        state.called = false;
        !state.ended
    }
}
