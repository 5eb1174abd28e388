//! Forked children of a process that uses servers.
#![expect(unsafe_code, reason = "tests that fork")]

use crate::servers::{Server, eventually};
use crate::workers::{Worker, job, say};
use memolith_backends::Redis;
use memolith_backends::redis::Lock;
use memolith_core::{Backend, ErrorKind, Record, Space, Timestamp};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// Runs `work` in a forked child, which has twenty seconds.
#[track_caller]
fn in_a_child(work: impl FnOnce()) {
    // SAFETY: what the child calls waits for no thread of its parent's, as these tests are to show; it ends without
    // destructors.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: it has the process killed that calls it.
        unsafe { libc::alarm(20) };
        let held = catch_unwind(AssertUnwindSafe(work)).is_ok();
        // SAFETY: it ends the process.
        unsafe { libc::_exit(if held { 0 } else { 1 }) };
    }
    let mut status = -1;
    // SAFETY: it writes the status of a process that this one has forked.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0, "the child failed, or had not ended in time");
}

/// Runs `parent` with the URL of a server in a process without other tests, whose threads would be missing in children.
fn alone(test: &str, parent: impl FnOnce(&str)) {
    if let Some(job) = job() {
        parent(&job[0]);
        return say("well");
    }
    let mut worker = Worker::start(&format!("forks::{test}"), &[&Server::shared().url()]);
    worker.hear("well");
    worker.end();
}

/// Says that it is over, also where a test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

fn record(text: &str) -> Record {
    Record { value: text.as_bytes().to_vec(), expires: Timestamp::NEVER }
}

#[test]
fn children_have_connections_of_their_own_and_their_parent_keeps_its_own() {
    alone("children_have_connections_of_their_own_and_their_parent_keeps_its_own", |url| {
        let redis = Redis::open(&format!("{url}?timeout=5s")).unwrap();
        let spaces: Vec<Space> = [None, Some(10), Some(2_000)]
            .map(|maxsize| {
                let mut space = Space::new(crate::load::fresh("forks"));
                space.maxsize = maxsize;
                redis.open(&space).unwrap();
                redis.put(&space, b"key", &record("parent"), NOW).unwrap();
                space
            })
            .into();
        let (over, calls) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for number in 0..2_u64 {
                let (redis, spaces, over, calls) = (&redis, &spaces, &over, &calls);
                scope.spawn(move || {
                    while !over.load(SeqCst) {
                        let call = calls.fetch_add(1, SeqCst);
                        let (space, own) = (&spaces[call as usize % spaces.len()], record(&call.to_string()));
                        redis.put(space, &number.to_le_bytes(), &own, NOW).unwrap();
                        // A reply to somebody else would be seen here.
                        assert_eq!(redis.get(space, &number.to_le_bytes(), NOW).unwrap(), Some(own));
                    }
                });
            }
            let _end = End(&over);
            for round in 0..20 {
                let before = calls.load(SeqCst);
                in_a_child(|| {
                    for space in &spaces {
                        assert_eq!(redis.get(space, b"key", NOW).unwrap(), Some(record("parent")));
                        let own = record(&format!("child {round}"));
                        redis.put(space, b"own", &own, NOW).unwrap();
                        assert_eq!(redis.get(space, b"own", NOW).unwrap(), Some(own));
                        assert!(redis.remove(space, b"own").unwrap());
                    }
                });
                eventually("the parent goes on", || calls.load(SeqCst) > before + 10);
            }
        });
    });
}

#[test]
fn what_a_parent_holds_is_not_its_childs() {
    alone("what_a_parent_holds_is_not_its_childs", |url| {
        let redis = Redis::open(&format!("{url}?timeout=5s")).unwrap();
        let (lock, space) = (Lock::new(&redis, &crate::load::fresh("forks")), Space::new(crate::load::fresh("forks")));
        let mut guard = lock.try_acquire().unwrap();
        let mut claim = redis.claim(&space, b"key", Duration::ZERO).unwrap();
        assert!(claim.is_some());
        let fence = guard.as_ref().unwrap().fence();
        in_a_child(|| {
            let copy = guard.take().unwrap();
            assert_eq!((copy.is_held(), copy.fence()), (false, fence));
            assert_eq!(copy.renew().unwrap_err().kind(), ErrorKind::Unsupported);
            assert_eq!(copy.release().unwrap_err().kind(), ErrorKind::Unsupported);
            drop(claim.take().unwrap());
            assert!(lock.try_acquire().unwrap().is_none(), "its parent has it");
            assert!(redis.claim(&space, b"key", Duration::ZERO).unwrap().is_none(), "its parent has claimed it");
            let own = Lock::new(&redis, &crate::load::fresh("own")).try_acquire().unwrap().unwrap();
            assert!(own.is_held() && own.renew().unwrap() && own.release().unwrap());
        });
        let guard = guard.unwrap();
        assert!(guard.is_held() && guard.renew().unwrap() && guard.release().unwrap());
        assert!(redis.claim(&space, b"key", Duration::ZERO).unwrap().is_none(), "it is claimed yet");
    });
}
