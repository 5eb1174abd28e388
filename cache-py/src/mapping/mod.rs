//! `memolith.Cache`: the same tiers as a mapping.

use pyo3::prelude::*;

/// Adds `Cache`.
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
