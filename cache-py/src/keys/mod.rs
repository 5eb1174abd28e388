//! From the arguments of a call to bytes that are the same in every process.
//!
//! [`write_object`] gives objects that are equal in Python equal bytes, in the grammar that the core has for keys which
//! other languages read. [`write_call`] puts the arguments of a call in the order of the signature first, so that
//! `f(1, 2)` and `f(1, b=2)` are one call. [`space`] names a function, with a fingerprint of what it does.

mod arguments;
mod binder;
mod code;
mod dates;
mod depth;
mod exact;
mod fingerprint;
mod kinds;
mod number;
mod numpy;
mod other;
mod place;
mod probe;
mod read;
mod records;
mod rules;
mod space;
mod text;
mod write;

pub(crate) use arguments::{Fit, write_call};
pub(crate) use binder::Binder;
pub(crate) use probe::register;
pub(crate) use read::read_object;
pub(crate) use space::{Said, space};

use depth::Depth;
use memolith_core::__private::portable as grammar;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// Appends the canonical bytes of one object: equal for objects that are equal. `typed`: with its class.
///
/// # Errors
/// `TypeError` for an object that has no canonical form, `ValueError` for one that holds itself; what the object's own
/// code raises.
pub(crate) fn write_object(object: &Bound<'_, PyAny>, typed: bool, out: &mut Vec<u8>) -> PyResult<()> {
    if typed {
        grammar::extension(out, arguments::TYPED);
        grammar::tuple(out, 2);
    }
    write::write(object.as_borrowed(), Depth::TOP, out)?;
    if typed { other::write_type(object.as_borrowed(), out) } else { Ok(()) }
}

/// Says that there is no canonical form of `object`, and what to do.
fn refuse(object: Borrowed<'_, '_, PyAny>) -> PyErr {
    let class = object.get_type();
    let name = place::path(class.as_any()).unwrap_or_else(|_| "unnamed".into());
    PyTypeError::new_err(format!(
        "{name} object has no canonical form: cache by key=.., skip it, or give it __memolith_key__()"
    ))
}
