//! One computation of a key at a time.

use super::{fresh_space, must, opens};
use crate::{Backend, Claim, ErrorKind, Space};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Longer than anybody here is to wait in the end.
const LONG: Duration = Duration::from_secs(60);
/// Long enough to be told from no time at all.
const SHORT: Duration = Duration::from_millis(50);

/// A claim keeps all others from its key until it ends, lets who waits go when it does, and holds up nobody else.
///
/// # Panics
/// When it does not; a backend that gives every claim passes.
pub fn claims(backend: &dyn Backend) {
    let (space, other) = (fresh_space(), fresh_space());
    assert!(opens(backend, &space) && opens(backend, &other), "an unbounded space must be accepted");
    let first = claim(backend, &space, b"key", Duration::ZERO);
    assert!(first.is_some(), "a free key can be claimed");
    if claim(backend, &space, b"key", Duration::ZERO).is_some() {
        return;
    }
    let start = Instant::now();
    assert!(claim(backend, &space, b"key", SHORT).is_none(), "a key that is claimed is not given again");
    let waited = start.elapsed();
    assert!((SHORT / 2..LONG).contains(&waited), "a claim that is held was waited for {waited:?} of {SHORT:?}");
    for (space, key) in [(&space, &b"another key"[..]), (&space, b""), (&other, b"key")] {
        let start = Instant::now();
        drop(claim(backend, space, key, SHORT));
        assert!(start.elapsed() < LONG, "the claim of one key held up another");
    }
    let_go(backend, &space, first);
    one_at_a_time(backend, &space);
}

/// Who waits goes on when the claim ends, and not when its time is over.
fn let_go(backend: &dyn Backend, space: &Space, held: Option<Claim>) {
    std::thread::scope(|scope| {
        let (begins, has_begun) = channel();
        let waiter = scope.spawn(move || {
            let start = Instant::now();
            begins.send(()).expect("the receiver lives until the thread has ended");
            // Backends may put limits to one wait.
            while start.elapsed() < LONG {
                if claim(backend, space, b"key", LONG / 2).is_some() {
                    break;
                }
            }
            start.elapsed()
        });
        has_begun.recv().expect("the thread sends before anything else");
        std::thread::sleep(SHORT);
        assert!(!waiter.is_finished(), "a claim was given, or its wait ended, while another held the key");
        drop(held);
        let waited = waiter.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assert!(waited < LONG / 4, "who waited was let go {waited:?} after it began, and the claim ended long before");
    });
}

/// Of many threads on one key one holds the claim.
fn one_at_a_time(backend: &dyn Backend, space: &Space) {
    let (holders, claims) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let end = Instant::now() + LONG;
                for _ in 0..50 {
                    let claim = loop {
                        match claim(backend, space, b"key", SHORT) {
                            Some(claim) => break claim,
                            None => assert!(Instant::now() < end, "nobody holds the key for long, and it is not given"),
                        }
                    };
                    assert_eq!(holders.fetch_add(1, Relaxed), 0, "two hold the claim of one key");
                    std::thread::yield_now();
                    holders.fetch_sub(1, Relaxed);
                    claims.fetch_add(1, Relaxed);
                    drop(claim);
                }
            });
        }
    });
    assert_eq!(claims.load(Relaxed), 200, "every thread had its turns");
}

/// The claim, if it was given.
#[track_caller]
fn claim(backend: &dyn Backend, space: &Space, key: &[u8], wait: Duration) -> Option<Claim> {
    match backend.claim(space, key, wait) {
        Err(error) if error.kind() == ErrorKind::Busy => None,
        claimed => must("claim", claimed),
    }
}
