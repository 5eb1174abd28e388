//! `memolith.Cache`: the same tiers as a mapping. What is here is one look, one change or one computation at a time;
//! `memolith/_mapping.py` makes a mapping of it.

mod backed;
mod entry;
mod many;
mod near;
mod table;
mod turns;

use backed::Backed;
use entry::Extra;
use near::Near;
use pyo3::prelude::*;
use turns::Turns;

/// Adds `Table`, of which `Cache` is a subclass.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    near::register(module)?;
    module.add_class::<table::Table>()
}
