//! Members of enums, and dataclasses.

use super::depth::Depth;
use super::grammar;
use super::other::optional;
use super::place::class_path;
use super::write::{write, written};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

/// Appends a member of an enum: its class and its name.
pub(super) fn write_member(object: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    let name: String = object.getattr(intern!(object.py(), "_name_"))?.extract()?;
    grammar::extension(out, &class_path(object)?);
    grammar::text(out, &name);
    Ok(())
}

/// Appends flags: their class and their value, since those that are combined have no name.
pub(super) fn write_flag(object: Borrowed<'_, '_, PyAny>, depth: Depth, out: &mut Vec<u8>) -> PyResult<()> {
    grammar::extension(out, &class_path(object)?);
    write(object.getattr(intern!(object.py(), "_value_"))?.as_borrowed(), depth.deeper()?, out)
}

/// Appends a dataclass: its class, and the fields that it is compared by.
pub(super) fn write_dataclass(object: Borrowed<'_, '_, PyAny>, depth: Depth, out: &mut Vec<u8>) -> PyResult<()> {
    let py = object.py();
    let depth = depth.deeper()?;
    let fields = py.import("dataclasses")?.call_method1("fields", (object,))?;
    let mut entries = Vec::new();
    for field in fields.try_iter()? {
        let field = field?;
        if !field.getattr(intern!(py, "compare"))?.is_truthy()? {
            continue;
        }
        let name = field.getattr(intern!(py, "name"))?.cast_into::<PyString>()?;
        let value = object.getattr(&name)?;
        entries.push((written(name.as_any().as_borrowed(), depth)?, written(value.as_borrowed(), depth)?));
    }
    grammar::extension(out, &class_path(object)?);
    grammar::dict(out, entries);
    Ok(())
}

/// Whether instances of `class` are compared by `dataclass`'s own `__eq__`, whose code stands in no file.
pub(super) fn is_dataclass(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = class.py();
    if optional(class.as_any(), intern!(py, "__dataclass_fields__"))?.is_none() {
        return Ok(false);
    }
    let equal = class.getattr(intern!(py, "__eq__"))?;
    let Some(code) = optional(&equal, intern!(py, "__code__"))? else { return Ok(false) };
    code.getattr(intern!(py, "co_filename"))?.eq("<string>")
}
