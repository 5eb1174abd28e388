//! Where faults are told: they never reach the caller of a cached function.

use crate::errors::exception;
use crate::outside;
use memolith::Error;
use memolith_core::__private::apart;
use pyo3::prelude::*;
use std::cell::RefCell;
use std::error::Error as _;
use std::fmt;
use std::sync::Arc;

/// Tells faults to `on_error`, or to the logger `memolith`.
pub(crate) struct Faults(pub(crate) Option<Py<PyAny>>);

thread_local! {
    /// What this thread will tell when it has let go of its locks; none if it may tell at once.
    static KEPT: RefCell<Option<Vec<Fault>>> = const { RefCell::new(None) };
}

impl Faults {
    /// Tells one, from any thread. What the listener raises goes to `sys.unraisablehook`.
    pub(crate) fn tell(&self, error: &Error) {
        let is_kept = KEPT.with_borrow_mut(|kept| kept.as_mut().map(|kept| kept.push(Fault::new(error))).is_some());
        if !is_kept {
            self.tell_now(&Fault::new(error));
        }
    }

    /// Does what holds locks, and tells what went wrong afterwards.
    pub(crate) fn after<R>(&self, work: impl FnOnce() -> R) -> R {
        KEPT.set(Some(Vec::new()));
        let done = work();
        for fault in KEPT.take().into_iter().flatten() {
            self.tell_now(&fault);
        }
        done
    }

    fn tell_now(&self, fault: &Fault) {
        let tell = |py: Python<'_>| {
            let exception = exception(py, &fault.error);
            exception.set_cause(py, fault.cause.as_ref().map(|reason| reason.raised.clone_ref(py)));
            let listener = self.0.as_ref().map(|listener| listener.bind(py));
            let told = match listener {
                Some(listener) => listener.call1((exception.value(py),)).map(drop),
                None => warn(py, &exception),
            };
            if let Err(raised) = told {
                raised.write_unraisable(py, listener);
            }
        };
        // At the end of the interpreter there is nobody left to tell.
        let _ = apart(|| outside::attach(tell));
    }
}

/// An exception as the source of an error. Its text is made at once, since that runs Python code.
#[derive(Clone, Debug)]
pub(crate) struct Reason {
    text: Arc<str>,
    raised: Arc<PyErr>,
}

impl From<PyErr> for Reason {
    fn from(raised: PyErr) -> Self {
        Reason { text: raised.to_string().into(), raised: Arc::new(raised) }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Reason {}

fn warn(py: Python<'_>, exception: &PyErr) -> PyResult<()> {
    let logger = py.import("logging")?.call_method1("getLogger", ("memolith",))?;
    logger.call_method1("warning", ("%s", exception.value(py))).map(drop)
}

/// What is told: a copy of an error, since the core lends it for a moment.
struct Fault {
    error: Error,
    /// If Python code gave it.
    cause: Option<Reason>,
}

impl Fault {
    fn new(error: &Error) -> Self {
        let cause = error.source().and_then(|source| source.downcast_ref::<Reason>()).cloned();
        // The text says what the source says already.
        Fault { error: Error::new(error.kind(), error.to_string()), cause }
    }
}
