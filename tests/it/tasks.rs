//! What a task does with a cache is what a thread does, and never blocks its executor.

#![expect(clippy::unwrap_used, reason = "tests")]

use crate::fake::{Fake, Fault, Moment};
use crate::watchdog::{until, within};
use memolith::{Cache, CacheBuilder, Codec, Error, ErrorKind, Json, Result, Writes, invalidate_tag_async};
use std::fs;
use std::future::poll_fn;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

const HOUR: Duration = Duration::from_secs(3600);

/// One thread, which polls nothing else while it is blocked.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// JSON, in which 13 has no form.
#[derive(Debug)]
struct NoThirteen;

impl Codec<u64> for NoThirteen {
    fn id(&self) -> u8 {
        200
    }
    fn encode(&self, value: &u64, out: &mut Vec<u8>) -> Result<()> {
        match *value {
            13 => Err(Error::new(ErrorKind::Codec, "no 13")),
            value => Json.encode(&value, out),
        }
    }
    fn decode(&self, bytes: &[u8]) -> Result<u64> {
        Json.decode(bytes)
    }
}

/// Caches of every kind, each with a place of its own for `name`.
fn caches(place: &Path, name: &str) -> Vec<Cache<u64, u64>> {
    let builder = || Cache::<u64, u64>::builder().maxsize(None).tags(|key, _| [format!("{}", key % 3)]);
    let file = place.join(format!("{name}.db"));
    let sqlite = || memolith::open(&format!("sqlite:{}", file.display()));
    let backed = |builder: CacheBuilder<u64, u64>| builder.backend(Fake::new(), name, NoThirteen);
    vec![
        builder().build(),
        backed(builder()).build(),
        backed(builder()).memory(0).build(),
        backed(builder()).writes(Writes::Behind).build(),
        backed(builder().stale(HOUR)).build(),
        builder().backend(Fake::native(), name, NoThirteen).build(),
        builder().backend(Fake::native(), name, NoThirteen).memory(0).build(),
        builder().backend(sqlite(), name, NoThirteen).memory(0).build(),
    ]
}

/// One operation by a thread, and what came of it.
fn by_thread(cache: &Cache<u64, u64>, (dice, key, value): (u64, u64, u64)) -> String {
    match dice {
        0..4 => format!("{:?}", cache.insert(key, value)),
        4 => format!("{:?}", cache.insert_with_ttl(key, value, HOUR)),
        5..7 => format!("{:?}", cache.remove(&key)),
        7..10 => format!("{:?}", cache.get(&key)),
        10 => format!("{:?}", cache.contains(&key)),
        11 => format!("{:?}", cache.get_many(&[key, value, key])),
        12 => format!("{:?}", (cache.len(), cache.flush())),
        13 if value == 0 => format!("{:?}", cache.clear()),
        _ => format!("{:?}", cache.info()),
    }
}

async fn by_task(cache: &Cache<u64, u64>, (dice, key, value): (u64, u64, u64)) -> String {
    match dice {
        0..4 => format!("{:?}", cache.insert_async(key, value).await),
        4 => format!("{:?}", cache.insert_with_ttl_async(key, value, HOUR).await),
        5..7 => format!("{:?}", cache.remove_async(&key).await),
        7..10 => format!("{:?}", cache.get_async(&key).await),
        10 => format!("{:?}", cache.contains_async(&key).await),
        11 => format!("{:?}", cache.get_many_async(&[key, value, key]).await),
        12 => format!("{:?}", (cache.len_async().await, cache.flush_async().await)),
        13 if value == 0 => format!("{:?}", cache.clear_async().await),
        _ => format!("{:?}", cache.info_async().await),
    }
}

#[test]
fn a_task_does_what_a_thread_does() {
    within(60, || {
        let place = std::env::temp_dir().join(format!("memolith-tasks-{}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        let runtime = runtime();
        let both = caches(&place, "threads").into_iter().zip(caches(&place, "tasks"));
        for (at, (threads, tasks)) in both.enumerate() {
            let mut random = 0x9e37_79b9_7f4a_7c15_u64;
            for step in 0..600 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let operation = (random >> 60, random >> 40 & 7, random >> 20 & 15);
                let expected = by_thread(&threads, operation);
                let got = runtime.block_on(by_task(&tasks, operation));
                assert_eq!(got, expected, "cache {at}, step {step}, {operation:?}");
            }
        }
        fs::remove_dir_all(&place).unwrap();
    });
}

/// Holds up a backend until it is opened.
#[derive(Default)]
struct Gate {
    closed: Mutex<bool>,
    opened: Condvar,
    reached: AtomicBool,
}

impl Gate {
    fn before(fake: &Fake) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        let behind = Arc::clone(&gate);
        fake.at(move |_| {
            let mut closed = behind.closed.lock().unwrap();
            behind.reached.store(*closed, SeqCst);
            while *closed {
                closed = behind.opened.wait(closed).unwrap();
            }
        });
        gate
    }

    fn close(&self) {
        self.reached.store(false, SeqCst);
        *self.closed.lock().unwrap() = true;
    }

    fn open(&self) {
        *self.closed.lock().unwrap() = false;
        self.opened.notify_all();
    }

    /// Runs `work` with the gate closed, while another task of the executor opens it when somebody stands before it.
    fn hold_up<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        self.close();
        let (runtime, gate) = (runtime(), Arc::clone(self));
        runtime.spawn(async move {
            while !gate.reached.load(SeqCst) {
                yield_now().await;
            }
            gate.open();
        });
        runtime.block_on(work)
    }
}

