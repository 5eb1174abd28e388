//! The thread that keeps house: ends idle readers, looks for what other processes invalidated, writes hits that wait.
//!
//! It sleeps without waking while no reader is open, nobody watches and no hit waits, and ends with the last handle.

use super::store::Store;
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long it sleeps while there is something to look after.
const BEAT: Duration = Duration::from_millis(50);

/// Hits wait for so long at most while the process goes on.
const HITS: Duration = Duration::from_secs(60);

/// The thread, ended when this is dropped.
#[derive(Debug)]
pub(super) struct Tick {
    pulse: Arc<Pulse>,
    thread: Option<JoinHandle<()>>,
    process: u32,
}

#[derive(Debug, Default)]
struct Pulse {
    ended: Mutex<bool>,
    changed: Condvar,
    /// Whether somebody has to wake the thread.
    asleep: AtomicBool,
}

impl Tick {
    /// Starts to look after `store`, which it does not keep alive.
    pub(super) fn start(store: &Arc<Store>) -> Tick {
        let pulse = Arc::new(Pulse::default());
        let (store, shared) = (Arc::downgrade(store), pulse.clone());
        // Without the thread idle readers are ended by the writer alone, and nobody is told.
        let spawned = std::thread::Builder::new().name("memolith-sqlite".into()).spawn(move || keep(&store, &shared));
        Tick { pulse, thread: spawned.ok(), process: std::process::id() }
    }

    /// There is something to look after.
    pub(super) fn wake(&self) {
        // Pairs with the store before the thread looks for the last time: either it sees the work, or this sees it asleep.
        if self.pulse.asleep.load(SeqCst) {
            let _guard = self.pulse.ended.lock();
            self.pulse.asleep.store(false, SeqCst);
            self.pulse.changed.notify_all();
        }
    }
}

impl Drop for Tick {
    fn drop(&mut self) {
        // A forked child has the handle, and no thread to wait for.
        if self.process != std::process::id() {
            return;
        }
        *self.pulse.ended.lock() = true;
        self.pulse.changed.notify_all();
        let Some(thread) = self.thread.take() else { return };
        // The last handle may be dropped by a watcher, that is by the thread itself.
        if thread.thread().id() != std::thread::current().id() {
            // A panic of a watcher has ended the thread before, and has been reported.
            let _ = thread.join();
        }
    }
}

fn keep(store: &Weak<Store>, pulse: &Pulse) {
    let mut written = Instant::now();
    let mut look = || store.upgrade().map(|store| look_after(&store, &mut written));
    loop {
        let Some(mut next) = look() else { return };
        if next.is_none() {
            // Looked again when others know: what comes after the second look finds somebody to wake.
            pulse.asleep.store(true, SeqCst);
            let Some(again) = look() else { return };
            next = again;
        }
        let mut ended = pulse.ended.lock();
        match next {
            _ if *ended => return,
            Some(sleep) => {
                pulse.asleep.store(false, SeqCst);
                pulse.changed.wait_for(&mut ended, sleep);
            }
            None => {
                while pulse.asleep.load(SeqCst) && !*ended {
                    pulse.changed.wait(&mut ended);
                }
            }
        }
        if *ended {
            return;
        }
    }
}

/// One round. Says when the next is due, if any.
fn look_after(store: &Store, written: &mut Instant) -> Option<Duration> {
    let watched = store.watchers.any();
    if watched {
        // Errors are met again, and reported, by whoever uses the cache.
        let _ = store.with(|database, _| store.watchers.look(database));
    }
    let database = store.open_now()?;
    let reading = database.end_idle();
    let waiting = !database.hits().is_empty();
    if waiting && written.elapsed() >= HITS {
        *written = Instant::now();
        let hits = database.hits().take(usize::MAX);
        let _ = store.with(|database, _| database.write_hits(&hits));
        return Some(BEAT);
    }
    match (reading || watched, waiting) {
        (true, _) => Some(BEAT),
        (false, true) => Some(HITS.saturating_sub(written.elapsed()).max(BEAT)),
        (false, false) => None,
    }
}
