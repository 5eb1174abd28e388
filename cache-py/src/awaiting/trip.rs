//! A lookup of the core on its way, driven by a coroutine.

use super::stored::StoredMiss;
use super::tasks::python;
use crate::outside;
use crate::scope;
use crate::stored::{Held, Shelf, Stored};
use memolith::Lookup;
use memolith_core::__private::PortableKey;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

type Course = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A lookup in the core, and its lease if that was a miss: `Trip` of `memolith/_awaiting.py`.
#[pyclass(frozen, module = "memolith._memolith", name = "_Trip")]
pub(super) struct Trip {
    stored: Arc<Stored>,
    key: PortableKey,
    /// `None` while it is polled, and when it has come to its end. No Python code runs under either lock.
    course: Mutex<Option<Course>>,
    stop: Arc<Mutex<Stop>>,
}

/// Where a trip is.
#[derive(Default)]
enum Stop {
    #[default]
    Asking,
    Found(Held),
    /// The lease is held, and the value waited for.
    Missed,
    /// The value, which goes into the cache.
    Filled(Held),
    /// There is a value, which goes nowhere.
    Declined,
    /// There is none, and an old one is asked for.
    Failed,
    /// The value is on its way.
    Leaving,
}

impl Trip {
    pub(super) fn new(stored: &Arc<Stored>, cache: &Arc<Shelf>, key: &PortableKey) -> Self {
        let stop = Arc::default();
        let course: Course = Box::pin(course(Arc::clone(cache), key.clone(), Arc::clone(&stop)));
        Trip { stored: Arc::clone(stored), key: key.clone(), course: Mutex::new(Some(course)), stop }
    }
}

/// The lookup from its beginning to its end. It holds what its lease borrows from.
async fn course(cache: Arc<Shelf>, key: PortableKey, stop: Arc<Mutex<Stop>>) {
    let lease = match cache.lookup_async(&key).await {
        Lookup::Hit(held) => return *lock(&stop) = Stop::Found(held),
        Lookup::Miss(lease) => lease,
    };
    *lock(&stop) = Stop::Missed;
    match poll_fn(|_| computed(&stop)).await {
        Stop::Filled(held) => lease.fill_async(held).await.release(),
        Stop::Failed => {
            if let Some(old) = lease.fail() {
                *lock(&stop) = Stop::Found(old);
            }
        }
        _ => drop(lease),
    }
}

/// What came of the computation. Who says so polls next, so that nobody has to be woken.
fn computed(stop: &Mutex<Stop>) -> Poll<Stop> {
    let mut stop = lock(stop);
    match &*stop {
        Stop::Missed => Poll::Pending,
        _ => Poll::Ready(std::mem::replace(&mut *stop, Stop::Leaving)),
    }
}

#[pymethods]
impl Trip {
    /// Goes on. False: there is nothing to do until `future` is done. Raises CacheMiss where nothing is to be computed.
    fn poll(&self, future: Bound<'_, PyAny>) -> PyResult<bool> {
        let py = future.py();
        let Some(mut course) = lock(&self.course).take() else { return Ok(true) };
        let alarm = Arc::new(Alarm { future: future.unbind(), has_rung: AtomicBool::new(false) });
        let waker = Waker::from(alarm);
        // Files may be read in here, and those who wake us want to be attached.
        let poll = || {
            let has_ended = course.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
            if !has_ended {
                *lock(&self.course) = Some(course);
            }
            has_ended
        };
        let has_ended = scope::try_run(py, || py.detach(poll))?;
        Ok(has_ended || matches!(*lock(&self.stop), Stop::Missed))
    }

    /// The value; empty if it cannot be read. None: the caller computes it.
    fn found<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let found = match &*lock(&self.stop) {
            Stop::Found(held) => held.clone(),
            _ => return Ok(None),
        };
        let object = self.stored.object(py, self.key.bytes(), found)?;
        PyTuple::new(py, object).map(Some)
    }

    /// Hands over what was computed.
    fn fill(&self, value: Bound<'_, PyAny>, miss: PyRef<'_, StoredMiss>) -> PyResult<()> {
        let filled = match self.stored.is_kept(&value)? {
            true => Stop::Filled(miss.held(&value)?),
            false => Stop::Declined,
        };
        self.say(filled);
        Ok(())
    }

    /// Says that nothing was computed. What may be served instead is found when it has gone on.
    fn fail(&self) {
        self.say(Stop::Failed);
    }

    /// Lets go of the lease; no effect if it was filled.
    fn close(&self, py: Python<'_>) {
        let course = lock(&self.course).take();
        // A claim of other processes is given back in here.
        py.detach(|| drop(course));
    }
}

impl Trip {
    fn say(&self, computed: Stop) {
        let before = std::mem::replace(&mut *lock(&self.stop), computed);
        drop(before);
    }
}

/// Wakes the coroutine that drives a trip.
struct Alarm {
    /// What it awaits: a future of its event loop.
    future: Py<PyAny>,
    has_rung: AtomicBool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.has_rung.swap(true, Relaxed) {
            return;
        }
        // Once the interpreter goes away nobody awaits anything.
        outside::attach(|py| {
            let woken = python(py).and_then(|python| python.wake.bind(py).call1((&self.future,)));
            if let Err(error) = woken {
                error.write_unraisable(py, Some(self.future.bind(py)));
            }
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
