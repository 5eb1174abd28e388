//! Tags, under which the core finds results and entries.

use crate::errors::exception;
use pyo3::prelude::*;

/// Ends all results and entries with a tag that stand in backends, of every function and cache, for every process.
#[pyfunction]
pub(super) fn _invalidate_tag(py: Python<'_>, tag: &str) -> PyResult<()> {
    invalidate(py, tag)
}

/// Ends what carries `tag`.
///
/// # Errors
/// `CacheError` where a backend could not be told; this process does not serve what is there.
pub(crate) fn invalidate(py: Python<'_>, tag: &str) -> PyResult<()> {
    py.detach(|| memolith::invalidate_tag(tag)).map_err(|error| exception(py, &error))
}

/// What stands for `tag` in one space alone.
pub(crate) fn within(space: &str, tag: &str) -> String {
    // No name of a function or a cache has such a character unless somebody wants it to.
    [space, "\u{1f}", tag].concat()
}
