//! Scopes: what a block, a task or a request may do with caches, and what it has done.
//!
//! They are the core's. Which are around a call Python's context variables say, so tasks inherit them, and so does what
//! `contextvars.copy_context()` runs; the core is inside of them for as long as it works.

mod around;
mod class;

pub(crate) use around::{allow, begin, count, enter, is_any, is_here, mode, try_run};
pub(crate) use class::Marked;

use pyo3::prelude::*;

/// Adds `Scope` and `ScopeStats`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Marked>()?;
    module.add_class::<class::ScopeStats>()?;
    module.add_class::<class::Scope>()
}
