//! The type of decorated functions, in CPython's own terms: calls come by vectorcall, and each kind of cache has a
//! function of its own for them.
//!
//! | file | idea |
//! |---|---|
//! | `object` | what an instance holds, and its life |
//! | `hot` | calls of plain functions that memory answers |
//! | `route` | all other calls: tasks, flights, keys of their own, backends |
//! | `methods` | `cache_info` and its like |
//! | `class` | the type itself |
//! | `attached` | tokens for CPython's own calls |

mod attached;
mod class;
mod hot;
mod methods;
mod object;
mod route;

use attached::attached;
use pyo3::prelude::*;

/// Adds `CachedFunction(function, maxsize, typed, cache_info_type, options)`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("CachedFunction", class::make(module)?)
}
