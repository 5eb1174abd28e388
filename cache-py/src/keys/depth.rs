//! How deep one object may hold another.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Levels, of objects in objects.
const DEEPEST: u8 = 128;

/// The levels above an object.
#[derive(Clone, Copy)]
pub(super) struct Depth(u8);

impl Depth {
    /// Of an argument.
    pub(super) const TOP: Depth = Depth(0);

    /// Of what an object of this depth holds.
    ///
    /// # Errors
    /// `ValueError` where that is too deep, which it is in an object that holds itself.
    #[inline]
    pub(super) fn deeper(self) -> PyResult<Self> {
        if self.0 == DEEPEST {
            let message = format!("an argument holds itself or is more than {DEEPEST} levels deep, cache by key=..");
            return Err(PyValueError::new_err(message));
        }
        Ok(Depth(self.0 + 1))
    }
}
