//! Numbers: one class, by their exact value.

use super::grammar;
use super::refuse;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt};

/// Decimal digits of an integer that a `Decimal` is written out to. Such a key has 40 KB.
const DIGITS: i64 = 100_000;

/// Appends an `int`, or one of a subclass, by value.
#[inline]
pub(super) fn write_int(object: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    let mut overflow = 0;
    // SAFETY: an object that is an `int`, which callers have looked at, is read as it is.
    let small = unsafe { ffi::PyLong_AsLongLongAndOverflow(object.as_ptr(), &mut overflow) };
    if overflow != 0 {
        return write_big(object, out);
    }
    grammar::int64(out, small);
    Ok(())
}

fn write_big(object: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    let py = object.py();
    // Methods of `int`, whatever a subclass makes of them.
    let class = py.get_type::<PyInt>();
    let bits: usize = class.call_method1("bit_length", (object,))?.extract()?;
    let signed = PyDict::new(py);
    signed.set_item("signed", true)?;
    let bytes = class.call_method("to_bytes", (object, bits / 8 + 1, "little"), Some(&signed))?;
    let mut bytes: Vec<u8> = bytes.extract()?;
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    if negative {
        negate(&mut bytes);
    }
    grammar::big(out, negative, &bytes);
    Ok(())
}

/// The negative of a number in two's complement.
fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes {
        (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
    }
}

/// The value of a `float`, or one of a subclass.
#[inline]
pub(super) fn float(object: Borrowed<'_, '_, PyAny>) -> f64 {
    // SAFETY: callers have looked at the type.
    unsafe { ffi::PyFloat_AS_DOUBLE(object.as_ptr()) }
}

/// Appends a `complex`, or one of a subclass.
pub(super) fn write_complex(object: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) {
    // SAFETY: callers have looked at the type.
    let value = unsafe { ffi::PyComplex_AsCComplex(object.as_ptr()) };
    if value.imag == 0.0 {
        return grammar::float(out, value.real);
    }
    grammar::extension(out, "complex");
    grammar::tuple(out, 2);
    grammar::float(out, value.real);
    grammar::float(out, value.imag);
}

/// Appends a `decimal.Decimal`.
pub(super) fn write_decimal(object: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    if object.call_method0("is_snan")?.is_truthy()? {
        return Err(refuse(object));
    }
    if !object.call_method0("is_finite")?.is_truthy()? {
        grammar::float(out, object.call_method0("__float__")?.extract()?);
        return Ok(());
    }
    if !object.is_truthy()? {
        grammar::int(out, 0);
        return Ok(());
    }
    let exponent: i64 = object.call_method0("adjusted")?.extract()?;
    if exponent.abs() > DIGITS {
        return Err(refuse(object));
    }
    let (numerator, denominator) = object.call_method0("as_integer_ratio")?.extract()?;
    write_ratio(&numerator, &denominator, out)
}

/// Appends a `fractions.Fraction`.
pub(super) fn write_fraction(object: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    write_ratio(&object.getattr("numerator")?, &object.getattr("denominator")?, out)
}

/// A ratio in lowest terms: an integer or a float where it is one, so that it equals those.
fn write_ratio(numerator: &Bound<'_, PyAny>, denominator: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    if denominator.eq(1)? {
        return write_integer(numerator, out);
    }
    // Too large or too small for a float, it is none.
    if let Ok(quotient) = numerator.div(denominator) {
        let same: (Bound<'_, PyAny>, Bound<'_, PyAny>) = quotient.call_method0("as_integer_ratio")?.extract()?;
        if same.0.eq(numerator)? && same.1.eq(denominator)? {
            grammar::float(out, quotient.extract()?);
            return Ok(());
        }
    }
    grammar::extension(out, "ratio");
    grammar::tuple(out, 2);
    write_integer(numerator, out)?;
    write_integer(denominator, out)
}

/// Appends what should be an `int`.
fn write_integer(object: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    write_int(object.cast::<PyInt>()?.as_any().as_borrowed(), out)
}
