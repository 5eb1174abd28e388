//! The type of decorated functions.

use pyo3::prelude::*;

/// Adds `CachedFunction(function, maxsize, typed, cache_info_type, options)`.
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
