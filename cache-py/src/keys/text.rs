//! Text, also such as has no UTF-8.

use super::grammar;
use pyo3::ffi;
use pyo3::prelude::*;
use std::slice;

/// Appends a `str`, or one of a subclass. Leaves no UTF-8 behind in the object, as CPython's own conversion does.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub(super) fn write(object: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    let ptr = object.as_ptr();
    // SAFETY: callers have looked at the type; the text does not change, and lives as long as the object.
    if let Some(value) = unsafe { ascii(ptr) } {
        grammar::text(out, value);
        return Ok(());
    }
    write_wide(object, out)
}

/// The characters of a text that is known to be ASCII.
///
/// # Safety
/// `text` is a `str`, which outlives what is returned.
#[inline]
unsafe fn ascii<'a>(text: *mut ffi::PyObject) -> Option<&'a str> {
    // SAFETY: a compact ASCII text, and one of one byte a character, has as many bytes as its length.
    unsafe {
        #[cfg(not(Py_3_14))]
        if ffi::PyUnicode_IS_COMPACT_ASCII(text) == 0 {
            return None;
        }
        // Since then the flag can be read no more; Latin letters are of one byte too.
        #[cfg(Py_3_14)]
        if ffi::PyUnicode_KIND(text) != ffi::PyUnicode_1BYTE_KIND {
            return None;
        }
        let data = ffi::PyUnicode_DATA(text).cast::<u8>();
        let bytes = slice::from_raw_parts(data, ffi::PyUnicode_GET_LENGTH(text) as usize);
        (!cfg!(Py_3_14) || bytes.is_ascii()).then(|| std::str::from_utf8_unchecked(bytes))
    }
}

fn write_wide(object: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    let ptr = object.as_ptr();
    // SAFETY: as above; `KIND` says how wide a character is.
    unsafe {
        // Text of old C APIs gets its characters here, which needs memory.
        if ffi::PyUnicode_READY(ptr) != 0 {
            return Err(PyErr::fetch(object.py()));
        }
        let len = ffi::PyUnicode_GET_LENGTH(ptr) as usize;
        let data = ffi::PyUnicode_DATA(ptr);
        match ffi::PyUnicode_KIND(ptr) {
            ffi::PyUnicode_1BYTE_KIND => write_chars(slice::from_raw_parts(data.cast::<u8>(), len), out),
            ffi::PyUnicode_2BYTE_KIND => write_chars(slice::from_raw_parts(data.cast::<u16>(), len), out),
            _ => write_chars(slice::from_raw_parts(data.cast::<u32>(), len), out),
        }
    }
    Ok(())
}

fn write_chars<C: Copy + Into<u32>>(chars: &[C], out: &mut Vec<u8>) {
    let text: Option<String> = chars.iter().map(|code| char::from_u32((*code).into())).collect();
    match text {
        Some(text) => grammar::text(out, &text),
        None => grammar::surrogates(out, &generalized(chars)),
    }
}

/// UTF-8 in which a lone surrogate has three bytes, as every character of its size.
fn generalized<C: Copy + Into<u32>>(chars: &[C]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(chars.len() * 3);
    for code in chars.iter().map(|code| (*code).into()) {
        match char::from_u32(code) {
            Some(char) => bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
            None => {
                let low = |shift: u32| 0x80 | (code >> shift & 0x3f) as u8;
                bytes.extend_from_slice(&[0xe0 | (code >> 12) as u8, low(6), low(0)]);
            }
        }
    }
    bytes
}
