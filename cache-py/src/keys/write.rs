//! The canonical bytes of one object: what is plain data here, what has a rule in `other`.

use super::depth::Depth;
use super::grammar;
use super::{number, other, text};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet};
use std::slice;

/// Appends the canonical bytes of `object`. What is plain data, and has no class of its own, runs no Python code.
#[inline]
pub(super) fn write(object: Borrowed<'_, '_, PyAny>, depth: Depth, out: &mut Vec<u8>) -> PyResult<()> {
    let ptr = object.as_ptr();
    // SAFETY: `ptr` is a live object.
    let class = unsafe { ffi::Py_TYPE(ptr) };
    if class == &raw mut ffi::PyLong_Type {
        return number::write_int(object, out);
    }
    if class == &raw mut ffi::PyUnicode_Type {
        return text::write(object, out);
    }
    // SAFETY: the address of an object that is never freed.
    if ptr == unsafe { ffi::Py_None() } {
        grammar::none(out);
        return Ok(());
    }
    if class == &raw mut ffi::PyTuple_Type {
        return write_tuple(object, depth, out);
    }
    write_rarer(object, class, depth, out)
}

fn write_rarer(
    object: Borrowed<'_, '_, PyAny>,
    class: *mut ffi::PyTypeObject,
    depth: Depth,
    out: &mut Vec<u8>,
) -> PyResult<()> {
    if class == &raw mut ffi::PyFloat_Type {
        grammar::float(out, number::float(object));
        return Ok(());
    }
    if class == &raw mut ffi::PyBool_Type {
        return number::write_int(object, out);
    }
    if class == &raw mut ffi::PyBytes_Type {
        write_bytes(object, out);
        return Ok(());
    }
    if class == &raw mut ffi::PyList_Type {
        return write_list(object, depth, out);
    }
    if class == &raw mut ffi::PyDict_Type {
        return write_dict(object, depth, out);
    }
    if class == &raw mut ffi::PySet_Type || class == &raw mut ffi::PyFrozenSet_Type {
        return write_set(object, depth, out);
    }
    other::write(object, depth, out)
}

/// Appends a `bytes` object, or one of a subclass.
pub(super) fn write_bytes(object: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) {
    let ptr = object.as_ptr();
    // SAFETY: callers have looked at the type; the bytes do not change, and live as long as the object.
    let value = unsafe {
        let data = ffi::PyBytes_AsString(ptr).cast::<u8>();
        slice::from_raw_parts(data, ffi::PyBytes_Size(ptr) as usize)
    };
    grammar::bytes(out, value);
}

/// Appends a tuple, or one of a subclass.
pub(super) fn write_tuple(object: Borrowed<'_, '_, PyAny>, depth: Depth, out: &mut Vec<u8>) -> PyResult<()> {
    let depth = depth.deeper()?;
    // SAFETY: callers have looked at the type.
    let len = unsafe { ffi::PyTuple_GET_SIZE(object.as_ptr()) };
    grammar::tuple(out, len as usize);
    items(object, len).try_for_each(|item| write(item, depth, out))
}

/// Appends a list, or one of a subclass, as it is now.
pub(super) fn write_list(object: Borrowed<'_, '_, PyAny>, depth: Depth, out: &mut Vec<u8>) -> PyResult<()> {
    let depth = depth.deeper()?;
    // SAFETY: callers have looked at the type; a new tuple or null returns.
    let snapshot = unsafe { Bound::from_owned_ptr_or_err(object.py(), ffi::PyList_AsTuple(object.as_ptr()))? };
    // SAFETY: a tuple.
    let len = unsafe { ffi::PyTuple_GET_SIZE(snapshot.as_ptr()) };
    grammar::list(out, len as usize);
    items(snapshot.as_borrowed(), len).try_for_each(|item| write(item, depth, out))
}

/// Appends a set or a frozen one, or one of a subclass, as it is now.
pub(super) fn write_set(object: Borrowed<'_, '_, PyAny>, depth: Depth, out: &mut Vec<u8>) -> PyResult<()> {
    let depth = depth.deeper()?;
    // A copy of the elements that sets are compared by, whatever the `__iter__` of a subclass shows.
    let snapshot = object.py().get_type::<PyFrozenSet>().call1((object,))?;
    let elements: PyResult<Vec<Vec<u8>>> =
        snapshot.try_iter()?.map(|item| written(item?.as_borrowed(), depth)).collect();
    grammar::set(out, elements?);
    Ok(())
}

/// Appends a dict, or one of a subclass, as it is now.
pub(super) fn write_dict(object: Borrowed<'_, '_, PyAny>, depth: Depth, out: &mut Vec<u8>) -> PyResult<()> {
    let depth = depth.deeper()?;
    let entries: PyResult<Vec<_>> = pairs(object)?
        .into_iter()
        .map(|(key, value)| Ok((written(key.as_borrowed(), depth)?, written(value.as_borrowed(), depth)?)))
        .collect();
    grammar::dict(out, entries?);
    Ok(())
}

/// The entries of a dict as they are now. Nothing that runs between two of them can change what is seen.
pub(super) fn pairs<'py>(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    let items = object.cast::<PyDict>()?.items();
    items.iter().map(|pair| pair.extract()).collect()
}

/// The bytes of one object for itself.
pub(super) fn written(object: Borrowed<'_, '_, PyAny>, depth: Depth) -> PyResult<Vec<u8>> {
    let mut out = Vec::new();
    write(object, depth, &mut out)?;
    Ok(out)
}

/// The items of a tuple of this length, which does not change and keeps them alive.
pub(super) fn items<'a, 'py>(
    tuple: Borrowed<'a, 'py, PyAny>,
    len: ffi::Py_ssize_t,
) -> impl Iterator<Item = Borrowed<'a, 'py, PyAny>> {
    // SAFETY: `at` is below the length; items of a tuple are not null.
    (0..len).map(move |at| unsafe { Borrowed::from_ptr(tuple.py(), ffi::PyTuple_GET_ITEM(tuple.as_ptr(), at)) })
}
