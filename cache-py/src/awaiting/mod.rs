//! Results that are awaited, and computations that are waited for.
//!
//! A hit of an `async def` is a [`ready`] awaitable: no coroutine is made and no event loop is asked. A miss is a
//! coroutine of `memolith/_flights.py`, so that cancellation, context variables and tracebacks are those of the
//! interpreter itself; what that needs of a cache are the two classes here. Threads meet on a board of the core, which
//! notices those who would wait for themselves or in a circle.

mod flights;
mod loops;
mod miss;
mod ready;
mod stored;
mod tasks;
mod threads;
mod trip;

pub(crate) use flights::Flights;
pub(crate) use loops::Loops;
pub(crate) use miss::Miss;
pub(crate) use ready::ready;
pub(crate) use tasks::Waiting;

use pyo3::prelude::*;

/// Adds what `memolith/_awaiting.py` takes from here.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    stored::register(module)?;
    tasks::register(module)
}