#[test]
fn a_backend_that_hangs_holds_up_no_other_task() {
    within(60, || {
        let fake = Fake::new();
        let gate = Gate::before(&fake);
        let builder = Cache::<u64, u64>::builder().maxsize(None).tags(|_, _| ["hangs"]);
        let cache = builder.backend(Arc::clone(&fake), "f", NoThirteen).memory(0).build();
        gate.hold_up(cache.insert_async(1, 2));
        assert_eq!(gate.hold_up(cache.get_async(&1)), Some(2));
        assert!(gate.hold_up(cache.contains_async(&1)));
        assert_eq!(gate.hold_up(cache.get_many_async(&[1, 2])), [Some(2), None]);
        gate.hold_up(cache.insert_async(1, 13));
        assert_eq!((cache.get(&1), cache.info().errors), (None, 1));
        gate.hold_up(cache.insert_with_ttl_async(1, 3, HOUR));
        assert!(gate.hold_up(cache.remove_async(&1)).unwrap());
        cache.insert(1, 4);
        gate.hold_up(invalidate_tag_async("hangs")).unwrap();
        assert_eq!(cache.get(&1), None);
        cache.insert(1, 5);
        gate.hold_up(cache.clear_async()).unwrap();
        assert_eq!(cache.get(&1), None);
    });
}

#[test]
fn a_queue_that_is_full_holds_up_no_other_task() {
    within(60, || {
        let fake = Fake::new();
        let gate = Gate::before(&fake);
        let builder = Cache::<u64, u64>::builder().maxsize(None).writes(Writes::Behind);
        let cache = builder.backend(Arc::clone(&fake), "f", NoThirteen).memory(0).build();
        gate.close();
        cache.insert(0, 0);
        until(|| gate.reached.load(SeqCst));
        (1..=4096).for_each(|key| cache.insert(key, 0));
        let full = async {
            let mut inserted = pin!(cache.insert_async(5000, 0));
            let first = poll_fn(|context| Poll::Ready(inserted.as_mut().poll(context).is_ready())).await;
            assert!(!first, "waits");
            gate.open();
            inserted.await;
        };
        runtime().block_on(full);
        cache.flush().unwrap();
        assert_eq!((cache.get(&5000), cache.info().errors), (Some(0), 0));
    });
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_removal_goes_on_when_its_task_is_cancelled() {
    within(60, || {
        for fake in [Fake::new(), Fake::native()] {
            let cache = Arc::new(Cache::builder().maxsize(None).backend(Arc::clone(&fake), "f", NoThirteen).build());
            cache.insert(1, 2);
            cache.insert(2, 3);
            let (looks, seen) = (Arc::clone(&cache), Arc::new(AtomicBool::new(false)));
            let sees = Arc::clone(&seen);
            fake.at(move |moment| {
                // While it is under way nobody gets what is to go, and so keeps it.
                if moment == Moment::Remove && looks.get(&1).is_some() {
                    sees.store(true, SeqCst);
                }
            });
            let _ = poll(pin!(cache.remove_async(&1)));
            until(|| fake.held() == 1);
            assert_eq!((cache.get(&1), cache.get(&2), seen.load(SeqCst)), (None, Some(3), false));
            let _ = poll(pin!(cache.clear_async()));
            until(|| fake.held() == 0);
            assert_eq!(cache.get(&2), None);
            fake.at(|_| {});
        }
    });
}

#[test]
fn an_insertion_goes_on_or_is_undone_when_its_task_is_cancelled() {
    within(60, || {
        for fake in [Fake::new(), Fake::native()] {
            let builder = Cache::<u64, u64>::builder().maxsize(None);
            let cache = builder.backend(Arc::clone(&fake), "f", NoThirteen).memory(0).build();
            cache.insert(1, 2);
            let _ = poll(pin!(cache.insert_async(1, 3)));
            until(|| cache.get(&1) != Some(2));
            assert!(matches!(cache.get(&1), None | Some(3)));
        }
    });
}

#[test]
fn a_removal_that_failed_is_made_good() {
    let runtime = runtime();
    for fake in [Fake::new(), Fake::native()] {
        let cache = Cache::builder().maxsize(None).backend(Arc::clone(&fake), "f", NoThirteen).memory(0).build();
        for fault in [Fault::Fails, Fault::Panics] {
            runtime.block_on(cache.insert_async(1, 2));
            fake.fault(fault);
            assert!(runtime.block_on(cache.remove_async(&1)).is_err());
            assert_eq!(runtime.block_on(cache.get_async(&1)), None);
            fake.fault(Fault::None);
            assert_eq!((runtime.block_on(cache.get_async(&1)), fake.held()), (None, 0));
        }
        assert_eq!(cache.info().errors, 4);
    }
}
